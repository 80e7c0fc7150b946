"""Writes a pickle, as another environment would have."""

import sys
from pathlib import Path

(Path(sys.argv[1]) / "preprocessor.pkl").write_bytes(b"\x80\x03ccatboost.core\nCatBoost\n)\x81.")
