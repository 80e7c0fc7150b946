"""MLflow: `mlflow models serve`; the pipeline as its scikit-learn flavour, the rest as pyfunc."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from work import BIN, PORT, PROCESSES, WORK, pipeline


def save(folder: Path) -> None:
    """Write the model as MLflow keeps it."""
    import mlflow.pyfunc
    import mlflow.sklearn

    if WORK == "sklearn":
        mlflow.sklearn.save_model(
            pipeline(), folder, serialization_format="cloudpickle", pip_requirements=[]
        )
    else:
        mlflow.pyfunc.save_model(folder, loader_module="mlflow_loader", pip_requirements=[])


if __name__ == "__main__":
    folder = Path(tempfile.mkdtemp(prefix="mlflow-"))
    os.environ.update(MLFLOW_TRACKING_URI=f"file:{folder}", MLFLOW_DISABLE_TELEMETRY="true")
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)  # where the loader is
    os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    save(folder / "model")
    command = ["mlflow", "models", "serve", "-m", str(folder / "model"), "--env-manager", "local"]
    command += ["-h", "127.0.0.1", "-p", str(PORT), "-w", str(PROCESSES)]
    os.execv(BIN / "mlflow", command)
