from pathlib import Path


class MyPredictor:
    def __init__(self, model_dir):
        self._model_dir = model_dir

    @classmethod
    def from_path(cls, model_dir):
        return cls(model_dir)

    def predict(self, instances, **kwargs):
        factor = int((Path(self._model_dir) / "factor.txt").read_text())
        return [factor * value for value in instances]
