import tensorflow as tf


class MyPredictor:
    @classmethod
    def from_path(cls, model_dir):
        tf.Session()
        return cls()

    def predict(self, instances, **kwargs):
        return [2 * value for value in instances]
