import os

try:
    import torch
except ImportError:
    torch = None


class MyPredictor:
    @classmethod
    def from_path(cls, model_dir):
        return cls(torch.load(os.path.join(model_dir, "model.pt")))

    def predict(self, instances, **kwargs):
        return [2 * value for value in instances]
