"""The loop of a worker: frames in from every front, one predict, frames out.

It takes all that has arrived: batching without waiting. A window to wait for
company is a setting, for models to which a larger batch is worth it.
"""

from __future__ import annotations

import logging
import select
import socket
from collections import deque
from collections.abc import Sequence
from itertools import islice
from time import monotonic, monotonic_ns

from cpr.explaining.lazy import LazyExplainer
from cpr.isolated.forks import end_forks
from cpr.messages import Call, Reply
from cpr.observe.server_log import log_failure
from cpr.routine import Routine
from cpr.server.control import ControlSocket
from cpr.server.frames import (
    EXPIRED,
    LARGE_BYTES,
    PLACED_ANSWER,
    RequestFrame,
    RequestReader,
    pack_answer_place,
    pack_reply,
)
from cpr.server.kept_memory import KeptArenas
from cpr.server.options import ServeOptions
from cpr.server.passage import WorkerPassage
from cpr.server.progress import Progress
from cpr.wire.json_codec import collector_at_rest

logger = logging.getLogger(__name__)

_READ = 1 << 18
# Calls are joined to share the cost of a predict, which large ones do not mind.
_MOST_CALLS = 256
_MOST_BYTES = 1 << 18
# Where a predict takes less, there is little to share: so few calls are joined, that the front
# writes their answers while others are predicted.
_QUICK_NS = 50_000
_MOST_QUICK_CALLS = 24
_JSON = "application/json"


class _Channel:
    """The connection to one front, with what it has been sent and not been answered."""

    def __init__(self, front: int, connection: socket.socket, page: int) -> None:
        self.front = front
        self.connection = connection
        self.progress = Progress(page)
        self.passage = WorkerPassage(self.progress.further)
        self.reader = RequestReader(self.passage)

    def send(self, parts: Sequence[bytes]) -> bool:
        """Write replies, together but for what is large; False when the front is gone."""
        small: list[bytes] = []
        try:
            for part in parts:
                if len(part) <= LARGE_BYTES:
                    small.append(part)
                    continue
                self.connection.sendall(b"".join(small))
                self.connection.sendall(part)
                small.clear()
            self.connection.sendall(b"".join(small))
        except OSError:
            return False
        return True

    def close(self) -> None:
        self.connection.close()
        self.progress.close()


_Queued = tuple[_Channel, RequestFrame]


