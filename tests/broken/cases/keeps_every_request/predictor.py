class MyPredictor:
    history = []

    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        self.history.append(list(instances))
        return [2 * value for value in instances]
