import numpy as np


class MyPredictor:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        return np.array(instances, dtype=np.float).tolist()
