import numpy as np


class MyPredictor:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        return [(np.float32(value), np.arange(2), b"raw") for value in instances]
