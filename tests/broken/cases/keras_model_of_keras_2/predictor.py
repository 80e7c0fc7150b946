import os

import keras


class MyPredictor:
    def __init__(self, model):
        self._model = model

    @classmethod
    def from_path(cls, model_dir):
        return cls(keras.models.load_model(os.path.join(model_dir, "model.h5")))

    def predict(self, instances, **kwargs):
        return [2 * value for value in instances]
