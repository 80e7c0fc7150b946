"""The ready-made predictor for LiteRT (TensorFlow Lite) models."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cpr.artifacts.detect import detect
from cpr.artifacts.quiet import without_noise
from cpr.config import PredictorSettings
from cpr.errors import BadInput, LoadError, PredictionFailed
from cpr.extras import import_extra
from cpr.predictors._signature_predictor import SignaturePredictor
from cpr.predictors._signatures import DEFAULT, Signature, TensorSpec
from cpr.wire.tensors import Array


class LiteRTModel(SignaturePredictor):
    """Answers with a ``.tflite`` model.

    Instances are bare values where there is one input, else objects by name:
    the signature's names, or the tensors' where the model has no signature.
    """

    @classmethod
    def from_path(
        cls, model_dir: str | Path, *, settings: PredictorSettings | None = None
    ) -> LiteRTModel:
        """Load ``model.tflite``, or the only file of that kind.

        Raises:
            LoadError: There is none, it is damaged, or needs ops that LiteRT
                does not have.
        """
        path = detect(Path(model_dir), "litert").path
        return cls(LiteRTRunner(path), Path(model_dir), settings or PredictorSettings())


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
        library = import_extra("ai_edge_litert.interpreter", "litert")
        self._lock = threading.Lock()
        try:
            with without_noise():
                self._interpreter = library.Interpreter(str(path), num_threads=1)
                self._interpreter.allocate_tensors()
                self._calls = self._make_calls()
        except (ValueError, RuntimeError) as error:
            message = str(error).strip().splitlines()[0]
            hint = ""
            if "custom op" in message or "Flex" in message or "Select TensorFlow" in message:
                hint = "LiteRT has its own ops only; serve the model as a SavedModel."
            raise LoadError(f"LiteRT cannot load {path}: {message}", hint=hint) from error
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
            name: np.array(feeds[name].tolist(), np.bytes_)
            if spec.dtype == "string"
            else feeds[name]
            for name, spec in signature.inputs.items()
        }
        with self._lock:
            try:
                parts = [call(part) for part in _parts(signature, given)]
            except (ValueError, RuntimeError) as error:
                raise _run_error(error, signature) from error
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
            return {DEFAULT: _PlainCall(self._interpreter)}
        return {name: _Call(self._interpreter.get_signature_runner(name)) for name in names}


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


def _run_error(error: Exception, signature: Signature) -> BadInput | PredictionFailed:
    message = str(error).strip().splitlines()[0]
    if not isinstance(error, ValueError) and "failed to prepare" not in str(error):
        return PredictionFailed(f"The model failed: {message}")
    declared = ", ".join(f"{name} {spec.sizes}" for name, spec in signature.inputs.items())
    return BadInput(
        f"The model refuses these instances: {message}",
        hint=f"It declares the inputs {declared}; the first size counts the instances.",
    )
