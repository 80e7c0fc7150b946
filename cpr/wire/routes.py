"""Which request path asks for a prediction or an explanation, of which model, in which dialect.

The front asks here for every new path, so this module imports nothing but the
standard library and knows nothing of what is served.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

_NAME = re.compile(rb"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,128}")
# A project may belong to a domain: example.com:my-project.
_PROJECT = re.compile(rb"(?:[a-z0-9.-]{1,128}:)?[A-Za-z0-9._-]{1,128}")
_AIPLATFORM = re.compile(
    rb"/v1/projects/(?P<project>[^/]+)/models/(?P<model>[^/:]+)"
    rb"(?:/versions/(?P<version>[^/:]+))?:(?P<verb>predict|explain)"
)
_TFSERVING = re.compile(
    rb"/v1/models/(?P<model>[^/:]+)"
    rb"(?:/versions/(?P<version>[^/:]+)|/labels/(?P<label>[^/:]+))?"
    rb":(?P<verb>predict|explain)"
)


@dataclass(frozen=True, slots=True)
class Route:
    """What a path asks for.

    `dialect` is what the path says: ``aiplatform``, ``vertex`` or
    ``tfserving``; ``kserve`` of explanations, which TensorFlow Serving has not.
    An empty `model` or `version` means the default one. `verb` is ``predict``
    or ``explain``, and `counted_as` what metrics and logs call the route.
    """

    dialect: str
    model: str = ""
    version: str = ""
    label: str = ""
    verb: str = "predict"
    counted_as: str = field(init=False, compare=False, default="")

    def __post_init__(self) -> None:
        counted_as = self.dialect if self.verb == "predict" else self.verb
        object.__setattr__(self, "counted_as", counted_as)


class Routes:
    """The predict and explain routes of one server; built once, safe to share.

    Args:
        aip_predict_route: Vertex AI's ``AIP_PREDICT_ROUTE``, "" for none. Where
            it ends in ``predict``, the same with ``explain`` is a route too.
        aip_health_route: Vertex AI's ``AIP_HEALTH_ROUTE``, "" for none.
    """

    def __init__(self, *, aip_predict_route: str = "", aip_health_route: str = "") -> None:
        self._fixed = {b"/": Route("aiplatform")}
        if aip_predict_route:
            self._fixed[aip_predict_route.encode()] = Route("vertex")
        if aip_predict_route.endswith(("/predict", ":predict")):
            explain_route = aip_predict_route.removesuffix("predict") + "explain"
            self._fixed[explain_route.encode()] = Route("vertex", verb="explain")
        self._health = {b"/healthz", b"/_ah/health", aip_health_route.encode()} - {b""}

    def predict_route(self, path: bytes) -> Route | None:
        """What a POST to this path asks for; None if no prediction and no explanation.

        Args:
            path: As it stood in the request line, without the query. Names in
                it are percent-decoded once, and then may hold letters, digits
                and ``._-`` only.
        """
        fixed = self._fixed.get(path)
        if fixed is not None:
            return fixed
        match = _AIPLATFORM.fullmatch(path)
        if match is not None:
            is_project = _PROJECT.fullmatch(unquote_to_bytes(match["project"]))
            return _route("aiplatform", match) if is_project else None
        match = _TFSERVING.fullmatch(path)
        if match is not None:
            is_prediction = match["verb"] == b"predict"
            return _route("tfserving" if is_prediction else "kserve", match)
        return None

    def is_health(self, path: bytes) -> bool:
        """Whether a GET of this path asks if the server lives."""
        return path in self._health

    def dialect_of(self, path: bytes) -> str:
        """In which dialect to answer what is wrong about a path, whatever it is."""
        route = self._fixed.get(path)
        if route is not None:
            return route.dialect
        if path.startswith(b"/v1/") and not path.startswith(b"/v1/projects/"):
            return "tfserving"
        return "aiplatform"


def version_name(text: str) -> str:
    """A version as routes spell it: numbers without leading zeros, as TensorFlow Serving."""
    return text.lstrip("0") or "0" if text.isascii() and text.isdigit() else text


def _route(dialect: str, match: re.Match[bytes]) -> Route | None:
    parts = match.groupdict()
    written = [parts.get(name) for name in ("model", "version", "label")]
    names = [unquote_to_bytes(name or b"") for name in written]
    given = [name for name, raw in zip(names, written, strict=True) if raw]
    if not all(map(_NAME.fullmatch, given)):
        return None
    model_name, number, label_name = (name.decode("ascii") for name in names)
    return Route(dialect, model_name, version_name(number), label_name, match["verb"].decode())
