"""The child's side of an isolated process: started by `cpr.isolated.process` alone.

It answers one message at a time and ends with its parent, however that ends.
User code has standard output and standard error to itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import fcntl
import importlib
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from cpr.isolated.channel import Channel, Message
from cpr.isolated.errors_json import error_to_json
from cpr.isolated.forks import end_forks, go_on, let_forks_go
from cpr.isolated.memory import usage

Operation = Callable[[Message], Message]
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15
_F_SETSIG = 10


def main(options: Mapping[str, Any]) -> None:
    """Serve the operations of one module until the parent closes or is gone.

    Args:
        options: `entry` is the module whose ``operations()`` returns a
            function for each operation; `channel` and `lifeline` are
            descriptors; `parent` is the parent's process id, 0 where only the
            lifeline may tell of its end.
    """
    for descriptor in (options["channel"], options["lifeline"]):
        os.set_inheritable(descriptor, False)
    end_with_parent(options["parent"], options["lifeline"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    say_where_it_exits()
    let_forks_go()
    channel = Channel(socket.socket(fileno=options["channel"]))
    operations: Mapping[str, Operation] = importlib.import_module(options["entry"]).operations()
    while (message := channel.receive()) is not None:
        answer = _answer(operations, message)
        end_forks()
        _flush()
        channel.send({**answer.header, "usage": usage()}, answer.blobs)
        if message.header["do"] == "close":
            return


def end_with_parent(parent: int, lifeline: int) -> None:
    """Die with the parent, and the process group too: by the kernel's signals, and by a thread.

    Args:
        parent: Its process id, 0 where only the lifeline may tell of its end.
        lifeline: The end of a pipe to read from; the parent has the other.
    """
    if sys.platform == "linux":
        try:
            _be_killed_at_the_end_of(lifeline)
        except OSError:  # some sandboxes have no such signals
            if parent:
                ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent and os.getppid() != parent:
        os._exit(1)  # it ended before the kernel was told
    threading.Thread(target=_watch, args=(lifeline,), name="cpr-lifeline", daemon=True).start()


def _be_killed_at_the_end_of(lifeline: int) -> None:
    """Have the pipe's closing kill the group, even while compiled code holds the interpreter.

    The parent's death signal would come first where the parent has threads: it
    kills this process alone, and then there is nobody for whom the pipe closes.
    """
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(lifeline, _F_SETSIG, signal.SIGKILL)
    flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)


def _watch(lifeline: int) -> None:
    while os.read(lifeline, 1):
        pass
    # The group holds what user code started as well.
    os.killpg(0, signal.SIGKILL)


def name_process(name: str) -> None:
    """Have ``ps -e``, ``top`` and the like show the process under a name; 15 characters of it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode("ascii", "replace"))


def leave_signals_to_the_supervisor() -> None:
    """Go on after SIGINT and SIGTERM, which a terminal or systemd sends to every process.

    Whoever supervises this process gets them too, and decides when it ends.
    With handlers that do nothing; to ignore a signal would be passed on to the
    programs that user code starts.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, go_on)


def say_where_it_exits() -> None:
    """Have ``os._exit`` leave a traceback, as a crash does; not in what was forked."""
    leave, pid = os._exit, os.getpid()

    def say_and_leave(status: int) -> NoReturn:
        if os.getpid() == pid:
            faulthandler.dump_traceback()
        leave(status)

    os._exit = say_and_leave


def _answer(operations: Mapping[str, Operation], message: Message) -> Message:
    try:
        return operations[message.header["do"]](message)
    except BaseException as error:  # SystemExit too: only the parent ends this process
        return Message({"error": error_to_json(error)})


def _flush() -> None:
    """Send off what was printed, so that the parent counts it before it sees the answer."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()  # user code may have closed or replaced it
