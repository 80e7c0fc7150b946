"""Prints predictions as ``gcloud ai-platform predict`` did by default.

Read from gcloud's own printer, and from transcripts that users published:

* predictions that are not a list: the whole response as JSON;
* an empty list: nothing;
* a list of objects: a table, one column for each key of the first object;
* any other list: a table of one cell without heading, which holds the list as
  Python writes it, on one line: ``['setosa', 'virginica']``.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

_PAD = 2
_WORD_START = re.compile("((?<=[a-z0-9])[A-Z]+|(?!^)[A-Z](?=[a-z]))")


def render(response: Any) -> str:
    """The text that gcloud prints for a response, without the last newline; may be empty."""
    predictions = response.get("predictions") if isinstance(response, dict) else None
    if not isinstance(predictions, list):
        return render_json(response)
    if not predictions:
        return ""
    if isinstance(predictions[0], dict):
        return _table(predictions)
    return str(predictions)


def hidden_keys(response: Any) -> list[str]:
    """The keys of later objects that the table of `render` has no column for, as gcloud's."""
    predictions = response.get("predictions") if isinstance(response, dict) else None
    if not (isinstance(predictions, list) and predictions and isinstance(predictions[0], dict)):
        return []
    every = {key for item in predictions if isinstance(item, dict) for key in item}
    return sorted(every - predictions[0].keys())


def render_json(response: Any) -> str:
    """A response as gcloud's ``--format json``: indented by two, keys sorted."""
    return json.dumps(response, indent=2, sort_keys=True, ensure_ascii=False)


def _table(predictions: Sequence[Any]) -> str:
    keys = sorted(predictions[0])
    records = [item if isinstance(item, dict) else {} for item in predictions]
    rows = [[_heading(key) for key in keys]]
    rows += [[_cell(record.get(key)) for key in keys] for record in records]
    widths = [max(_width(row[i]) for row in rows) + _PAD for i in range(len(keys))]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
    return "".join(padded).rstrip()


def _heading(key: str) -> str:
    """A key as gcloud writes headings: ``classIds`` becomes ``CLASS_IDS``."""
    return _WORD_START.sub(r"_\1", key).upper()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return _number(value)
    return str(value).replace("\n", "\\n")


def _number(value: float) -> str:
    """Six significant digits; no exponent from 1e-04 up to 1e+09."""
    text = f"{value:.6}"
    _, has_exponent, exponent = text.partition("e+")
    return f"{value:.1f}" if has_exponent and int(exponent) < 9 else text


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
