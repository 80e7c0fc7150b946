"""Writes the shortest SavedModel, with another file beside it."""

import sys
from pathlib import Path

model_dir = Path(sys.argv[1])
(model_dir / "saved_model.pb").write_bytes(b"\x08\x01\x12\x00")
(model_dir / "labels.txt").write_text("setosa\n")
