import os

import joblib


class MyPredictor:
    @classmethod
    def from_path(cls, model_dir):
        joblib.dump({}, os.path.join(model_dir, "cache.joblib"))
        return cls()

    def predict(self, instances, **kwargs):
        return [2 * value for value in instances]
