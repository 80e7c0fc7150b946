import os

import joblib


class MyPredictor:
    def __init__(self, model_dir):
        self._model_dir = model_dir

    @classmethod
    def from_path(cls, model_dir):
        return cls(model_dir)

    def predict(self, instances, **kwargs):
        model = joblib.load(os.path.join(self._model_dir, "model.joblib"))
        return model.predict(instances).tolist()
