"""Which functions speak each dialect, for the kind of predictor that answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cpr.config import PredictorSettings
from cpr.errors import CprError
from cpr.messages import Form, Instances
from cpr.wire import aiplatform, kserve, tfserving, vertex
from cpr.wire.row_text import row_texts, serving_row_texts

_Encode = Callable[[Any, PredictorSettings], bytes]
_ErrorEncode = Callable[[CprError, PredictorSettings], bytes]


class Decode(Protocol):
    """Reads a request body; raises BadInput."""

    def __call__(self, body: bytes, settings: PredictorSettings, *, with_b64: bool) -> Instances:
        """The instances and parameters that the body holds."""


@dataclass(frozen=True)
class Dialect:
    """How one dialect is read and written.

    Attributes:
        decode: Reads a body.
        encoders: Write what the predictor returned, by how it was called.
        encode_error: Writes an error.
        row_texts: The JSON of each row of a joint answer, None where rows
            must be written call by call.
        wants_json: Whether a content type other than JSON is refused.
    """

    decode: Decode
    encoders: Mapping[Form, _Encode]
    encode_error: _ErrorEncode = kserve.encode_error
    row_texts: Callable[[Any], list[bytes] | None] = row_texts
    wants_json: bool = False


_KSERVE = Dialect(kserve.decode, {"instances": kserve.encode})
_TENSORS = Dialect(
    tfserving.decode,
    {"rows": tfserving.encode_rows, "columns": tfserving.encode_columns},
    tfserving.encode_error,
    serving_row_texts,
)
_AIPLATFORM = Dialect(aiplatform.decode, {"instances": aiplatform.encode}, aiplatform.encode_error)
_VERTEX = Dialect(vertex.decode, {"instances": kserve.encode}, wants_json=True)


def dialects(*, has_tensors: bool, takes_parameters: bool) -> dict[str, Dialect]:
    """The dialects of a predictor that takes instances and keyword arguments.

    Args:
        has_tensors: Whether it is a model with signatures, which can be called
            by rows and columns as TensorFlow Serving calls them.
        takes_parameters: Whether its predict names a keyword `parameters`,
            which then gets Vertex AI's key of that name whole.
    """
    with_parameters = Dialect(kserve.decode, _VERTEX.encoders, wants_json=True)
    return {
        "aiplatform": _AIPLATFORM,
        "vertex": with_parameters if takes_parameters else _VERTEX,
        "tfserving": _TENSORS if has_tensors else _KSERVE,
        "kserve": _KSERVE,
    }


def dialects_of_whole_bodies() -> dict[str, Dialect]:
    """The dialects of a class written for Vertex AI, which answers with whole bodies."""
    encoders: dict[Form, _Encode] = {"instances": vertex.encode_body, "body": vertex.encode_body}
    simple = Dialect(kserve.decode, encoders)
    return {
        "aiplatform": Dialect(aiplatform.decode, encoders, aiplatform.encode_error),
        "vertex": Dialect(vertex.decode_body, encoders, vertex.encode_detail, wants_json=True),
        "tfserving": simple,
        "kserve": simple,
    }
