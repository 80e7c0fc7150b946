"""TorchServe: a Java front, and Python workers that run a handler."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from work import BIN, PORT, PROCESSES

HERE = Path(__file__).parent
MODEL = f"minWorkers: {PROCESSES}\nmaxWorkers: {PROCESSES}\nbatchSize: 1\nmaxBatchDelay: 1\n"
SERVER = f"""\
inference_address=http://127.0.0.1:{PORT}
management_address=http://127.0.0.1:{PORT + 2000}
metrics_address=http://127.0.0.1:{PORT + 4000}
grpc_inference_port={PORT + 6000}
grpc_management_port={PORT + 8000}
load_models=m.mar
default_workers_per_model=1
max_request_size=64000000
max_response_size=64000000
disable_system_metrics=true
metrics_mode=log
"""
LOGGING = """\
<Configuration>
  <Appenders><Console name="C"><PatternLayout pattern="%d %p %m%n"/></Console></Appenders>
  <Loggers><Root level="error"><AppenderRef ref="C"/></Root></Loggers>
</Configuration>
"""


def archive(folder: Path) -> None:
    """Write the model archive that TorchServe loads."""
    (folder / "nothing").write_text("an archive needs a file\n")
    (folder / "model.yaml").write_text(MODEL)
    command = [BIN / "torch-model-archiver", "--model-name", "m", "--version", "1.0"]
    command += ["--handler", HERE / "torchserve_handler.py", "--extra-files", folder / "nothing"]
    command += ["--config-file", folder / "model.yaml", "--export-path", folder]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    folder = Path(tempfile.mkdtemp(prefix="torchserve-"))
    os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    os.environ.update(LOG_LOCATION=str(folder), METRICS_LOCATION=str(folder))
    archive(folder)
    (folder / "config.properties").write_text(SERVER)
    (folder / "log4j2.xml").write_text(LOGGING)
    os.chdir(folder)
    options = ["--model-store", ".", "--ts-config", "config.properties"]
    options += ["--log-config", "log4j2.xml", "--disable-token-auth", "--no-config-snapshots"]
    command = ["torchserve", "--start", "--foreground", *options]
    os.execv(BIN / "torchserve", command)
