"""A predictor that does what the instance says, up to killing its process.

One live server can so be shown every fault, one request at a time. A good or
broken version of it is this file with other constants: see `versions.py`.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NoReturn

import cpr

REVISION = 1
BROKEN = ""
"""How a version is broken: "", "load", "output", "warmup", "hang" or "fork"."""

_REMEMBERED = 1_000
_FLOOD_LINES = 20_000
_MORE_THAN_ANY_MACHINE_HAS = 1 << 60


class FaultPredictor(cpr.Predictor):
    """Answers each instance with itself, unless `do` names a fault."""

    def __init__(self) -> None:
        self._seen: deque[str] = deque(maxlen=_REMEMBERED)

    @classmethod
    def from_path(cls, model_dir: str) -> FaultPredictor:
        """Load, or fail or hang as `BROKEN` says."""
        if BROKEN == "load":
            raise OSError("this version cannot be loaded")
        if BROKEN == "hang":
            time.sleep(3600)
        if BROKEN == "fork":
            os.fork()
        return cls()

    def warmup(self) -> None:
        """End the process in a version that crashes before its first request."""
        if BROKEN == "warmup":
            os.kill(os.getpid(), signal.SIGSEGV)

    def predict(self, instances: list[Any], **kwargs: Any) -> Any:
        """Do what the instances say, in order; the last one decides on the whole."""
        if BROKEN == "output":
            return {1, 2, 3}
        if not isinstance(instances, list):
            raise cpr.BadInput("instances must be a list")
        predictions = [self._one(instance) for instance in instances]
        do = _do(instances[-1]) if instances else ""
        return WHOLE[do](predictions) if do in WHOLE else predictions

    def _one(self, instance: Any) -> Any:
        do = _do(instance)
        if do == "seen":
            return instance["id"] in self._seen
        if isinstance(instance, dict) and "id" in instance:
            self._seen.append(instance["id"])
        if do in FAULTS:
            return FAULTS[do](instance)
        return instance


def _do(instance: Any) -> str:
    return str(instance.get("do", "")) if isinstance(instance, dict) else ""


def _fail(instance: Any) -> NoReturn:
    raise ValueError("asked to raise")


def _refuse(instance: Any) -> NoReturn:
    raise cpr.BadInput("instances[0] was made to be refused")


def _sleep(instance: Any) -> Any:
    time.sleep(instance["seconds"])
    return instance


def _hang(instance: Any) -> NoReturn:
    # As C code that never returns: no signal handler written in Python runs.
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while True:
        time.sleep(3600)


def _read_null(instance: Any) -> Any:
    return ctypes.string_at(0)


def _exit(instance: Any) -> NoReturn:
    os._exit(3)


def _kill(instance: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)
    return instance


def _sys_exit(instance: Any) -> NoReturn:
    sys.exit(3)


def _recurse(instance: Any) -> Any:
    return _recurse(instance)


def _interrupt(instance: Any) -> NoReturn:
    raise KeyboardInterrupt


def _flood(instance: Any) -> Any:
    for _ in range(_FLOOD_LINES):
        print("a line that nobody reads", "." * 50)
    sys.stderr.write("an unfinished line")
    return instance


def _alloc(instance: Any) -> Any:
    return bytearray(_MORE_THAN_ANY_MACHINE_HAS)


def _chdir(instance: Any) -> Any:
    os.chdir("/")
    os.environ["PATH"] = "/nonexistent"
    return instance


def _leak_thread(instance: Any) -> Any:
    for _ in range(10):
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
    return instance


def _take_signals(instance: Any) -> Any:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return instance


def _fork(instance: Any) -> Any:
    # The second process comes back from predict as the first one does.
    os.fork()
    return instance


def _terminate(instance: Any) -> Any:
    # As multiprocessing.Pool does at its end; Python's sleep goes on after signals with handlers.
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(3600,))
    process.start()
    process.terminate()
    process.join()
    return instance


def _close_descriptors(instance: Any) -> Any:
    os.closerange(0, 1000)
    return instance


def _set_alarm(instance: Any) -> Any:
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    time.sleep(1)
    return instance


def _big(instance: Any) -> str:
    return "x" * int(instance["bytes"])


FAULTS: dict[str, Callable[[Any], Any]] = {
    "raise": _fail,
    "bad_input": _refuse,
    "sleep": _sleep,
    "hang": _hang,
    "segv": _read_null,
    "exit": _exit,
    "abort": lambda instance: os.abort(),
    "kill": _kill,
    "sys_exit": _sys_exit,
    "interrupt": _interrupt,
    "recursion": _recurse,
    "nan": lambda instance: float("nan"),
    "unserialisable": lambda instance: object(),
    "print_flood": _flood,
    "alloc": _alloc,
    "chdir": _chdir,
    "thread_leak": _leak_thread,
    "take_signals": _take_signals,
    "fork": _fork,
    "terminate": _terminate,
    "close_descriptors": _close_descriptors,
    "alarm": _set_alarm,
    "close_stdout": lambda instance: os.close(1),
    "big": _big,
    "pid": lambda instance: os.getpid(),
    "revision": lambda instance: REVISION,
}
WHOLE = {"wrong_length": lambda predictions: predictions[:-1], "none": lambda predictions: None}
