import tensorflow as tf


class MyPredictor:
    def __init__(self, model):
        self._model = model

    @classmethod
    def from_path(cls, model_dir):
        return cls(tf.saved_model.load(model_dir))

    def predict(self, instances, **kwargs):
        return [2 * value for value in instances]
