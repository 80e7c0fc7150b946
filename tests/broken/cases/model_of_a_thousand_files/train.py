"""Adds many files."""

import sys
from pathlib import Path

model_dir = Path(sys.argv[1])
for number in range(1000):
    (model_dir / f"{number}.txt").touch()
