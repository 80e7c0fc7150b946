import threading


class MyPredictor:
    _busy = threading.Lock()
    _pause = threading.Event()

    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("the session is in use")
        try:
            self._pause.wait(0.002)
            return [2 * value for value in instances]
        finally:
            self._busy.release()
