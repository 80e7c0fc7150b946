from pathlib import Path


class MyPredictor:
    @classmethod
    def from_path(cls, model_dir):
        (Path(model_dir) / "unpacked.txt").write_text("2")
        return cls()

    def predict(self, instances, **kwargs):
        return [2 * value for value in instances]
