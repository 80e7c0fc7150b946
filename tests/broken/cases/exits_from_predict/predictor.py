import sys


class MyPredictor:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        if len(instances) > 2:
            sys.exit("too many")
        return [2 * value for value in instances]
