"""Which modules and names a pickle needs, read without executing anything.

The machine that loads a pickle runs on stand-ins: a name becomes an inert
object that remembers itself, a call becomes one that remembers its arguments.
Nothing that the file names is imported, called or looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from cpr.artifacts.pickle_machine import ARRAY_WRAPPERS, ForbiddenPickle, Machine
from cpr.artifacts.pickle_stream import PickleStream, StreamLimits

# numpy.dtype's code: kind and bytes (characters for U).
_CODE = re.compile(r"[<>|=]?([?biufcmMSUVO])(\d*)")


@dataclass(frozen=True)
class PickleScan:
    """What a pickle file needs and says of itself.

    `names` are the (module, name) pairs that loading it would import, sorted;
    `compression` is joblib's name of the form; `pickles` counts those in the
    file, nested ones too. `sklearn_versions` maps each version of scikit-learn
    that saved a part of it to the classes of these parts. `has_arrays` says
    that joblib wrote it.
    """

    names: tuple[tuple[str, str], ...]
    compression: str = ""
    protocol: int = 0
    pickles: int = 1
    has_arrays: bool = False
    sklearn_versions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def scan_pickle(path: Path, *, limits: StreamLimits | None = None) -> PickleScan:
    """Read which names a pickle needs: of every pickle in the file, to its last byte.

    Raises:
        ForbiddenPickle: It does what no pickle of a model needs to do.
        Exception: It cannot be understood: any other error means damage.
    """
    found = _Found()
    try:
        with PickleStream(path, limits) as stream:
            compression = stream.compression
            _Scanner(stream, found).load()
            while not stream.is_at_end():
                _Scanner(stream, found).load()
    except ForbiddenPickle as error:
        error.names = tuple(sorted(found.names))
        raise
    versions = {saved: tuple(classes) for saved, classes in sorted(found.versions.items())}
    return PickleScan(
        names=tuple(sorted(found.names)),
        compression=compression,
        protocol=found.protocol,
        pickles=found.pickles,
        has_arrays=found.has_arrays,
        sklearn_versions=versions,
    )


@dataclass
class _Found:
    names: dict[tuple[str, str], _Name] = field(default_factory=dict)
    versions: dict[str, dict[str, None]] = field(default_factory=dict)
    protocol: int = 0
    pickles: int = 0
    has_arrays: bool = False


class _Name:
    """Stands for what a name would lead to."""

    __slots__ = ("key",)

    def __init__(self, module: str, name: str) -> None:
        self.key = (module, name)


class _Made:
    """Stands for what a call would return; takes whatever the pickle puts into it."""

    __slots__ = ("arguments", "state", "what")

    def __init__(self, what: _Name, arguments: tuple[Any, ...]) -> None:
        self.what = what
        self.arguments = arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        """Take an entry."""

    def append(self, item: Any) -> None:
        """Take an item."""

    def extend(self, items: Any) -> None:
        """Take items."""

    def add(self, item: Any) -> None:
        """Take an item."""


class _Scanner(Machine):
    """Runs a pickle on stand-ins."""

    def __init__(self, stream: PickleStream, found: _Found) -> None:
        super().__init__(stream)
        self._found = found

    def load(self) -> Any:
        self._found.pickles += 1
        value = super().load()
        self._found.protocol = max(self._found.protocol, self.proto)
        return value

    def nested(self) -> Any:
        return _Scanner(self.stream, self._found).load()

    def resolve(self, module: str, name: str) -> _Name:
        return self._found.names.setdefault((module, name), _Name(module, name))

    def call(self, function: _Name, arguments: Any, keywords: Any) -> _Made:
        arguments = tuple(arguments)
        if function.key == ("copyreg", "_reconstructor") and isinstance(arguments[0], _Name):
            return _Made(arguments[0], ())
        return _Made(function, arguments)

    def make(self, cls: _Name, arguments: Any, keywords: Any) -> _Made:
        return _Made(cls, tuple(arguments))

    def array_of(self, built: Any) -> Any:
        if not isinstance(built, _Made):
            return built
        if built.what.key in ARRAY_WRAPPERS:
            self._found.has_arrays = True
            return self._skip_array(built.state)
        if isinstance(built.state, dict):
            saved = built.state.get("_sklearn_version")
            if type(saved) is str and built.what.key[0].startswith("sklearn."):
                self._found.versions.setdefault(saved, {})[built.what.key[1]] = None
        return built

    def _skip_array(self, wrapper: Any) -> Any:
        if type(wrapper) is not dict or type(wrapper.get("shape")) is not tuple:
            raise ForbiddenPickle("an array in it is not described as joblib does")
        shape = wrapper["shape"]
        size, holds_objects = _size_and_kind(wrapper.get("dtype"))
        if not all(type(length) is int and length >= 0 for length in shape):
            raise ForbiddenPickle("an array in it has an impossible shape")
        if holds_objects:
            return self.nested()
        if wrapper.get("numpy_array_alignment_bytes") is not None:
            self.stream.skip(self.stream.read(1)[0])
        self.stream.skip(prod(shape) * size)
        return None


def _size_and_kind(dtype: Any) -> tuple[int, bool]:
    """Bytes of one element, and whether it holds Python objects, of a stand-in for a dtype."""
    if not isinstance(dtype, _Made) or dtype.what.key != ("numpy", "dtype"):
        raise ForbiddenPickle("an array in it has an unknown type")
    code = _CODE.fullmatch(dtype.arguments[0]) if type(dtype.arguments[0]) is str else None
    state = dtype.state if type(dtype.state) is tuple else ()
    if code is None or len(state) not in (0, 8, 9):
        raise ForbiddenPickle("an array in it has an unknown type")
    kind, digits = code[1], int(code[2] or 1)
    if kind != "V":
        return digits * (4 if kind == "U" else 1), kind == "O"
    _, _, part, _, fields, size, *_ = state or (0, "", None, None, None, digits)
    parts = [part[0]] if part else [entry[0] for entry in (fields or {}).values()]
    return (size if size > 0 else digits), any(_size_and_kind(inner)[1] for inner in parts)
