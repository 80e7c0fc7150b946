"""A real `cpr serve` in processes of its own, and what the system says of them."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
FAULTS = HERE / "fault_predictor.py"
_START_S = 120.0
_STEP_S = 0.01


class ServerFailed(Exception):
    """The server did not start, or did not end; with what it wrote to standard error."""


class RunningServer:
    """`cpr serve` with these arguments; a context manager that leaves no process.

    Args:
        arguments: Of `cpr serve`, without the address.
        port: To listen on; 0 for one that is free.
        env: Variables on top of the present ones.
    """

    def __init__(
        self, *arguments: str, port: int = 0, env: Mapping[str, str] | None = None
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="cpr-server-"))
        self._errors = self._folder / "stderr.txt"
        command = [sys.executable, "-m", "cpr", "serve", *arguments, "--port", str(port), "--json"]
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **(env or {})},
            )
        self.pid = self._process.pid
        try:
            self.ready = self._first_document()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        threading.Thread(target=self._drain, daemon=True).start()
        self.url = str(self.ready["url"]).rstrip("/")
        parts = urlsplit(self.url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80

    def __enter__(self) -> RunningServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        family = processes_below(self.pid)
        for pid in (self.pid, *family):
            send_signal(pid, signal.SIGKILL)
        self._process.wait()
        wait_until_gone(family)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def errors(self) -> str:
        """What the server has written to standard error."""
        return self._errors.read_text(encoding="utf-8", errors="replace")

    def post(
        self, path: str, body: bytes | Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and decoded JSON of one POST on a connection of its own."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, answer = self.fetch("POST", path, data, headers)
        return status, json.loads(answer)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Status and body of one GET."""
        return self.fetch("GET", path, None, headers)

    def fetch(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and body of one request of any method."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=90)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def predict(self, *instances: Any) -> tuple[int, Any]:
        """Status and decoded answer for these instances, through AI Platform's route."""
        path = f"/v1/projects/p/models/{self.ready['model_name']}:predict"
        return self.post(path, {"instances": list(instances)})

    def family(self) -> list[int]:
        """The processes below the supervisor."""
        return processes_below(self.pid)

    def fronts(self) -> list[int]:
        """The processes below the supervisor that hold the listening socket."""
        inodes = _listening_inodes(self.port)
        return [pid for pid in self.family() if inodes & _socket_inodes(pid)]

    def workers(self) -> list[int]:
        """The processes below the supervisor that do not."""
        fronts = set(self.fronts())
        return [pid for pid in self.family() if pid not in fronts]

    def ready_workers(self) -> int:
        """How many workers of the default version one of the fronts can reach."""
        _, body = self.get("/readyz?verbose")
        model = json.loads(body)["models"][self.ready["model_name"]]
        return int(model["versions"][model["default"]]["workers"])

    def stop(self, *, timeout_s: float = 60.0) -> int:
        """Ask the server to end (SIGTERM) and return its exit code."""
        send_signal(self.pid, signal.SIGTERM)
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise ServerFailed(f"still there {timeout_s:g} s after SIGTERM") from error

    def kill(self) -> None:
        """Kill the supervisor alone, as the system would: SIGKILL."""
        send_signal(self.pid, signal.SIGKILL)
        self._process.wait()

    def _first_document(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        watch = threading.Timer(_START_S, self._process.kill)
        watch.start()
        try:
            text = ""
            for line in self._process.stdout:
                text += line.decode()
                try:
                    document: dict[str, Any] = json.loads(text)
                except ValueError:
                    continue
                ready: dict[str, Any] = document["summary"]
                if "url" in ready:
                    return ready
                text = ""
        finally:
            watch.cancel()
        self._process.stdout.close()
        raise ServerFailed(f"cpr serve printed no ready document: {text}\n{self.errors}")

    def _drain(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            while stdout.read(1 << 16):
                pass


def serve_faults(*arguments: str, predictor: Path = FAULTS, port: int = 0) -> RunningServer:
    """A server of the fault predictor, under the model name m."""
    model_dir = predictor.parent / "model"
    if predictor == FAULTS:
        model_dir = HERE
    return RunningServer(
        f"{predictor}:FaultPredictor",
        "--model-name",
        "m",
        "--model-dir",
        str(model_dir),
        *arguments,
        port=port,
    )


def processes_below(pid: int) -> list[int]:
    """All descendants of a process that are alive, zombies aside."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := _parent(entry)):
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return sorted(found)


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    return _parent(Path("/proc") / str(pid)) != 0


def send_signal(pid: int, number: int) -> None:
    """Signal a process unless it is gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def wait_until_gone(pids: list[int], *, timeout_s: float = 30.0) -> float:
    """Seconds until none of these processes runs; raises ServerFailed if one stays."""
    start = time.monotonic()
    while alive := [pid for pid in pids if is_alive(pid)]:
        if time.monotonic() - start > timeout_s:
            raise ServerFailed(f"still running after {timeout_s:g} s: {alive}")
        time.sleep(_STEP_S)
    return time.monotonic() - start


def is_free(port: int) -> bool:
    """Whether the port can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
    return True


def _parent(entry: Path) -> int:
    try:
        state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
    except (OSError, ValueError):
        return 0
    return 0 if state in "ZX" else int(parent)


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not Path(table).exists():
            continue
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(fields[9])
    return found


def _socket_inodes(pid: int) -> set[str]:
    found = set()
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            target = str(link.readlink())
            if target.startswith("socket:["):
                found.add(target[8:-1])
    except OSError:
        return found
    return found
