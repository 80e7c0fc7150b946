"""One child process of the supervisor, from its start to its end, on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cpr.errors import EnvironmentProblem, UserCodeError
from cpr.isolated.ending import advice, ending, last_line
from cpr.isolated.marks import NAME, end_marked, new_mark
from cpr.isolated.output import Output
from cpr.isolated.start import launch
from cpr.server.control import ControlSocket

_ABORT_S = 0.5
_CUT_OFF_S = 1.0

_CUT_OFF = (
    "It had closed its connection to the server, and was ended for that: close no descriptor that "
    "the code has not opened, as os.closerange does."
)

OnMessage = Callable[[dict[str, Any]], None]


class Child:
    """A front or a worker; made where an event loop runs, in the main thread.

    What it prints goes on to this process's standard error. When it ends, by
    itself or not, whatever it has started ends too.

    Args:
        main: The module that it runs.
        options: What its ``main`` is passed; JSON values.
        on_message: Called with each message from it.
        on_end: Called when it is gone.
        listen: Listening sockets that it inherits.

    Raises:
        EnvironmentProblem: The system starts no further process.
    """

    def __init__(
        self,
        main: str,
        options: Mapping[str, Any],
        *,
        on_message: OnMessage,
        on_end: Callable[[], None] = lambda: None,
        listen: Sequence[int] = (),
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._mark = new_mark()
        self._on_message = on_message
        self._on_end = on_end
        try:
            self._start(main, options, listen)
        except OSError as error:
            raise EnvironmentProblem(
                f"a process of the server cannot be started: {error.strerror}.",
                hint="The system's limits on descriptors (ulimit -n) or processes are reached.",
            ) from error
        self.pid = self._process.pid
        self.code: int | None = None
        self._is_cut_off = False
        self._ended = asyncio.Event()
        self._unsent: deque[tuple[Mapping[str, Any], list[int]]] = deque()
        self._outputs = [Output(pipe, echo=True, is_bounded=True) for pipe in _pipes(self._process)]
        self._watch()

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._ended.is_set()

    @property
    def tail(self) -> str:
        """The end of what it wrote to standard error."""
        return self._outputs[1].tail

    async def wait(self) -> None:
        """Return when the process is gone, and all that it said has been heard."""
        await self._ended.wait()

    def send(self, message: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Send it a message, later if it does not read now; nothing if it is gone."""
        if self.has_ended:
            return
        if not self._unsent and self._try(message, descriptors):
            return
        self._unsent.append((dict(message), [os.dup(number) for number in descriptors]))
        self._loop.add_writer(self._control.fileno(), self._send_on)

    def kill(self) -> None:
        """End it and what it started, now; `wait` tells when that is done."""
        if not self.has_ended:
            _kill_group(self.pid)

    def abort(self) -> None:
        """Have it write where it is, and end."""
        if not self.has_ended:
            os.kill(self.pid, signal.SIGABRT)
            self._loop.call_later(_ABORT_S, self.kill)

    def explain(self, doing: str) -> UserCodeError:
        """How it ended, and at which line of the user's; call it when it has."""
        assert self.code is not None
        why = _CUT_OFF if self._is_cut_off else advice(self.code, self.tail)
        hints = [last_line(self.tail), why]
        return UserCodeError(
            f"the process {ending(self.code)} while {doing}.", hint="\n".join(filter(None, hints))
        )

    def _start(self, main: str, options: Mapping[str, Any], listen: Sequence[int]) -> None:
        self._control, theirs = ControlSocket.pair()
        try:
            self._process, self._lifeline = launch(
                main,
                {**options, "control": theirs.fileno(), "listen": list(listen)},
                pass_fds=[theirs.fileno(), *listen],
                variables={NAME: self._mark},
            )
        except BaseException:
            self._control.close()
            raise
        finally:
            theirs.close()

    def _watch(self) -> None:
        self._control.setblocking(False)
        self._loop.add_reader(self._control.fileno(), self._hear)
        for output in self._outputs:
            self._loop.add_reader(output.fileno(), self._read, output)
        # A thread, since sandboxes such as gVisor have no descriptors of processes.
        threading.Thread(target=self._await_end, name="cpr-child", daemon=True).start()

    def _await_end(self) -> None:
        # Not waited for yet, so the number stays its own until `_end` has used it.
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        end_marked(self._mark)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody asks any more
            self._loop.call_soon_threadsafe(self._end)

    def _read(self, output: Output) -> None:
        if not output.read():
            self._loop.remove_reader(output.fileno())

    def _hear(self) -> bool:
        """Take the messages that are there; False when the process will say nothing more."""
        while True:
            try:
                heard = self._control.receive()
            except BlockingIOError:
                return True
            if heard is None:
                # It cannot be told anything any more, even if it is still there.
                self._loop.remove_reader(self._control.fileno())
                self._loop.call_later(_CUT_OFF_S, self._cut_off)
                return False
            message, descriptors = heard
            for descriptor in descriptors:
                os.close(descriptor)
            self._on_message(message)

    def _cut_off(self) -> None:
        """End it unless it is ending: that alone closes the connection in order."""
        if self.has_ended:
            return
        flags = os.WEXITED | os.WNOWAIT | os.WNOHANG
        self._is_cut_off = os.waitid(os.P_PID, self.pid, flags) is None
        self.kill()

    def _try(self, message: Mapping[str, Any], descriptors: Sequence[int]) -> bool:
        try:
            self._control.send(message, descriptors)
        except BlockingIOError:
            return False
        except OSError:
            return True  # it is gone, which is told elsewhere
        return True

    def _send_on(self) -> None:
        while self._unsent:
            message, descriptors = self._unsent[0]
            if not self._try(message, descriptors):
                return
            self._unsent.popleft()
            _close(descriptors)
        self._loop.remove_writer(self._control.fileno())

    def _end(self) -> None:
        """The process has ended: hear the rest, end its group, give everything back."""
        _kill_group(self.pid)
        self._hear()
        self.code = self._process.wait()
        _reap_group(self.pid)
        for output in self._outputs:
            self._loop.remove_reader(output.fileno())
            output.read_rest()
            output.close()
        self._loop.remove_reader(self._control.fileno())
        self._loop.remove_writer(self._control.fileno())
        _close([self._lifeline])
        self._control.close()
        for _, descriptors in self._unsent:
            _close(descriptors)
        self._unsent.clear()
        self._on_end()
        self._ended.set()


def _pipes(process: Any) -> tuple[Any, Any]:
    return process.stdout, process.stderr


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)  # it may have left its group


def _reap_group(pid: int) -> None:
    """Take in what it had started: as process 1 of a container, nobody else does."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(-pid, os.WNOHANG)  # most often there is nobody
        threading.Thread(target=_wait_for_group, args=(pid,), daemon=True).start()


def _wait_for_group(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-pid, 0)


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
