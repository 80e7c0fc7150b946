class MyPredictor:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        print(instances, "x" * 3000)
        return [2 * value for value in instances]
