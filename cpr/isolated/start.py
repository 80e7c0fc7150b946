"""Starts a child process, with a lifeline that it ends with."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from cpr.errors import EnvironmentProblem

# `cpr` is imported from where this process has it, and nothing beside it with it.
_BOOTSTRAP = """
import sys
if sys.path and sys.path[0] == "":
    del sys.path[0]
import importlib, importlib.util, json
text = sys.argv[1]
if text[0] == "@":
    with open(int(text[1:]), "rb") as page:
        text = page.read()
options = json.loads(text)
del sys.argv[1:]
paths = options["cpr"]
spec = importlib.util.spec_from_file_location(
    "cpr", options["init"], submodule_search_locations=paths)
sys.modules["cpr"] = cpr = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cpr)
importlib.import_module(options["main"]).main(options)
"""
# Linux takes no argument of more than 128 KiB.
_LONGEST_ARGUMENT = 100_000
_LEFT_IN_CLEAN = re.compile(
    r"PATH|HOME|LANG|LC_\w+|TZ|TMPDIR|LD_LIBRARY_PATH|\w*_NUM_THREADS|CUDA_VISIBLE_DEVICES"
)


def start(
    entry: str, *, python: str, clean: bool, cwd: str | Path | None
) -> tuple[subprocess.Popen[bytes], socket.socket, int]:
    """Start a child that answers with the operations of a module.

    Returns:
        The child, this end of the channel to it, and of its lifeline.

    Raises:
        EnvironmentProblem: The interpreter cannot be started.
    """
    ours, theirs = socket.socketpair()
    try:
        process, lifeline = launch(
            "cpr.isolated.child",
            {"entry": entry, "channel": theirs.fileno()},
            pass_fds=[theirs.fileno()],
            python=python,
            clean=clean,
            cwd=cwd,
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return process, ours, lifeline


def launch(
    main: str,
    options: Mapping[str, Any],
    *,
    pass_fds: Sequence[int],
    python: str = sys.executable,
    clean: bool = False,
    cwd: str | Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a child in a session of its own; returns it and this end of its lifeline.

    Args:
        main: The module of `cpr` whose ``main(options)`` it runs.
        options: JSON values; `lifeline` and `parent`, which `end_with_parent`
            wants, are added.
        pass_fds: The descriptors that it inherits, under their numbers.
        python: The interpreter.
        clean: As for `cpr.isolated.open_isolated`.
        cwd: Its current directory; the caller's by default.
        variables: Of its environment, on top of the caller's.

    Raises:
        EnvironmentProblem: The interpreter cannot be started.
    """
    environment = _clean_environment() if clean else os.environ
    hold, lifeline = os.pipe()
    text, page = _argument(main, {**options, "lifeline": hold})
    inherited = (hold, *pass_fds, *([page.fileno()] if page else []))
    try:
        process = subprocess.Popen(  # noqa: S603 - an interpreter, and our own code
            [python, *(["-I"] if clean else []), "-c", _BOOTSTRAP, text],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=inherited,
            start_new_session=True,
            env={**environment, **(variables or {})},
            cwd=cwd,
        )
    except OSError as error:
        os.close(lifeline)
        raise EnvironmentProblem(
            f"{python} cannot be started: {error.strerror}.", hint="Name a Python interpreter."
        ) from error
    finally:
        os.close(hold)
        if page:
            page.close()
    return process, lifeline


def _argument(main: str, options: Mapping[str, Any]) -> tuple[str, IO[bytes] | None]:
    """What the bootstrap is given; the file that holds it, if it is long."""
    product = sys.modules["cpr"]
    # The kernel's signal follows the thread that started the child, not the process.
    parent = os.getpid() * (threading.current_thread() is threading.main_thread())
    where = {"main": main, "cpr": list(product.__path__), "init": product.__file__}
    text = json.dumps({**options, **where, "parent": parent})
    if len(text) <= _LONGEST_ARGUMENT:
        return text, None
    page = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it is inherited
    page.write(text.encode("ascii"))
    page.seek(0)
    return f"@{page.fileno()}", page


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if _LEFT_IN_CLEAN.fullmatch(name)}
