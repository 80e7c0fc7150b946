"""Signatures answered by what ``cpr compile`` wrote, the original model at hand."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from cpr.artifacts.compiled import Compiled
from cpr.errors import BadInput, PredictionFailed
from cpr.predictors._compiled_text import TextReader
from cpr.predictors._litert_runner import LiteRTFunction, run_error
from cpr.predictors._onnx_session import open_session, reason
from cpr.runtimes.signatures import Signature, TensorSpec, find_default
from cpr.wire.tensors import Array

logger = logging.getLogger(__name__)

# Beyond it LiteRT's square roots are off by half: its reciprocals lose digits.
_LARGEST = 2.0**100


class Original(Protocol):
    """The model itself, as its own library runs it."""

    signatures: Mapping[str, Signature]

    def run(self, signature: Signature, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run a signature."""

    def prepare(self, signature: Signature) -> object:
        """Do what the first run would otherwise have to."""

    def close(self) -> None:
        """Free the model."""


class CompiledRunner:
    """Runs compiled functions, and only on what they were proven for.

    Arrays of other shapes than a signature declares are refused where the
    original refuses them too; else the original is loaded and answers, as it
    does where a number is NaN, infinite or nearly so: runtimes disagree about
    the largest of such numbers, and what integers they become.

    The original also answers the signatures that were not compiled. It is
    loaded with the first request for one, or at once where a request that
    names no signature means one: then no process would do without it.

    Attributes:
        signatures: Those of the original.
        has_loaded_original: Whether instances were unlike those that a
            function was compiled for, so that the original had to answer.
    """

    def __init__(
        self, compiled: Compiled, load_original: Callable[[], Original], *, configured: str = ""
    ) -> None:
        """Load the compiled files.

        Args:
            compiled: What they are.
            load_original: Loads the model itself.
            configured: The signature that the settings name.

        Raises:
            LoadError: The runtime refuses one.
        """
        self._folder = compiled.folder
        self._load_original = load_original
        self._original: Original | None = None
        self._lock = threading.Lock()
        self.has_loaded_original = False
        entries = compiled.model["signatures"]
        self.signatures: Mapping[str, Signature] = {
            name: Signature(
                name, entry["method"], _specs(entry["inputs"]), _specs(entry["outputs"])
            )
            for name, entry in sorted(entries.items())
        }
        made = {name: entry for name, entry in entries.items() if "file" in entry}
        self._files = {
            entry["file"]: _open(compiled, entry)
            for entry in {entry["file"]: entry for entry in made.values()}.values()
        }
        is_onnx = compiled.runtime == "onnx"
        self._calls = {
            name: _Call(self.signatures[name], entry, self._files[entry["file"]], is_onnx=is_onnx)
            for name, entry in made.items()
        }
        for name, entry in made.items():
            for alias, told in entry.get("readers", {}).items():
                self._calls[name].readers[alias] = TextReader(told, compiled.folder)
        default = find_default(self.signatures, configured)
        if default and default not in self._calls:
            self._opened(f"the default signature {default!r}")

    def run(self, signature: Signature, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run one signature.

        Raises:
            BadInput: A shape or a value does not fit.
            PredictionFailed: The model failed.
        """
        call = self._calls.get(signature.name)
        if call is None:
            original = self._opened(f"the signature {signature.name!r}")
            return original.run(original.signatures[signature.name], feeds)
        unfit = call.find_unfit(feeds)
        if unfit is None and call.holds(feeds):
            return call(feeds)
        is_empty = any(0 in array.shape for array in feeds.values())
        if unfit is not None and call.is_strict and not is_empty:
            raise unfit
        original = self._opened("instances like these")
        self.has_loaded_original = True
        return original.run(original.signatures[signature.name], feeds)

    def prepare(self, signature: Signature) -> None:
        """Prepare the original for what was not compiled, if it is loaded already."""
        if self._original is not None and signature.name not in self._calls:
            self._original.prepare(self._original.signatures[signature.name])

    def close(self) -> None:
        """Free the models."""
        for function in self._files.values():
            function.close()
        if self._original is not None:
            self._original.close()

    def _opened(self, what: str) -> Original:
        with self._lock:
            if self._original is None:
                logger.warning(
                    "%s was not compiled for %s; the original model is loaded to answer",
                    self._folder.parent,
                    what,
                )
                self._original = self._load_original()
            return self._original


class _Call:
    """One signature: its function, and what it was proven for."""

    def __init__(
        self, signature: Signature, entry: Mapping[str, Any], function: Any, *, is_onnx: bool
    ) -> None:
        self.is_strict = bool(entry["is_strict"])
        self.readers: dict[str, TextReader] = {}
        self._largest: float | None = entry.get("largest")
        self._signature = signature
        self._function = function
        self._shapes = {name: spec.shape or () for name, spec in signature.inputs.items()}
        prefixes = ("in:", "out:") if is_onnx else ("", "")
        self._inputs, self._outputs = (
            {alias: f"{prefix}{item['name']}" for alias, item in entry[side].items()}
            for side, prefix in zip(("inputs", "outputs"), prefixes, strict=True)
        )
        self._bounds = {
            name: item["bounds"] for name, item in entry["inputs"].items() if item.get("bounds")
        }

    def __call__(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        for name, (low, high) in self._bounds.items():
            _check_bounds(name, feeds[name], low, high)
        if self.readers:
            feeds = {**feeds, **{name: read(feeds[name]) for name, read in self.readers.items()}}
        try:
            found = self._function({name: feeds[alias] for alias, name in self._inputs.items()})
        except (ValueError, RuntimeError) as error:
            raise run_error(error, self._signature) from error
        return {alias: found[name] for alias, name in self._outputs.items()}

    def holds(self, feeds: Mapping[str, Array]) -> bool:
        """Whether the numbers are finite, and none too large for an integer made of it."""
        largest = self._largest
        return all(map(_is_moderate, feeds.values())) and (
            largest is None
            or not any(
                (np.abs(array) > largest).any()
                for array in feeds.values()
                if array.dtype.kind == "f"
            )
        )

    def find_unfit(self, feeds: Mapping[str, Array]) -> BadInput | None:
        """What to say of the first array whose shape is not the declared one."""
        count = None
        for name, declared in self._shapes.items():
            shape = feeds[name].shape
            fits = len(shape) == len(declared)
            for has, want in zip(shape, declared, strict=False):
                fits = fits and want in (None, has)
            if declared[:1] == (None,) and shape:
                count = shape[0] if count is None else count
                fits = fits and shape[0] == count and count > 0
            if not fits:
                sizes = self._signature.inputs[name].sizes
                return BadInput(
                    f"Input {name} has the shape {list(shape)}; the model takes {sizes}.",
                    hint="The first size is the number of instances.",
                )
        return None


class OnnxFunction:
    """A file whose inputs and outputs are called as the signature's are."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._names = [item.name for item in session.get_outputs()]

    def __call__(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run it; raises PredictionFailed where that fails."""
        try:
            found = self._session.run(self._names, feeds)
        except Exception as error:
            raise PredictionFailed(f"The model failed: {reason(error)}") from error
        return dict(zip(self._names, found, strict=True))

    def close(self) -> None:
        """Free the session."""
        del self._session


def _open(compiled: Compiled, entry: Mapping[str, Any]) -> Any:
    path = compiled.folder / entry["file"]
    if compiled.runtime == "onnx":
        return OnnxFunction(open_session(path))
    if compiled.runtime == "litert":
        return LiteRTFunction(path)
    # It imports TensorFlow's session, which the other runtimes do without.
    from cpr.runtimes.xla_function import XlaFunction

    specs = _specs(entry["inputs"])
    return XlaFunction(
        path,
        {item["name"]: specs[alias] for alias, item in entry["inputs"].items()},
        list(dict.fromkeys(item["name"] for item in entry["outputs"].values())),
        compiled.model["batch_sizes"],
    )


def _specs(tensors: Mapping[str, Any]) -> dict[str, TensorSpec]:
    return {
        alias: TensorSpec(
            item["tensor"],
            item["dtype"],
            None if item["shape"] is None else tuple(item["shape"]),
        )
        for alias, item in tensors.items()
    }


def _is_moderate(array: Array) -> bool:
    """Whether all numbers are finite, and not near the end of what float32 holds."""
    if array.dtype.kind != "f":
        return True
    # The squares add up to a finite number only if all are small enough: one pass, mostly.
    return math.isfinite(np.vdot(array, array)) or bool((np.abs(array) <= _LARGEST).all())


def _check_bounds(name: str, array: Array, low: int, high: int) -> None:
    """Refuse integers that the original refuses, such as ids that an embedding has no row for."""
    if array.size and (array.min() < low or array.max() > high):
        wrong = array[(array < low) | (array > high)]
        raise BadInput(
            f"Input {name} holds {np.ravel(wrong)[0]}; the model takes integers from {low} to "
            f"{high}."
        )
