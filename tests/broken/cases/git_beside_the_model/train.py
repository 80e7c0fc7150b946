"""Begins a repository."""

import sys
from pathlib import Path

model_dir = Path(sys.argv[1])
(model_dir / ".git").mkdir()
(model_dir / ".git" / "config").write_text("[core]\n")
