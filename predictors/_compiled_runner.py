"""Signatures answered by what ``cpr compile`` wrote, the original model at hand."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from cpr.artifacts.compiled import Compiled
from cpr.errors import BadInput
from cpr.predictors._compiled_functions import open_function, specs_of, within
from cpr.predictors._compiled_text import TextReader, TextWriter
from cpr.predictors._litert_runner import run_error
from cpr.runtimes.signatures import Signature, find_default
from cpr.wire.tensors import Array

if TYPE_CHECKING:
    from cpr.predictors._compiled_examples import Call

logger = logging.getLogger(__name__)

# Beyond it LiteRT's square roots are off by half: its reciprocals lose digits.
_LARGEST = 2.0**100
_LOW, _HIGH = -(2**31), 2**31 - 1
_WIDE = {np.dtype("int64"), np.dtype("uint64"), np.dtype("uint32")}


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
                name, entry["method"], specs_of(entry["inputs"]), specs_of(entry["outputs"])
            )
            for name, entry in sorted(entries.items())
        }
        made = {name: entry for name, entry in entries.items() if "file" in entry}
        self._files = {
            entry["file"]: open_function(compiled, entry)
            for entry in {entry["file"]: entry for entry in made.values()}.values()
        }
        self._calls = {name: self._call(compiled, name, entry) for name, entry in made.items()}
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
        return self._leave(signature, feeds)

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

    def _call(self, compiled: Compiled, name: str, entry: Mapping[str, Any]) -> Call:
        """What runs a signature, behind what reads examples if it takes those."""
        function = self._files[entry["file"]]
        inner = _Call(_inner(self.signatures[name], entry), within(entry), compiled, function)
        if "examples" not in entry:
            return inner
        # It imports the message classes, which most models do without.
        from cpr.predictors._compiled_examples import ExamplesCall

        signature = self.signatures[name]
        whole = _Call(signature, {**entry, "readers": {}}, compiled, function)
        return ExamplesCall(entry["examples"], whole, inner, partial(self._leave, signature))

    def _leave(self, signature: Signature, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Have the original answer what is unlike all that was compared."""
        original = self._opened("instances like these")
        self.has_loaded_original = True
        return original.run(original.signatures[signature.name], feeds)

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
        self,
        signature: Signature,
        entry: Mapping[str, Any],
        compiled: Compiled,
        function: Any,
    ) -> None:
        self.is_strict = bool(entry["is_strict"])
        self._readers = {
            alias: TextReader(told, compiled.folder)
            for alias, told in entry.get("readers", {}).items()
        }
        self._writers = {
            alias: TextWriter(told) for alias, told in entry.get("writers", {}).items()
        }
        self._largest: float | None = entry.get("largest")
        self._signature = signature
        self._function = function
        self._shapes = {name: spec.shape or () for name, spec in signature.inputs.items()}
        prefixes = ("in:", "out:") if compiled.runtime == "onnx" else ("", "")
        self._inputs, self._outputs = (
            {alias: f"{prefix}{item['name']}" for alias, item in entry[side].items()}
            for side, prefix in zip(("inputs", "outputs"), prefixes, strict=True)
        )
        self._bounds = {
            name: item["bounds"] for name, item in entry["inputs"].items() if item.get("bounds")
        }
        # `_check_bounds` refuses what is beyond these, as the original does.
        self._narrow = {
            name for name, (low, high) in self._bounds.items() if low >= _LOW and high <= _HIGH
        }

    def __call__(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        for name, (low, high) in self._bounds.items():
            _check_bounds(name, feeds[name], low, high)
        if self._readers:
            feeds = {**feeds, **{name: read(feeds[name]) for name, read in self._readers.items()}}
        try:
            found = self._function({name: feeds[alias] for alias, name in self._inputs.items()})
        except (ValueError, RuntimeError) as error:
            raise run_error(error, self._signature) from error
        if not self._writers:
            return {alias: found[name] for alias, name in self._outputs.items()}
        count = next((len(array) for array in feeds.values() if array.ndim), 1)
        return {
            alias: self._writers[alias](found.get(name), count)
            if alias in self._writers
            else found[name]
            for alias, name in self._outputs.items()
        }

    def holds(self, feeds: Mapping[str, Array]) -> bool:
        """Whether the numbers are finite, and none too large for an integer made of it."""
        largest = self._largest
        loose = (array for name, array in feeds.items() if name not in self._narrow)
        return all(map(_is_moderate, loose)) and (
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


def _inner(signature: Signature, entry: Mapping[str, Any]) -> Signature:
    return replace(signature, inputs=specs_of(within(entry)["inputs"]))


def _is_moderate(array: Array) -> bool:
    """Whether all floats are finite and not near the end of float32, and integers have 32 bits."""
    if array.dtype in _WIDE:
        # Of one_hot's places LiteRT reads half, and ONNX Runtime's maximum loses the sign.
        return not array.size or bool(array.min() >= _LOW and array.max() <= _HIGH)
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
