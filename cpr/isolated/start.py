"""Starts a child process with a channel to it, and a lifeline that it ends with."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

from cpr.errors import EnvironmentProblem

# `cpr` is imported from where this process has it, and nothing beside it with it.
_BOOTSTRAP = """
import sys
if sys.path and sys.path[0] == "":
    del sys.path[0]
import importlib.util, json
options = json.loads(sys.argv[1])
del sys.argv[1:]
paths = options["cpr"]
spec = importlib.util.spec_from_file_location(
    "cpr", options["init"], submodule_search_locations=paths)
sys.modules["cpr"] = cpr = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cpr)
from cpr.isolated.child import main
main(options)
"""
_LEFT_IN_CLEAN = re.compile(
    r"PATH|HOME|LANG|LC_\w+|TZ|TMPDIR|LD_LIBRARY_PATH|\w*_NUM_THREADS|CUDA_VISIBLE_DEVICES"
)


def start(
    entry: str, *, python: str, clean: bool, cwd: str | Path | None
) -> tuple[subprocess.Popen[bytes], socket.socket, int]:
    """Start a child; returns it, this end of the channel, and of the lifeline.

    Raises:
        EnvironmentProblem: The interpreter cannot be started.
    """
    ours, theirs = socket.socketpair()
    hold, lifeline = os.pipe()
    product = sys.modules["cpr"]
    options = {
        "entry": entry,
        "cpr": list(product.__path__),
        "init": product.__file__,
        "channel": theirs.fileno(),
        "lifeline": hold,
        # The kernel's signal follows the thread that started the child, not the process.
        "parent": os.getpid() * (threading.current_thread() is threading.main_thread()),
    }
    try:
        process = subprocess.Popen(  # noqa: S603 - an interpreter, and our own code
            [python, *(["-I"] if clean else []), "-c", _BOOTSTRAP, json.dumps(options)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(theirs.fileno(), hold),
            start_new_session=True,
            env=_clean_environment() if clean else None,
            cwd=cwd,
        )
    except OSError as error:
        ours.close()
        os.close(lifeline)
        raise EnvironmentProblem(
            f"{python} cannot be started: {error.strerror}.", hint="Name a Python interpreter."
        ) from error
    finally:
        theirs.close()
        os.close(hold)
    return process, ours, lifeline


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if _LEFT_IN_CLEAN.fullmatch(name)}
