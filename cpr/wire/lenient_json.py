"""JSON as TensorFlow Serving's parser reads it, where that is not JSON.

NaN and Infinity are numbers, a byte-order mark is skipped, what follows the
first document is ignored, and the first of several equal keys counts.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from cpr.errors import BadInput

_SPACE = re.compile(r"[ \t\n\r]*")
_MARK = b"\xef\xbb\xbf"


def loads_first(body: bytes) -> Any:
    """Read the first JSON document of a body.

    Raises:
        BadInput: It is not JSON either way; for the caller to finish.
    """
    try:
        text = body.removeprefix(_MARK).decode("utf-8")
        start = _SPACE.match(text)
        return _DECODER.raw_decode(text, start.end() if start else 0)[0]
    except RecursionError as error:
        raise BadInput("it is nested too deeply.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"it is not valid UTF-8: {error.reason}.") from error
    except ValueError as error:
        raise BadInput(f"{error}.") from error


def _first_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def _within_range(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"number too big to be stored in double: {digits[:40]}")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_first_of, parse_float=_within_range)
