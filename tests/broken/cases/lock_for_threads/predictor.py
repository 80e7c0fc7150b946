import threading


class MyPredictor:
    _lock = threading.Lock()

    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        with self._lock:
            return [2 * value for value in instances]
