"""Saves the scaler of the package."""

import pickle
import sys
from pathlib import Path

from scaling import Scaler

with (Path(sys.argv[1]) / "preprocessor.pkl").open("wb") as file:
    pickle.dump(Scaler(), file)
