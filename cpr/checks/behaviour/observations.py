"""What was seen of a routine while it ran: plain records, judged elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Phase = Literal[
    "loading",
    "answering a request",
    "answering it again",
    "answering other groups of instances",
    "answering many requests",
    "answering several threads",
]


@dataclass(frozen=True)
class Place:
    """A line of user code; `file` as the process that ran it knew it."""

    file: str = ""
    line: int = 0


@dataclass(frozen=True)
class Fault:
    """An error that was raised: `kind` is its class of `cpr.errors`.

    `raised` is the type of the user's own exception, such as ``SystemExit``.
    """

    kind: str
    problem: str
    hint: str = ""
    raised: str = ""
    place: Place = Place()


@dataclass(frozen=True)
class Ending:
    """The process ended, or took longer than the limit and was ended."""

    phase: Phase
    problem: str
    hint: str = ""
    is_hang: bool = False
    limit_s: float = 0.0
    request: int = -1


@dataclass(frozen=True)
class Answer:
    """One request, answered once: a body, or a fault."""

    body: bytes = b""
    fault: Fault | None = None
    seconds: float = 0.0
    stdout_bytes: int = 0
    instance_count: int = 0

    @property
    def is_ok(self) -> bool:
        """Whether there are predictions."""
        return self.fault is None


@dataclass(frozen=True)
class Returned:
    """What predict itself returned for a request: its type, and its JSON in `answer`.

    `strict_fault` is the path and type of the first value that Python's own
    ``json.dumps`` refuses.
    """

    answer: Answer
    kind: str = ""
    strict_fault: str = ""


@dataclass(frozen=True)
class Group:
    """Instances with equal parameters: each alone, all at once, and all in another order.

    `requests` are the numbers of the requests that they come from; `order`
    tells which instance each place of the shuffled request held.
    """

    instances: tuple[Any, ...]
    requests: tuple[int, ...]
    alone: tuple[Answer, ...]
    together: Answer
    shuffled: Answer
    order: tuple[int, ...]


@dataclass(frozen=True)
class Threads:
    """Each request's answers from several threads at once; `count` of threads."""

    count: int
    answers: tuple[tuple[Answer, ...], ...]


@dataclass(frozen=True)
class Kept:
    """What changed on the predictor, its class and its modules between two equal requests.

    `names` are attributes such as ``self.last``. `grown` tells how many items
    the containers that grew held before, half-way and at the end of `rounds`
    repetitions of all requests; `rss_bytes` the process's memory then.
    """

    names: tuple[str, ...] = ()
    grown: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    rss_bytes: tuple[int, ...] = ()
    rounds: int = 0


@dataclass(frozen=True)
class Touched:
    """A file that was written or read: `name` is relative to the folder it lies in."""

    name: str
    phase: str
    place: Place = Place()


@dataclass(frozen=True)
class Loaded:
    """The routine, loaded; `places` are the lines that define its methods.

    `is_subclass` says that it subclasses `cpr.Predictor`: it was written for `cpr`.
    """

    name: str
    is_ready_made: bool
    is_subclass: bool
    is_batchable: bool
    is_vertex: bool
    seconds: float
    cpu_s: float
    peak_rss_bytes: int
    stdout_bytes: int
    places: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True)
class Observations:
    """Everything that was seen of one routine.

    `answers`, `again`, `returned` and `elsewhere` hold one entry for each
    request: the first answer and the second, a third before it was encoded,
    and that of another process whose model directory was gone; None where it
    was not asked.
    """

    requests: tuple[bytes, ...] = ()
    loaded: Loaded | None = None
    load_fault: Fault | None = None
    needs_directory: bool = False
    answers: tuple[Answer | None, ...] = ()
    again: tuple[Answer | None, ...] = ()
    returned: tuple[Returned | None, ...] = ()
    elsewhere: tuple[Answer | None, ...] = ()
    groups: tuple[Group, ...] = ()
    threads: Threads | None = None
    kept: Kept = Kept()
    written_in_model_dir: tuple[Touched, ...] = ()
    read_late: tuple[Touched, ...] = ()
    left_in_directory: tuple[Touched, ...] = ()
    fails_read_only: Fault | None = None
    printed_at: tuple[Place, ...] = ()
    endings: tuple[Ending, ...] = ()
    peak_rss_bytes: int = 0
    cpu_s: float = 0.0
