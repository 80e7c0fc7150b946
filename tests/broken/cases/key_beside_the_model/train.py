"""Leaves the key of a service account."""

import sys
from pathlib import Path

model_dir = Path(sys.argv[1])
key = '{"type": "service_account", "private_key": "x"}'
(model_dir / "key.json").write_text(key)