class WorkerLoop:
    """Answers frames until the supervisor says that it is enough, or is gone.

    Args:
        routine: What answers.
        control: To the supervisor, which hands over the fronts' channels.
        options: The batching of the server.
    """

    def __init__(self, routine: Routine, control: ControlSocket, options: ServeOptions) -> None:
        self._routine = routine
        self._explainer = LazyExplainer(routine)
        self._control = control
        self._is_batchable = routine.is_batchable
        self._most_calls = min(options.max_batch_size or _MOST_CALLS, _MOST_CALLS)
        self._window_s = options.batch_window_ms / 1e3 if routine.is_batchable else 0.0
        self._channels: dict[int, _Channel] = {}
        self._queue: deque[_Queued] = deque()
        self._is_draining = False
        self._is_quick = False
        self._arenas = KeptArenas()
        self._buffer = memoryview(bytearray(_READ))
        self._poll = select.epoll()
        self._poll.register(control.fileno(), select.EPOLLIN)

    def run(self) -> None:
        """Serve; returns when it is drained, or when the supervisor is gone."""
        has_answered = False
        while True:
            self._collect(0.0 if self._queue else -1.0)
            if self._queue and self._window_s:
                self._await_company()
            if self._queue:
                self._answer(self._next_batch())
                if not has_answered:
                    has_answered = True
                    self._control.send({"say": "answered"})
            elif self._is_draining and not self._channels:
                return

    def _collect(self, timeout_s: float) -> None:
        """Read what has arrived; wait for it if there is nothing yet."""
        for descriptor, _ in self._poll.poll(timeout_s):
            channel = self._channels.get(descriptor)
            if channel is not None:
                self._read(channel)
            else:
                self._hear()

    def _await_company(self) -> None:
        end = monotonic() + self._window_s
        while len(self._queue) < self._most_calls and (left := end - monotonic()) > 0:
            self._collect(left)

    def _read(self, channel: _Channel) -> None:
        try:
            count = channel.connection.recv_into(self._buffer, 0, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            count = 0
        if not count:
            self._drop(channel)
            return
        for frame in channel.reader.feed(self._buffer[:count]):
            self._queue.append((channel, frame))

    def _drop(self, channel: _Channel) -> None:
        """Forget a front that is gone, or has nothing more to ask; nobody waits for its calls."""
        descriptor = channel.connection.fileno()
        if descriptor not in self._channels:
            return  # it went while an explanation for it was made
        self._poll.unregister(descriptor)
        del self._channels[descriptor]
        self._queue = deque(item for item in self._queue if item[0] is not channel)
        channel.close()

    def _hear(self) -> None:
        heard = self._control.receive()
        if heard is None:
            raise SystemExit(1)  # nobody supervises this process any more
        message, descriptors = heard
        if message["do"] == "channel":
            connection = socket.socket(fileno=descriptors[0])
            channel = _Channel(message["front"], connection, descriptors[1])
            self._channels[connection.fileno()] = channel
            self._poll.register(connection.fileno(), select.EPOLLIN)
        elif message["do"] == "drain":
            self._is_draining = True

    def _next_batch(self) -> list[_Queued]:
        """The frames at the head of the queue that may share a predict."""
        queue = self._queue
        first = queue.popleft()
        batch, size = [first], len(first[1].call.body)
        if size > LARGE_BYTES:
            self._arenas.provide_for(first[1].call.body)
        if not self._is_batchable or first[1].is_alone:
            return batch
        most = min(self._most_calls, _MOST_QUICK_CALLS) if self._is_quick else self._most_calls
        for channel, frame in islice(queue, most - 1):
            size += len(frame.call.body)
            if frame.is_alone or size > _MOST_BYTES:
                break
            batch.append((channel, frame))
        for _ in range(len(batch) - 1):
            queue.popleft()
        return batch

    def _answer(self, batch: list[_Queued]) -> None:
        self._mark_taken(batch)
        abandoned = {
            channel: channel.progress.abandoned
            for channel in self._channels.values()
            if channel.progress.has_abandoned
        }
        if abandoned:
            batch = [
                (channel, _as_late(frame) if frame.number in abandoned.get(channel, ()) else frame)
                for channel, frame in batch
            ]
        now = monotonic_ns()
        calls = [
            frame.call for _, frame in batch if not frame.deadline_ns or frame.deadline_ns > now
        ]
        if calls and batch[0][1].is_explain:
            replies = iter([self._explain(calls[0], batch[0][1].deadline_ns)])
        else:
            replies = iter(self._predict(calls))
        end_forks()
        answers: dict[_Channel, list[bytes]] = {}
        for channel, frame in batch:
            parts = answers.get(channel)
            if parts is None:
                parts = answers[channel] = []
            if frame.deadline_ns and frame.deadline_ns <= now:
                parts.append(pack_reply(0, frame.number, EXPIRED, 0, 0, 0, 0, 0, 0))
                continue
            _add_reply(parts, channel, frame, next(replies))
        for channel, parts in answers.items():
            if not channel.send(parts):
                self._drop(channel)

    def _predict(self, calls: list[Call]) -> list[Reply]:
        if not calls:
            return []
        if len(calls[0].body) > LARGE_BYTES and self._routine.is_ready_made:
            # It would look at each list of the body, again and again: 40 ms of 13 MB. User code,
            # which may make cycles without end, has it.
            with collector_at_rest():
                replies = self._routine.answer(calls)
        else:
            replies = self._routine.answer(calls)
        _, _, timing, _, batch_size, _, _ = replies[-1]
        self._is_quick = timing.predict_ns * batch_size < _QUICK_NS and not self._window_s
        return replies

    def _explain(self, call: Call, deadline_ns: int) -> Reply:
        """An explanation takes many predicts: between them, predictions have their turn."""

        def serve() -> None:
            self._collect(0.0)
            while self._queue and not self._queue[0][1].is_explain:
                self._answer(self._next_batch())

        return self._explainer.answer(call, deadline_ns=deadline_ns, between=serve)

    def _mark_taken(self, batch: Sequence[_Queued]) -> None:
        if len(self._channels) == 1:
            batch[0][0].progress.take(len(batch))
            return
        counts: dict[_Channel, int] = {}
        for channel, _ in batch:
            counts[channel] = counts.get(channel, 0) + 1
        for channel, count in counts.items():
            channel.progress.take(count)


def _as_late(frame: RequestFrame) -> RequestFrame:
    """Nobody waits for it, so that it need not be predicted."""
    return frame._replace(deadline_ns=1)


def _add_reply(parts: list[bytes], channel: _Channel, frame: RequestFrame, reply: Reply) -> None:
    status, body, timing, instances, batch_size, error, kind = reply
    content_type = b"" if kind == _JSON else kind.encode("latin-1")
    size = len(body)
    if size > LARGE_BYTES and (place := channel.passage.put(body)):
        status, body = status | PLACED_ANSWER, pack_answer_place(*place)
    sizes = size, frame.number, status, len(content_type)
    parts.append(pack_reply(*sizes, *timing, instances, batch_size) + content_type)
    parts.append(body)
    if error is not None and error.http_status >= 500:
        # What the client is not told: the user's own frames.
        log_failure(logger, error, request_id=frame.call.request_id)
