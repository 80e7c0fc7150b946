"""Serves the iris classifier. Nothing here knows of `cpr`."""

import pickle
from pathlib import Path

import joblib


class MyPredictor:
    """Names the iris species of each instance."""

    def __init__(self, model, preprocessor, class_names):
        self._model = model
        self._preprocessor = preprocessor
        self._class_names = class_names

    def predict(self, instances, **kwargs):
        """One species an instance, or its probabilities if the request asks for them."""
        inputs = self._preprocessor.preprocess(instances)
        if kwargs.get("probabilities"):
            return self._model.predict_proba(inputs).tolist()
        return [self._class_names[index] for index in self._model.predict(inputs)]

    @classmethod
    def from_path(cls, model_dir):
        """Load what train.py left in the model directory."""
        folder = Path(model_dir)
        model = joblib.load(folder / "model.joblib")
        preprocessor = pickle.loads((folder / "preprocessor.pkl").read_bytes())
        class_names = (folder / "species.txt").read_text().split()
        return cls(model, preprocessor, class_names)
