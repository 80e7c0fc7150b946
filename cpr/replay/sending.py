"""The two words between a replay and what it sends to: `Endpoint` and `Answer`."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from cpr.errors import CprError
from cpr.replay.recorded import RecordedRequest


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the response's JSON, or an error.

    `status` is 0 where no answer came at all.
    """

    status: int
    body: bytes
    instances: int
    error: CprError | None = None


class Endpoint(Protocol):
    """Something that answers requests; one thread at a time sends to it."""

    name: str

    def send(self, request: RecordedRequest) -> Answer:
        """Answer one request; whatever goes wrong is in the answer, never raised."""
        ...

    def __enter__(self) -> Endpoint: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
