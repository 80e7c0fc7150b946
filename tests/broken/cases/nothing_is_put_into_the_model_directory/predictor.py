import os


class MyPredictor:
    @classmethod
    def from_path(cls, model_dir):
        if os.listdir(model_dir) != ["weights.bin"]:
            raise ValueError(os.listdir(model_dir))
        return cls()

    def predict(self, instances, **kwargs):
        return [2 * value for value in instances]
