"""The state of a running server at one moment, as the supervisor fills it in.

Fronts report their own part with the snapshot of their counters; everything
is JSON-able, since it travels between processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

RELOAD_RESULTS = ("ok", "failed")


@dataclass(frozen=True)
class ProcessFigures:
    """What one process of the server uses.

    `name` is its role and number ("supervisor", "front-0", "worker-iris-2-0"),
    the same after a restart: a label that held the process id would never end.
    `cpu_s` counts since that process started.
    """

    name: str
    pid: int
    cpu_s: float = 0.0
    resident_bytes: int = 0
    open_fds: int = 0
    started_s: float = 0.0


@dataclass(frozen=True)
class FrontFigures:
    """What one front process holds at the moment; `queued` is [model, version, calls]."""

    connections: int = 0
    in_flight: int = 0
    queued: Sequence[tuple[str, str, int]] = ()


@dataclass(frozen=True)
class VersionFigures:
    """The worker processes of one model version.

    `crashes` counts workers that ended by themselves, `hangs` those that were
    ended because they did not answer, `restarts` the workers started instead;
    all since the server started.
    """

    model: str
    version: str
    is_default: bool = False
    workers: int = 0
    ready: int = 0
    restarts: int = 0
    crashes: int = 0
    hangs: int = 0


@dataclass(frozen=True)
class Gauges:
    """Everything that is not a count of requests.

    Times are seconds since 1970; `last_reload_s` is 0 before the first reload.
    `reloads` counts by `RELOAD_RESULTS`.
    """

    product_version: str = ""
    python_version: str = ""
    started_s: float = 0.0
    processes: Sequence[ProcessFigures] = ()
    fronts: Sequence[FrontFigures] = ()
    versions: Sequence[VersionFigures] = ()
    reloads: Mapping[str, int] = field(default_factory=dict)
    is_last_reload_failed: bool = False
    last_reload_s: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """The gauges as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Gauges:
        """The gauges from what `to_json` made."""
        return cls(
            **{
                **value,
                "processes": [ProcessFigures(**one) for one in value["processes"]],
                "fronts": [front_figures(one) for one in value["fronts"]],
                "versions": [VersionFigures(**one) for one in value["versions"]],
            }
        )


def front_figures(value: Mapping[str, Any]) -> FrontFigures:
    """One front's figures from a JSON object."""
    queued = [(model, version, calls) for model, version, calls in value["queued"]]
    return FrontFigures(value["connections"], value["in_flight"], queued)
