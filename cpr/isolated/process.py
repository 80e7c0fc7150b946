"""The parent's side of an isolated process: start it, ask it, see it end.

The child is told what to do over a socket that only the two have. Its
standard output and standard error are pipes that are read here, counted, and
passed on to this process's standard error.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from cpr.errors import CprError, UserCodeError
from cpr.isolated.channel import ChannelBroken, FrameReader, Message, encode
from cpr.isolated.ending import advice, ending, last_line
from cpr.isolated.errors_json import error_from_json
from cpr.isolated.output import Output
from cpr.isolated.start import start

_TICK_S = 0.2
_GRACE_S = 2.0
_CHUNK = 1 << 18


class ChildProcess:
    """A child that answers messages one at a time; a thread at a time may ask.

    `stdout_bytes` is what it has written to standard output up to its last
    answer; `tail` the end of what it wrote to standard error.

    Args:
        entry: The module whose ``operations()`` it answers with.
        python: The interpreter.
        clean: As for `cpr.isolated.open_isolated`.
        echo: Pass on what it writes to this process's standard error.
        cwd: Its current directory; the caller's by default.
    """

    def __init__(
        self,
        entry: str,
        *,
        python: str = sys.executable,
        clean: bool = False,
        echo: bool = True,
        cwd: str | Path | None = None,
    ) -> None:
        self._reader = FrameReader()
        self._fault: UserCodeError | None = None
        self._has_ended = False
        self._process, self._connection, self._lifeline = start(
            entry, python=python, clean=clean, cwd=cwd
        )
        self._stdout = Output(self._process.stdout, echo=echo)
        self._stderr = Output(self._process.stderr, echo=echo)
        self._selector = selectors.DefaultSelector()
        self._connection.setblocking(False)
        for source in (self._connection, self._stdout, self._stderr):
            self._selector.register(source, selectors.EVENT_READ)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked: neither ended nor found broken."""
        return self._fault is None and not self._has_ended

    @property
    def stdout_bytes(self) -> int:
        """What it has written to standard output up to its last answer."""
        return self._stdout.count

    @property
    def stderr_tail(self) -> str:
        """The end of what it has written to standard error."""
        return self._stderr.tail

    def ask(
        self,
        header: Mapping[str, Any],
        blobs: Sequence[bytes] = (),
        *,
        timeout_s: float | None = None,
        doing: str,
    ) -> Message:
        """Send one message and wait for its answer.

        Raises:
            CprError: The child raised it.
            UserCodeError: The child ended, took longer than `timeout_s`, or
                wrote what is no answer. It is gone then; asking again raises
                the same.
        """
        if self._fault is not None:
            fault = self._fault
            raise UserCodeError(fault.problem, hint=fault.hint)
        frame = encode(header, blobs)
        deadline = None if timeout_s is None else monotonic() + timeout_s
        try:
            answer = self._exchange(frame, deadline)
        except (ChannelBroken, TimeoutError, ValueError) as error:
            self._fault = self._explain(error, timeout_s, doing)
            raise self._fault from error
        except BaseException:
            # Interrupted: the answer would be taken for that of the next question.
            self._fault = UserCodeError(f"{doing} was interrupted; the process was killed.")
            self.end()
            raise
        if "error" in answer.header:
            raised: CprError = error_from_json(answer.header["error"])
            raise raised
        return answer

    def end(self) -> None:
        """Kill whatever is left of the process and of what it started; safe to call twice."""
        if self._has_ended:
            return
        self._has_ended = True
        # The leader is not waited for yet, so that the group's number is still its own.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()  # it may have left its group
        self._process.wait()
        self._selector.close()
        self._connection.close()
        os.close(self._lifeline)
        for output in (self._stdout, self._stderr):
            output.read_rest()
            output.close()

    def _exchange(self, frame: bytes, deadline: float | None) -> Message:
        """Write the frame and read the answer, reading what is printed meanwhile."""
        unsent = memoryview(frame)
        while True:
            unsent = self._send(unsent)
            # Looked at before reading: what it wrote last is then there to be read.
            is_gone = self._is_gone()
            is_closed = not self._read(_TICK_S if not is_gone else 0, wants_write=bool(unsent))
            message = self._reader.take()
            if message is not None:
                self._drain()
                return message
            if is_gone or is_closed:
                raise ChannelBroken("it ended")
            if deadline is not None and monotonic() > deadline:
                raise TimeoutError

    def _send(self, unsent: memoryview) -> memoryview:
        if not unsent:
            return unsent
        try:
            return unsent[self._connection.send(unsent) :]
        except BlockingIOError:
            return unsent
        except OSError as error:
            raise ChannelBroken(str(error)) from error

    def _read(self, wait_s: float, *, wants_write: bool) -> bool:
        """Read what there is; False when the channel is closed."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if wants_write else 0)
        self._selector.modify(self._connection, events)
        for key, _ in self._selector.select(wait_s):
            if isinstance(key.fileobj, Output):
                if not key.fileobj.read():
                    self._selector.unregister(key.fileobj)
            elif not self._receive():
                return False
        return True

    def _receive(self) -> bool:
        try:
            while data := self._connection.recv(_CHUNK):
                self._reader.feed(data)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def _drain(self) -> None:
        """Read what was printed before the answer was sent."""
        self._stdout.read_rest()
        self._stderr.read_rest()

    def _is_gone(self) -> bool:
        """Whether the process has ended; it is not waited for, which keeps its number."""
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        try:
            return os.waitid(os.P_PID, self._process.pid, flags) is not None
        except ChildProcessError:
            return True

    def _explain(self, error: Exception, timeout_s: float | None, doing: str) -> UserCodeError:
        """Say how the process ended, after making sure that it has."""
        if isinstance(error, TimeoutError):
            problem = f"{doing} took longer than {timeout_s:g} s; the process was killed"
            self._abort()
        else:
            problem = ""
            self._await_end()
        self.end()
        problem = problem or f"the process {ending(self._process.returncode)} while {doing}"
        hints = [last_line(self.stderr_tail), advice(self._process.returncode, self.stderr_tail)]
        hint = hints[0] if isinstance(error, TimeoutError) else "\n".join(filter(None, hints))
        return UserCodeError(f"{problem}.", hint=hint)

    def _abort(self) -> None:
        """Have it write where it hangs, and end."""
        self._process.send_signal(signal.SIGABRT)
        self._await_end()

    def _await_end(self) -> None:
        deadline = monotonic() + _GRACE_S
        while not self._is_gone() and monotonic() < deadline:
            self._read(0.05, wants_write=False)
        self._drain()
