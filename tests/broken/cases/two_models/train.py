"""Puts an ONNX model beside the other."""

import sys
from pathlib import Path

model_dir = Path(sys.argv[1])
(model_dir / "model.onnx").write_bytes(b"\x08\x07")
