import math


class MyPredictor:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        return [{"score": math.log(value) if value > 1 else math.nan} for value in instances]
