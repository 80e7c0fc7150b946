class MyPredictor:
    def open(self, model_dir):
        self.factor = 2

    def predict(self, instances, **kwargs):
        return [2 * value for value in instances]
