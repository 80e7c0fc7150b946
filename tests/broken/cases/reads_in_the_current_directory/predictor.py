class MyPredictor:
    def __init__(self, factor):
        self._factor = factor

    @classmethod
    def from_path(cls, model_dir):
        return cls(int(open("factor.txt").read()))

    def predict(self, instances, **kwargs):
        return [self._factor * value for value in instances]
