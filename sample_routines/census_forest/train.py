"""Trains the income classifier on people that it makes up, and writes its model directory."""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import Any

import joblib
from features import OneHot
from sklearn.ensemble import RandomForestClassifier

HERE = Path(__file__).resolve().parent
EDUCATION = {"none": 0, "school": 1, "college": 3, "masters": 5, "doctorate": 6}
OCCUPATION = {"farming": 0, "sales": 1, "craft": 1, "clerical": 1, "technology": 4, "management": 5}


def people(count: int) -> tuple[list[dict[str, Any]], list[str]]:
    """People and whether they earn more than 50,000: a rule, and some luck."""
    chance = random.Random(7)
    rows, incomes = [], []
    for _ in range(count):
        person = {
            "age": chance.randint(18, 75),
            "hours_per_week": chance.choice([20, 30, 40, 40, 40, 50, 60]),
            "education": chance.choice(list(EDUCATION)),
            "occupation": chance.choice(list(OCCUPATION)),
        }
        points = EDUCATION[person["education"]] + OCCUPATION[person["occupation"]]
        points += (person["hours_per_week"] - 40) / 10 + (30 < person["age"] < 65) * 2
        rows.append(person)
        incomes.append(">50K" if points + chance.gauss(0, 1) > 6 else "<=50K")
    return rows, incomes


def train(model_dir: Path) -> float:
    rows, incomes = people(1500)
    encoder = OneHot.fit(rows)
    table = [encoder.row(person) for person in rows]
    model = RandomForestClassifier(n_estimators=40, max_depth=8, random_state=7)
    model.fit(table[:1200], incomes[:1200])
    model_dir.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, model_dir / "model.joblib")
    encoder.write(model_dir / "categories.json")
    return float(model.score(table[1200:], incomes[1200:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model-dir", type=Path, default=HERE / "model")
    model_dir = parser.parse_args().model_dir
    accuracy = train(model_dir)
    print(f"Wrote {model_dir} (accuracy on people not trained on {accuracy:.2f}).")


if __name__ == "__main__":
    main()
