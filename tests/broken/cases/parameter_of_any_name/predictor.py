class MyPredictor:
    @classmethod
    def from_path(klass, artifacts, /, version=1):
        return klass()

    def predict(self, instances, **kwargs):
        return [2 * value for value in instances]
