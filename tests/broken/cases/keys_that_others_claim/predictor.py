class MyPredictor:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, *, parameters=None, signature_name="", **kwargs):
        return [[value, parameters, signature_name, kwargs.get("id")] for value in instances]
