"""Asks the versions of a model through servers, over HTTP: ours, and TensorFlow Serving."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asked import Request

sys.path.append(str(Path(__file__).resolve().parents[1] / "robustness"))

from running_server import RunningServer

Reply = tuple[int, Any]
Post = Callable[[str, bytes], tuple[int, bytes]]
SERVING = "tensorflow_model_server"
_PATHS = {
    "columns": "/v1/models/m/versions/{}:predict",
    "rows": "/v1/projects/p/models/m/versions/{}:predict",
}
# TensorFlow Serving has the one route for both.
_SERVING_PATHS = dict.fromkeys(_PATHS, "/v1/models/m/versions/{}:predict")
_START_S = 120.0


def ours(
    folder: Path, tags: Sequence[str], versions: Sequence[int], asked: Sequence[Request]
) -> dict[int, list[Reply]]:
    """The replies of each version in `folder`, from one ``cpr serve`` of all.

    Raises:
        ServerFailed: It did not start.
    """
    arguments = ["--model-dir", str(folder), "--model-name", "m", "--versions", "all"]
    with RunningServer(*arguments, env={"CPR_PREDICTOR_TAGS": ",".join(tags)}) as server:

        def post(path: str, body: bytes) -> tuple[int, bytes]:
            return server.fetch("POST", path, body)

        return {version: _replies(post, _PATHS, version, asked) for version in versions}


def tensorflow_serving(
    folder: Path, versions: Sequence[int], asked: Sequence[Request]
) -> dict[int, list[Reply]] | None:
    """The same from TensorFlow Serving; None where its binary is not on the PATH."""
    binary = shutil.which(SERVING)
    if binary is None:
        return None
    with _serving(binary, folder) as post:
        return {version: _replies(post, _SERVING_PATHS, version, asked) for version in versions}


def _replies(
    post: Post, paths: dict[str, str], version: int, asked: Sequence[Request]
) -> list[Reply]:
    made = []
    for request in asked:
        body = json.dumps(request.body).encode()
        status, answer = post(paths[request.path].format(version), body)
        made.append((status, _document(answer)))
    return made


def _document(answer: bytes) -> Any:
    try:
        return json.loads(answer)
    except ValueError:
        return answer.decode(errors="replace")


@contextmanager
def _serving(binary: str, folder: Path) -> Iterator[Post]:
    """A TensorFlow Serving of all versions in `folder`."""
    settings = folder.parent / "serving.config"
    settings.write_text(
        f'model_config_list {{ config {{ name: "m" base_path: "{folder}" '
        'model_platform: "tensorflow" model_version_policy { all {} } } }\n'
    )
    port = _free_port()
    log = folder.parent / "serving.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [binary, f"--rest_api_port={port}", "--port=0", f"--model_config_file={settings}"],
            stdout=output,
            stderr=output,
        )

        def post(path: str, body: bytes) -> tuple[int, bytes]:
            return _fetch(port, "POST", path, body)

        try:
            _wait(port, process, log)
            yield post
        finally:
            process.kill()
            process.wait()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until all versions are available, or have failed to be."""
    end = time.monotonic() + _START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            status, body = _fetch(port, "GET", "/v1/models/m", b"")
        except OSError:
            status, body = 0, b""
        states = [item["state"] for item in _states(body)] if status == 200 else []
        if states and all(state in ("AVAILABLE", "END") for state in states):
            return
        time.sleep(0.1)
    raise RuntimeError(f"{SERVING} did not start: {log.read_text(errors='replace')[-2000:]}")


def _states(body: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(body)["model_version_status"]
    return found


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _fetch(port: int, method: str, path: str, body: bytes) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=90)
    try:
        connection.request(method, path, body or None)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
