"""Loads a pickle, plain or joblib's, with nothing but allowed names in reach."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from cpr.artifacts.allowed_globals import BARE
from cpr.artifacts.pickle_machine import ARRAY_WRAPPERS, ForbiddenPickle, Machine
from cpr.artifacts.pickle_stream import PickleStream, StreamLimits
from cpr.artifacts.trust import Names

_BARE = {f"{module}.{name}" for module, name in BARE}


def load_listed(path: Path, names: Names, *, limits: StreamLimits | None = None) -> Any:
    """Load the first pickle of a file; only `names` are ever looked up.

    Raises:
        ForbiddenPickle: It needs another name, or does what no pickle of a
            model needs to do.
        Exception: Whatever the objects in it raise, or damage.
    """
    with PickleStream(path, limits) as stream:
        return _Unpickler(stream, names).load()


class _Wrapper:
    """Takes the place of joblib's description of an array, whose bytes follow."""

    subclass: Any = np.ndarray
    shape: Any = ()
    order: Any = "C"
    dtype: Any = None
    numpy_array_alignment_bytes: Any = None


class _Unpickler(Machine):
    """Runs a pickle on the real things, as far as they are allowed."""

    def __init__(self, stream: PickleStream, names: Names) -> None:
        super().__init__(stream)
        self._names = names

    def nested(self) -> Any:
        return _Unpickler(self.stream, self._names).load()

    def resolve(self, module: str, name: str) -> Any:
        if (module, name) in ARRAY_WRAPPERS:
            return _Wrapper
        if (module, name) == ("_codecs", "encode"):
            return _latin1
        if (module, name) == ("numpy", "memmap"):  # constructing one writes a file
            return np.ndarray
        return self._names.find(module, name)

    def call(self, function: Any, arguments: Any, keywords: Any) -> Any:
        if (arguments or keywords) and self.name_of(function) in _BARE:
            raise ForbiddenPickle(f"it constructs {self.name_of(function)} with arguments")
        return function(*arguments, **keywords)

    def make(self, cls: Any, arguments: Any, keywords: Any) -> Any:
        if not isinstance(cls, type):
            raise ForbiddenPickle(f"it makes an object of {self.name_of(cls)}, which is no class")
        return cls.__new__(cls, *arguments, **keywords)

    def before_state(self, target: Any) -> None:
        if isinstance(target, np.dtype) and target is np.dtype(target.str):
            raise ForbiddenPickle(f"it changes numpy's {target} itself")

    def array_of(self, built: Any) -> Any:
        if isinstance(built, np.dtype):
            _check_dtype(built)
        return self._read_array(built) if isinstance(built, _Wrapper) else built

    def _read_array(self, wrapper: _Wrapper) -> Any:
        dtype, shape = wrapper.dtype, wrapper.shape
        if not isinstance(dtype, np.dtype) or not isinstance(shape, tuple):
            raise ForbiddenPickle("an array in it is not described as joblib does")
        if dtype.hasobject:
            array = self.nested()
            if not isinstance(array, np.ndarray):
                raise ForbiddenPickle("an array in it is something else")
        else:
            if wrapper.numpy_array_alignment_bytes is not None:
                self.stream.skip(self.stream.read(1)[0])
            data = self.stream.read_buffer(prod(shape) * dtype.itemsize)
            array = np.ndarray(shape, dtype, data, order=wrapper.order)
        if not dtype.isnative:
            array = array.byteswap().view(dtype.newbyteorder("="))
        return array.view(np.matrix) if wrapper.subclass is np.matrix else array


def _check_dtype(dtype: np.dtype[Any]) -> None:
    """Refuse a type that hides objects, or parts beyond its end.

    Numpy believes what the state says of a type. Where it says that a type of
    objects holds none, bytes of the file would be taken for addresses.
    """
    parts = [(dtype.subdtype[0], 0)] if dtype.subdtype else []
    parts += [(field[0], field[1]) for field in (dtype.fields or {}).values()]
    for part, offset in parts:
        _check_dtype(part)
        if offset < 0 or offset + part.itemsize > dtype.itemsize:
            raise ForbiddenPickle("an array's type has a part beyond its end")
    if (dtype.kind == "O" or any(part.hasobject for part, _ in parts)) and not dtype.hasobject:
        raise ForbiddenPickle("an array's type hides that it holds objects")


def _latin1(text: str, encoding: str) -> bytes:
    """Stands for _codecs.encode, by which protocols 0 to 2 write bytes."""
    if type(text) is not str or encoding != "latin1":
        raise ForbiddenPickle("it calls _codecs.encode otherwise than for bytes")
    return text.encode("latin1")
