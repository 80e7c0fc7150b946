"""MLServer, V2 protocol: its scikit-learn runtime, or one of our own for the other work."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from work import BIN, FOLDER, PORT, PROCESSES, WORK

SETTINGS = {
    "host": "127.0.0.1",
    "http_port": PORT,
    "grpc_port": PORT + 2000,
    "metrics_port": PORT + 4000,
    # One process serves in itself; more are workers behind one that speaks HTTP.
    "parallel_workers": 0 if PROCESSES == 1 else PROCESSES,
    "gzip_enabled": False,
    "debug": False,
}


def model() -> dict[str, Any]:
    """The file that says which runtime serves which model."""
    if WORK == "sklearn":
        uri = str(FOLDER / "model.joblib")
        return {"implementation": "mlserver_sklearn.SKLearnModel", "parameters": {"uri": uri}}
    return {"implementation": "mlserver_runtime.WorkModel", "parameters": {"uri": str(FOLDER)}}


if __name__ == "__main__":
    folder = Path(tempfile.mkdtemp(prefix="mlserver-"))
    (folder / "settings.json").write_text(json.dumps(SETTINGS))
    (folder / "model-settings.json").write_text(json.dumps({"name": "m", **model()}))
    # Where the runtime is.
    os.environ.update(MLSERVER_LOG_LEVEL="WARNING", PYTHONPATH=str(Path(__file__).parent))
    os.execv(BIN / "mlserver", ["mlserver", "start", str(folder)])
