class MyPredictor:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        with open("last.txt", "w") as file:
            file.write("x")
        return [2 * value for value in instances]
