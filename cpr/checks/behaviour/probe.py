"""The child's side: a routine is run, and what can only be seen from inside is told."""

from __future__ import annotations

import builtins
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from cpr.checks.behaviour.probe_faults import Spot, fault_to_json, user_place
from cpr.checks.behaviour.probe_files import FileWatch
from cpr.checks.behaviour.probe_places import described
from cpr.checks.behaviour.probe_state import StateWatch
from cpr.checks.behaviour.strict_json import strict_fault
from cpr.errors import CprError
from cpr.isolated.channel import Message
from cpr.isolated.child import Operation
from cpr.isolated.memory import current_rss_bytes
from cpr.messages import Call
from cpr.routine import Routine
from cpr.serving import open_routine
from cpr.wire.json_codec import dumps

_SWITCH_S = 5e-6
_PRINTS_KEPT = 20

# An answer in JSON's own types, and its body.
_Told = tuple[dict[str, Any], bytes]


class _Probe:
    """The one routine of this process, and those who watch it."""

    def __init__(self) -> None:
        self._routine: Routine
        self._files = FileWatch()
        self._state: StateWatch
        self._prints: dict[Spot, None] = {}
        self._is_vertex = False

    def load(self, message: Message) -> Message:
        """Load the routine; a fault is told, not raised, so that its place is not lost."""
        header = message.header
        self._files.watch(header["model_dir"], header["folder"], read_only=header["read_only"])
        self._watch_prints()
        start, cpu = time.perf_counter(), time.process_time()
        try:
            self._routine = open_routine(**header["open_with"])
        except CprError as error:
            return Message({"fault": fault_to_json(error)})
        seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu
        self._files.phase = "answering"
        self._state = StateWatch(self._routine.predictor, self._routine.roots)
        told = described(self._routine)
        self._is_vertex = told["is_vertex"]
        return Message({**told, "seconds": seconds, "cpu_s": cpu_s, "fault": None})

    def answer(self, message: Message) -> Message:
        """Answer as a server would, one call at a time."""
        told = []
        for body in message.blobs:
            start = time.perf_counter()
            (reply,) = self._routine.answer([Call(body)])
            seconds = time.perf_counter() - start
            document = {"seconds": seconds, "instance_count": reply.instance_count}
            told.append(({**document, "fault": self._fault(reply.error)}, reply.body))
        return _message(told)

    def run(self, message: Message) -> Message:
        """What predict returns before it is encoded, and what changes when asked the same."""
        told = []
        for body in message.blobs:
            told.append(self._returned(body))
            before = self._state.snapshot()
            self._returned(body)
            self._state.note_changes(before)
        return _message(told, changed=self._state.changed())

    def ask(self, message: Message) -> Message:
        """The same for other requests, without a look at what stays."""
        return _message([self._returned(body) for body in message.blobs])

    def repeat(self, message: Message) -> Message:
        """Ask the same again and again; what grows meanwhile."""
        rounds = message.header["rounds"]
        self._state.measure()
        rss = [current_rss_bytes()]
        for half in (rounds // 2, rounds - rounds // 2):
            for _ in range(half):
                for body in message.blobs:
                    self._returned(body)
            self._state.measure()
            rss.append(current_rss_bytes())
        return Message({"rss_bytes": rss, "sizes": self._state.grown()})

    def threads(self, message: Message) -> Message:
        """Ask from several threads at once, without the routine's lock."""
        count, rounds, bodies = message.header["count"], message.header["rounds"], message.blobs
        answers: list[list[_Told]] = [[] for _ in bodies]
        barrier = threading.Barrier(count)

        def work(number: int) -> None:
            barrier.wait()
            for step in range(rounds * len(bodies)):
                position = (number + step) % len(bodies)
                answers[position].append(self._returned(bodies[position]))

        before = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_S)
        try:
            workers = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(count)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        finally:
            sys.setswitchinterval(before)
        distinct = [list({_key(one): one for one in told}.values()) for told in answers]
        return _message(
            [one for told in distinct for one in told], counts=[len(told) for told in distinct]
        )

    def close(self, message: Message) -> Message:
        """Say what was touched and printed, and close the routine."""
        seen = {"files": self._files.seen(), "prints": list(self._prints)}
        if hasattr(self, "_routine"):
            self._routine.close()
        return Message(seen)

    def _returned(self, body: bytes) -> _Told:
        start = time.perf_counter()
        kind, strict = "", ""
        try:
            returned = self._routine.run(Call(body))
            if self._is_vertex and isinstance(returned, dict):
                returned = returned.get("predictions")  # of a whole response body
            kind, strict = type(returned).__name__, strict_fault(returned)
            written = dumps(returned, nonfinite="literal")
        except CprError as error:
            fault = self._fault(error)
            return {"fault": fault, "seconds": 0.0, "kind": kind, "strict_fault": strict}, b""
        seconds = time.perf_counter() - start
        return {"fault": None, "seconds": seconds, "kind": kind, "strict_fault": strict}, written

    def _fault(self, error: CprError | None) -> dict[str, Any] | None:
        if error is None:
            return None
        fault = fault_to_json(error, self._routine.roots)
        return {**fault, "place": ("", 0)} if self._routine.is_ready_made else fault

    def _watch_prints(self) -> None:
        """Remember which lines print, so that a flood can be traced to one."""
        original = builtins.print

        def noted_print(*values: Any, **options: Any) -> None:
            if len(self._prints) < _PRINTS_KEPT:
                self._prints[user_place(sys._getframe(1))] = None
            original(*values, **options)

        builtins.print = noted_print


def operations() -> Mapping[str, Operation]:
    """The operations, over a routine that is not loaded yet."""
    probe = _Probe()
    names = ("load", "answer", "run", "ask", "repeat", "threads", "close")
    return {name: getattr(probe, name) for name in names}


def _message(told: list[_Told], **more: Any) -> Message:
    return Message(
        {"answers": [document for document, _ in told], **more}, tuple(body for _, body in told)
    )


def _key(told: _Told) -> tuple[str, bytes]:
    fault = told[0]["fault"]
    return (fault["problem"] if fault else "", told[1])
