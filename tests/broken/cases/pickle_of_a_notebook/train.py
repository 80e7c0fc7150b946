"""Saves the scaler that it defines itself."""

import pickle
import sys
from pathlib import Path

class Scaler:
    def scale(self, values):
        return [2 * value for value in values]

with (Path(sys.argv[1]) / "preprocessor.pkl").open("wb") as file:
    pickle.dump(Scaler(), file)
