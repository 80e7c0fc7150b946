"""BentoML: `bentoml serve`, one service, with its adaptive batching or without."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from work import BIN, PORT

if __name__ == "__main__":
    os.environ.update(BENTOML_HOME=tempfile.mkdtemp(prefix="bentoml-"), BENTOML_DO_NOT_TRACK="True")
    os.chdir(Path(__file__).parent)
    address = ["--host", "127.0.0.1", "--port", str(PORT)]
    os.execv(BIN / "bentoml", ["bentoml", "serve", "bentoml_service:Peer", *address])
