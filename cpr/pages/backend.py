"""What the pages need of whatever answers predictions.

The front gives the pages a backend that asks its worker processes; the app
that `cpr.create_app` makes has one that holds a routine itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from cpr.wire.routes import Route

State = Literal["loading", "ready", "draining", "failed", "gone"]


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """One version of a model.

    `description` is what `cpr.describing.describe` made of it, empty until it
    is loaded. `error` says why it failed; `created_s` is when it was loaded,
    in seconds since 1970, 0 where nobody knows.
    """

    name: str
    state: State = "ready"
    description: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    created_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model and its versions; `labels` are names for versions, such as ``stable``."""

    name: str
    default_version: str
    versions: Sequence[ServedVersion]
    labels: Mapping[str, str] = field(default_factory=dict)

    def version(self, name: str = "") -> ServedVersion | None:
        """The version of that name, or the default one; None where there is none."""
        wanted = name or self.default_version
        return next((item for item in self.versions if item.name == wanted), None)


@dataclass(frozen=True, slots=True)
class PageReply:
    """What goes back to the client."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a predictor has answered, and what ``/readyz?verbose`` adds."""

    is_ready: bool
    details: Mapping[str, Any] = field(default_factory=dict)


class Backend(Protocol):
    """Called from the threads of a WSGI server, several at a time; none may raise."""

    def models(self) -> Sequence[ServedModel]:
        """What is served, the default model first."""

    def predict(self, route: Route, body: bytes, headers: Mapping[str, str]) -> PageReply:
        """Answer one prediction; blocks until it is there.

        Args:
            route: Where the request was sent; model and version may be unknown.
            body: The request's body as it came, perhaps compressed.
            headers: By lower-case name: content-type, content-encoding,
                x-request-id and whatever else the client sent.
        """

    def readiness(self) -> Readiness:
        """Whether requests will be answered; cheap, asked every few seconds."""

    def metrics(self) -> bytes:
        """Counters in the text format of Prometheus."""
