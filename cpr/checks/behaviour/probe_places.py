"""The lines of user code that define a routine's methods."""

from __future__ import annotations

import inspect
import re
from typing import Any

from cpr.checks.behaviour.probe_faults import Spot
from cpr.predictor import Predictor
from cpr.routine import Routine

_METHODS = ("from_path", "load", "predict")
_SETTING = r"{owner}\.(\w+)\s*(?:[-+*/|]?=[^=]|\.\w+\(|\[)"
_BATCHABLE = re.compile(r"^\s+batchable\s*(:.*)?=")


def described(routine: Routine) -> dict[str, Any]:
    """What is said of a routine that has loaded."""
    kind = type(routine.predictor)
    told = {
        "name": routine.name,
        "is_ready_made": routine.is_ready_made,
        "is_subclass": isinstance(routine.predictor, Predictor),
        "is_batchable": routine.is_batchable,
        "is_vertex": not hasattr(kind, "from_path") and hasattr(kind, "load"),
    }
    places = {} if routine.is_ready_made else _places(kind)
    return {**told, "places": {name: place for name, place in places.items() if place[0]}}


def _places(kind: type) -> dict[str, Spot]:
    places = {name: _definition(getattr(kind, name, None)) for name in _METHODS}
    lines, first = _source(kind)
    file = _file(kind)
    setting = re.compile(_SETTING.format(owner=rf"(?:self|cls|type\(self\)|{kind.__name__})"))
    for number, line in enumerate(lines, first):
        if _BATCHABLE.match(line):
            places["batchable"] = (file, number)
        for name in setting.findall(line):
            # The last line that sets it: after __init__, which stands first.
            places[f"self.{name}"] = (file, number)
    return places


def _definition(method: Any) -> Spot:
    function = inspect.unwrap(method) if method is not None else None
    return _file(function), _source(function)[1]


def _file(thing: Any) -> str:
    try:
        return inspect.getsourcefile(thing) or ""
    except TypeError:
        return ""


def _source(thing: Any) -> tuple[list[str], int]:
    try:
        return inspect.getsourcelines(thing)
    except (OSError, TypeError):
        return [], 0
