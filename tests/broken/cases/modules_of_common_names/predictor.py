from model import FACTOR
from preprocess import clean
from utils import times


class MyPredictor:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        return times(FACTOR, clean(instances))
