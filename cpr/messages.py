"""What travels between a transport and the serving middle.

A transport (the command line, a server, a batch job) hands a list of `Call`s
to `cpr.routine` and gets one `Reply` for each, in order. `Instances` is what a
wire dialect makes of a body, before a predictor sees it.

All are named tuples: a server makes four of them for each request, and a
frozen dataclass takes four times as long to make.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from cpr.errors import CprError

# How a predictor is called. "instances": predict. "body": a Vertex AI class, with the body as
# it came. "rows" and "columns": the tensors of a model, as TensorFlow Serving forms them.
Form = Literal["instances", "body", "rows", "columns"]

_NONE: Mapping[str, Any] = MappingProxyType({})


class Call(NamedTuple):
    """One prediction request, undecoded.

    `dialect` names how `body` is read and the answer written:
    ``aiplatform``, ``vertex``, ``tfserving`` or ``kserve``. `request_id` is
    the transport's own name for it; answers do not depend on it. `encoding`
    and `content_type` are the request's headers of these names, "" where it
    has none.
    """

    body: bytes
    dialect: str = "aiplatform"
    request_id: str = ""
    encoding: str = ""
    content_type: str = ""


class Instances(NamedTuple):
    """A decoded request: the instances and every other top-level key.

    `values` may be any JSON value: AI Platform's server never checked that
    `instances` is a list.
    """

    values: Any
    parameters: Mapping[str, Any] = _NONE
    form: Form = "instances"

    @property
    def size(self) -> int:
        """How many instances these are; 1 where that cannot be told."""
        values = self.values
        if self.form == "body" and isinstance(values, dict):
            values = values.get("instances")
        is_sized = isinstance(values, (list, dict, str)) and self.form != "columns"
        return len(values) if is_sized else 1


class Timing(NamedTuple):
    """Where the nanoseconds of one call went; shared work is split evenly."""

    decode_ns: int = 0
    predict_ns: int = 0
    encode_ns: int = 0

    @property
    def total_ns(self) -> int:
        """The sum of the three stages."""
        return self.decode_ns + self.predict_ns + self.encode_ns


class Reply(NamedTuple):
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
