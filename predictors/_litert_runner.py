"""A LiteRT model in its interpreter: every signature of a file, or one at full speed."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cpr.artifacts.quiet import without_noise
from cpr.errors import BadInput, LoadError, PredictionFailed
from cpr.extras import import_extra
from cpr.runtimes.signatures import Signature, TensorSpec
from cpr.savedmodel.layout import DEFAULT_SIGNATURE
from cpr.wire.tensors import Array


class LiteRTRunner:
    """One interpreter, used by one thread at a time.

    Attributes:
        signatures: The model's signatures; ``serving_default`` if it has none.
    """

    def __init__(self, path: Path) -> None:
        """Load the model.

        Raises:
            LoadError: The file is damaged, or needs ops that LiteRT does not have.
        """
        self._lock = threading.Lock()
        self._interpreter = open_interpreter(path)
        self._calls = self._make_calls()
        self.signatures: Mapping[str, Signature] = {
            name: Signature(name, "", _specs(call.inputs), _specs(call.outputs))
            for name, call in self._calls.items()
        }

    def run(self, signature: Signature, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run the model, instance by instance where its batch is fixed at one.

        Raises:
            BadInput: LiteRT says that the shapes do not fit.
            PredictionFailed: The model failed in another way.
        """
        call = self._calls[signature.name]
        given = {
            name: _texts(feeds[name]) if spec.dtype == "string" else feeds[name]
            for name, spec in signature.inputs.items()
        }
        with self._lock:
            try:
                parts = [call(part) for part in _parts(signature, given)]
            except (ValueError, RuntimeError) as error:
                raise run_error(error, signature) from error
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def prepare(self, signature: Signature) -> None:
        """Nothing: tensors are allocated for each shape anew."""

    def close(self) -> None:
        """Free the interpreter."""
        with self._lock:
            self._calls.clear()
            del self._interpreter

    def _make_calls(self) -> dict[str, _Call]:
        names = self._interpreter.get_signature_list()
        if not names:
            return {DEFAULT_SIGNATURE: _PlainCall(self._interpreter)}
        return {name: _Call(self._interpreter.get_signature_runner(name)) for name in names}


class LiteRTFunction:
    """The one signature of a file, called without what a `SignatureRunner` does around a call.

    Tensors are allocated anew only where a shape differs from the last call's,
    so that a small model costs 2 µs a call rather than 6.
    """

    def __init__(self, path: Path) -> None:
        """Load the model.

        Raises:
            LoadError: The file is damaged, or needs ops that LiteRT does not have.
        """
        self._lock = threading.Lock()
        self._interpreter = open_interpreter(path)
        runner = self._interpreter.get_signature_runner()
        self._inputs = {n: d["index"] for n, d in runner.get_input_details().items()}
        self._texts = {n for n, d in runner.get_input_details().items() if _is_text(d)}
        self._outputs = {n: d["index"] for n, d in runner.get_output_details().items()}
        self._shapes: dict[str, tuple[int, ...]] = {}

    def __call__(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run it; raises ValueError or RuntimeError where LiteRT does."""
        model = self._interpreter
        with self._lock:
            for name in self._texts:
                feeds = {**feeds, name: _texts(feeds[name])}
            shapes = {name: feeds[name].shape for name in self._inputs}
            if shapes != self._shapes:
                self._shapes = {}
                for name, index in self._inputs.items():
                    model.resize_tensor_input(index, shapes[name])
                model.allocate_tensors()
                self._shapes = shapes
            for name, index in self._inputs.items():
                model.set_tensor(index, feeds[name])
            model.invoke()
            return {name: model.get_tensor(index) for name, index in self._outputs.items()}

    def close(self) -> None:
        """Free the interpreter."""
        with self._lock:
            del self._interpreter


def open_interpreter(path: Path) -> Any:
    """An interpreter of one thread, its tensors allocated.

    Raises:
        LoadError: The file is damaged, or needs ops that LiteRT does not have.
    """
    library = import_extra("ai_edge_litert.interpreter", "litert")
    try:
        with without_noise():
            interpreter = library.Interpreter(str(path), num_threads=1)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        message = str(error).strip().splitlines()[0]
        hint = ""
        if "custom op" in message or "Flex" in message or "Select TensorFlow" in message:
            hint = "LiteRT has its own ops only; serve the model as a SavedModel."
        raise LoadError(f"LiteRT cannot load {path}: {message}", hint=hint) from error
    return interpreter


class _Call:
    """A signature; tensors by the signature's own names."""

    def __init__(self, runner: Any) -> None:
        self._runner = runner
        self.inputs: Mapping[str, Any] = runner.get_input_details()
        self.outputs: Mapping[str, Any] = runner.get_output_details()

    def __call__(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        found: dict[str, Array] = self._runner(**feeds)
        return found


class _PlainCall(_Call):
    """A model without signatures; tensors by their names inside the model."""

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter
        self.inputs = {_alias(d): d for d in interpreter.get_input_details()}
        self.outputs = {_alias(d): d for d in interpreter.get_output_details()}

    def __call__(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        interpreter = self._interpreter
        for name, details in self.inputs.items():
            interpreter.resize_tensor_input(details["index"], feeds[name].shape)
        interpreter.allocate_tensors()
        for name, details in self.inputs.items():
            interpreter.set_tensor(details["index"], feeds[name])
        interpreter.invoke()
        return {name: interpreter.get_tensor(d["index"]) for name, d in self.outputs.items()}


def _parts(signature: Signature, feeds: Mapping[str, Array]) -> Iterator[Mapping[str, Array]]:
    """The feeds as they are, or one instance each where the model was made for one."""
    shapes = [spec.shape for spec in signature.inputs.values()]
    counts = {len(array) if array.ndim else 1 for array in feeds.values()}
    is_for_one = bool(shapes) and all(shape and shape[0] == 1 for shape in shapes)
    if not is_for_one or len(counts) != 1 or counts <= {0, 1}:
        yield feeds
        return
    for i in range(counts.pop()):
        yield {name: array[i : i + 1] for name, array in feeds.items()}


def _specs(details: Mapping[str, Any]) -> dict[str, TensorSpec]:
    return {name: _spec(detail) for name, detail in details.items()}


def _spec(detail: Mapping[str, Any]) -> TensorSpec:
    dtype = np.dtype(detail["dtype"])
    shape = tuple(None if size < 0 else int(size) for size in detail["shape_signature"])
    return TensorSpec(detail["name"], "string" if dtype.kind == "S" else dtype.name, shape)


def _alias(detail: Mapping[str, Any]) -> str:
    name: str = detail["name"]
    return name.removeprefix("serving_default_").partition(":")[0]


def _is_text(detail: Mapping[str, Any]) -> bool:
    return bool(np.dtype(detail["dtype"]).kind == "S")


def _texts(texts: Array) -> Array:
    """Texts as LiteRT reads them; of an array of bytes numpy would cut zeros off the ends."""
    return texts if texts.ndim else np.array(texts.item(), np.bytes_)


def run_error(error: Exception, signature: Signature) -> BadInput | PredictionFailed:
    """What a failed run means: shapes are the caller's fault, the rest the model's."""
    message = str(error).strip().splitlines()[0]
    if not isinstance(error, ValueError) and "failed to prepare" not in str(error):
        return PredictionFailed(f"The model failed: {message}")
    declared = ", ".join(f"{name} {spec.sizes}" for name, spec in signature.inputs.items())
    return BadInput(
        f"The model refuses these instances: {message}",
        hint=f"It declares the inputs {declared}; the first size counts the instances.",
    )
