"""The preprocessing that training and prediction share."""

import numpy as np


class MySimpleScaler:
    """Shifts and scales every column to mean 0 and deviation 1.

    Fit once, on the training data; a pickle of the object then carries the
    numbers to the place where the model is served.
    """

    def __init__(self):
        self.means = None
        self.deviations = None

    def fit(self, rows):
        rows = np.asarray(rows, dtype=float)
        self.means = rows.mean(axis=0)
        self.deviations = rows.std(axis=0)
        return self

    def preprocess(self, rows):
        if self.means is None:
            raise RuntimeError("call fit before preprocess")
        return (np.asarray(rows, dtype=float) - self.means) / self.deviations
