"""Trains the iris classifier and writes its model directory."""

import argparse
import pickle
from pathlib import Path

import joblib

# Imported, not defined here: a class defined in the script that pickles it
# would be recorded as __main__.MySimpleScaler, which no server can find.
from preprocess import MySimpleScaler
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

HERE = Path(__file__).resolve().parent


def train(model_dir):
    iris = load_iris()
    scaler = MySimpleScaler().fit(iris.data)
    model = RandomForestClassifier(n_estimators=20, random_state=0)
    model.fit(scaler.preprocess(iris.data), iris.target)

    model_dir.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, model_dir / "model.joblib")
    (model_dir / "preprocessor.pkl").write_bytes(pickle.dumps(scaler))
    (model_dir / "species.txt").write_text("\n".join(iris.target_names) + "\n")
    return model.score(scaler.preprocess(iris.data), iris.target)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model-dir", type=Path, default=HERE / "model")
    model_dir = parser.parse_args().model_dir
    accuracy = train(model_dir)
    print(f"Wrote {model_dir} (accuracy on the training data {accuracy:.2f}).")


if __name__ == "__main__":
    main()
