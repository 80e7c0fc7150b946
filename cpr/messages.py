"""What travels between a transport and the serving middle.

A transport (the command line, a server, a batch job) hands a list of `Call`s
to `cpr.serving` and gets one `Reply` for each, in order. `Instances` is what a
wire dialect makes of a body, before a predictor sees it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cpr.errors import CprError


@dataclass(frozen=True, slots=True)
class Call:
    """One prediction request, undecoded.

    `dialect` names the module of `cpr.wire` that reads `body` and writes the
    answer. `request_id` is the transport's own name for it; answers do not
    depend on it.
    """

    body: bytes
    dialect: str = "aiplatform"
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Instances:
    """A decoded request: the instances and every other top-level key.

    `values` may be any JSON value: AI Platform's server never checked that
    `instances` is a list.
    """

    values: Any
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timing:
    """Where the nanoseconds of one call went; shared work is split evenly."""

    decode_ns: int = 0
    predict_ns: int = 0
    encode_ns: int = 0

    @property
    def total_ns(self) -> int:
        """The sum of the three stages."""
        return self.decode_ns + self.predict_ns + self.encode_ns


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one `Call`: always exactly one, success or not.

    `error` is the error itself, for logs and exit codes; `body` already holds
    what the client may see of it.
    """

    status: int
    body: bytes
    timing: Timing
    instance_count: int = 0
    batch_size: int = 1
    error: CprError | None = None
    content_type: str = "application/json"

    @property
    def is_ok(self) -> bool:
        """Whether this is a prediction rather than an error."""
        return self.error is None
