import random


class MyPredictor:
    _weight = random.random()

    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        return [value * self._weight for value in instances]
