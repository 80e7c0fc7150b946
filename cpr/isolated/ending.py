"""How a process ended, in words: its exit code or signal, and the line it was at."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

# As faulthandler writes it, the innermost first.
_FRAME = re.compile(r'^  File "([^"]+)", line (\d+) in (\S+)', re.MULTILINE)
_CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT}
_FAILED_IMPORT = re.compile(r"^(?:ModuleNotFound|Import)Error: (.+)$", re.MULTILINE)


def ending(code: int) -> str:
    """Say it after "the process"."""
    if code >= 0:
        return f"ended itself with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "a signal"
    return f"was killed by {name} (signal {-code})"


def advice(code: int, tail: str) -> str:
    """What to do about it, given the end of what it wrote to standard error."""
    failed = _FAILED_IMPORT.findall(tail)
    if code == 1 and failed:
        return f"The interpreter lacks what cpr requires: {failed[-1]}."
    if code >= 0:
        return "Let the code raise an exception instead of ending the process."
    if code == -signal.SIGKILL:
        return "The system kills a process so when memory runs out."
    if -code not in _CRASHES:
        return "Another process sent that signal, or a timer or a limit that the code has set."
    return (
        "A compiled library crashed: look for a damaged model, two builds of the same library, "
        "or too little stack."
    )


def last_line(tail: str) -> str:
    """The user's innermost line of the traceback that a crash or an abort left."""
    # A thread that waits for others has no line of its own: then one of theirs.
    for dump in (_of_current_thread(tail), tail):
        for file, line, function in _FRAME.findall(dump):
            if not file.startswith("<") and not _is_library(file):
                return f"{Path(file).name}:{line} in {function}"
    return ""


def _of_current_thread(tail: str) -> str:
    """What faulthandler wrote of the thread that was running, which may stand last."""
    _, found, rest = tail.rpartition("Current thread ")
    return rest.partition("\n\n")[0] if found else ""


def _is_library(file: str) -> bool:
    ours = [Path(str(sys.modules["cpr"].__file__)).parent, Path(signal.__file__).parent]
    return "/site-packages/" in file or any(file.startswith(f"{folder}/") for folder in ours)
