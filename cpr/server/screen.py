"""What a server tells the person who started it, apart from its logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cpr.errors import CprError


@dataclass(frozen=True)
class VersionReport:
    """One version that is ready: what its worker said of it when it was.

    `description` is what `cpr.describing.describe` returned. `memory_bytes` is
    the resident memory of all its workers together.
    """

    name: str
    description: Mapping[str, Any]
    load_s: float
    memory_bytes: int
    workers: int = 1


@dataclass(frozen=True)
class ReadyReport:
    """The server accepts requests; `url` is its base, with the port that was bound."""

    url: str
    model_name: str
    default_version: str
    versions: Sequence[VersionReport]
    pid: int
    admin: str


@dataclass(frozen=True)
class ReloadReport:
    """How a reload ended: `versions` are served now; `error` says why nothing changed.

    `reason` is what asked for it: ``watch``, ``SIGHUP`` or ``cpr reload``.
    """

    reason: str
    versions: Sequence[VersionReport]
    load_s: float
    error: CprError | None = None


class Screen(Protocol):
    """Called by the supervisor, from its one thread; must neither block nor raise."""

    def loading(self, version: str) -> None:
        """A version is being loaded, at start; called again while that lasts."""

    def ready(self, report: ReadyReport) -> None:
        """The server accepts requests; called once."""

    def failed(self, error: CprError) -> None:
        """The server could not start, or ends since it cannot go on."""

    def reloading(self, reason: str) -> None:
        """A reload has begun; the versions that are there serve on."""

    def reloaded(self, report: ReloadReport) -> None:
        """A reload has ended, well or not."""

    def crashed(self, version: str, problem: str) -> None:
        """A worker ended by itself, and another one is started in its place."""

    def stopping(self, reason: str) -> None:
        """The server takes no more connections and answers what it has taken."""
