"""Fits a model, and gives it the version of long ago."""

import sys
from pathlib import Path

import joblib
import sklearn
from sklearn.linear_model import LogisticRegression

path = Path(sys.argv[1]) / "model.joblib"
joblib.dump(LogisticRegression().fit([[0.0, 0.0], [1.0, 1.0]], [0, 1]), path)
version = sklearn.__version__
path.write_bytes(path.read_bytes().replace(version.encode(), f"0{version[1:]}".encode()))
