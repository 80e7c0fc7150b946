"""Serves an ONNX model on the CPU: ``model.onnx``, or the only ``*.onnx``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cpr.artifacts.companions import (
    Preprocessor,
    label_predictions,
    load_labels,
    load_preprocessor,
)
from cpr.artifacts.detect import detect
from cpr.config import PredictorSettings
from cpr.errors import BadInput, LoadError, PredictionFailed
from cpr.estimators.preparation import Preparation
from cpr.predictor import Predictor
from cpr.predictors._checks import check_request
from cpr.predictors._onnx_session import open_session, reason
from cpr.suggest import did_you_mean
from cpr.wire.tensors import columns, dense, rows

_DTYPES: dict[str, npt.DTypeLike] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int8)": np.int8,
    "tensor(int16)": np.int16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(uint8)": np.uint8,
    "tensor(uint16)": np.uint16,
    "tensor(uint32)": np.uint32,
    "tensor(uint64)": np.uint64,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.str_,
}
# What skl2onnx and onnxmltools call the output that holds the class.
_CLASS_OUTPUTS = ("output_label", "label")


@dataclass(frozen=True)
class Input:
    """An input of the model; None for a size that varies."""

    name: str
    dtype: npt.DTypeLike
    shape: tuple[int | None, ...]


class OnnxModel(Predictor):
    """An ONNX model under onnxruntime, one thread.

    An instance is an object of the inputs by name, or the bare value where
    there is one input. Several outputs make an object of each prediction; the
    setting `output` picks one of them by name. A model whose first dimension
    is fixed at 1 is run once for each instance.

    Attributes:
        inputs: What the model takes, in its order.
        preprocessor: What instances pass through before it, if anything.
        labels: The names of its classes, where they are known.
    """

    batchable = True

    def __init__(
        self,
        session: Any,
        *,
        output: str = "",
        preprocessor: Preprocessor | None = None,
        labels: list[str] | None = None,
    ) -> None:
        self._session = session
        self.inputs = [_described(item) for item in session.get_inputs()]
        self._outputs = [output] if output else [item.name for item in session.get_outputs()]
        self.labels = labels
        self.preprocessor = preprocessor
        self._prepare = Preparation(preprocessor) if preprocessor else None
        sizes = {item.shape[0] for item in self.inputs if item.shape}
        self._fixed = next((size for size in sizes if size is not None), None)
        self.batchable = self._fixed is None and all(item.shape for item in self.inputs)
        if self._prepare is not None:
            self.batchable = self.batchable and self._prepare.is_rowwise

    @classmethod
    def from_path(
        cls, model_dir: str | Path, *, settings: PredictorSettings | None = None
    ) -> OnnxModel:
        """Load the model and what stands beside it.

        Raises:
            LoadError: There is none, onnxruntime refuses it, or it has no
                output of the name that the setting `output` gives.
        """
        settings = settings or PredictorSettings()
        folder = Path(model_dir)
        path = detect(folder, "onnx").path
        session = open_session(path)
        names = [item.name for item in session.get_outputs()]
        if settings.output and settings.output not in names:
            raise LoadError(
                f"{path} has no output {settings.output!r}; it has {', '.join(names)}.",
                hint=did_you_mean(settings.output, names),
            )
        return cls(
            session,
            output=settings.output,
            preprocessor=load_preprocessor(folder, settings),
            labels=load_labels(folder, settings),
        )

    def predict(  # type: ignore[override]  # named, so that other parameters are not passed
        self,
        instances: Any,
        *,
        probabilities: bool = False,
        signature_name: str | None = None,
    ) -> Any:
        """Answer each instance; ONNX has no signatures, so the name is ignored."""
        del signature_name
        check_request(instances, probabilities)
        if not instances:
            return []
        count = len(instances)
        feeds = self._feeds(instances)
        if self._fixed is None or self._fixed == count:
            return self._answer(feeds, count, probabilities)
        if self._fixed != 1:
            raise BadInput(
                f"There are {count} instances; the model takes exactly {self._fixed} at a time."
            )
        singles = [{name: a[i : i + 1] for name, a in feeds.items()} for i in range(count)]
        return [self._answer(single, 1, probabilities)[0] for single in singles]

    def _feeds(self, instances: list[Any]) -> dict[str, npt.NDArray[Any]]:
        names = [item.name for item in self.inputs]
        values: Any = instances
        # How messages name a value: where it stands in the request, if it does.
        is_bare = len(names) == 1 and not any(type(row) is dict for row in instances)
        what = "instances" if is_bare else "instances{}.NAME"
        if self._prepare is not None:
            what = "the preprocessor's NAME"
            values = self._prepare(instances)
        if isinstance(values, list):
            values = columns(values, names)
        elif len(names) == 1 and not isinstance(values, Mapping):
            values = {names[0]: values}
        missing = [name for name in names if name not in values]
        if missing:
            raise PredictionFailed(f"The preprocessor made no {missing[0]!r}, which is an input.")
        return {
            item.name: _fitted(item, values[item.name], what.replace("NAME", item.name))
            for item in self.inputs
        }

    def _answer(
        self, feeds: dict[str, npt.NDArray[Any]], count: int, probabilities: bool
    ) -> list[Any] | npt.NDArray[Any]:
        try:
            found = self._session.run(self._outputs, feeds)
        except Exception as error:
            raise PredictionFailed(f"onnxruntime failed: {reason(error)}") from error
        outputs = dict(zip(self._outputs, found, strict=True))
        maps = {n: self._renamed(v) for n, v in outputs.items() if isinstance(v, list)}
        arrays = {
            n: self._labelled(n, v, probabilities) for n, v in outputs.items() if n not in maps
        }
        if not maps:
            return rows(arrays, count)
        if len(outputs) == 1:
            return maps[self._outputs[0]]
        split = {name: rows({name: array}, count) for name, array in arrays.items()} | maps
        by_output = [split[name] for name in self._outputs]
        return [
            dict(zip(self._outputs, values, strict=True)) for values in zip(*by_output, strict=True)
        ]

    def _labelled(self, name: str, array: Any, probabilities: bool) -> Any:
        is_class = len(self._outputs) == 1 or name in _CLASS_OUTPUTS
        if self.labels is None or not is_class or probabilities:
            return array
        return label_predictions(array, self.labels)

    def _renamed(self, maps: list[Any]) -> list[Any]:
        """The maps from class to probability that skl2onnx makes, keyed by text."""
        return [
            {self._class_name(key): value for key, value in item.items()}
            if isinstance(item, dict)
            else item
            for item in maps
        ]

    def _class_name(self, key: Any) -> str:
        if self.labels is not None and isinstance(key, int) and 0 <= key < len(self.labels):
            return self.labels[key]
        return str(key)


def _described(item: Any) -> Input:
    if item.type not in _DTYPES:
        raise LoadError(
            f"The input {item.name!r} is a {item.type}, which JSON instances cannot fill; "
            f"expected one of {', '.join(_DTYPES)}.",
            hint="Name your own class with --prediction-class.",
        )
    shape = tuple(size if isinstance(size, int) else None for size in item.shape)
    return Input(item.name, _DTYPES[item.type], shape)


def _fitted(item: Input, values: Any, what: str) -> npt.NDArray[Any]:
    """The values as an array of the input's type, checked against its shape."""
    array = dense(values, item.dtype, what=what)
    shape = item.shape
    if array.ndim == len(shape) - 1 and shape[-1] == 1:
        array = array[..., np.newaxis]  # a column of scalars, as skl2onnx declares it
    pairs = list(zip(array.shape[1:], shape[1:], strict=False))
    if array.ndim != len(shape) or any(size not in (None, got) for got, size in pairs):
        raise BadInput(
            f"Each value of input {item.name!r} has shape {_words(array.shape[1:])}; "
            f"the model takes {_words(shape[1:])}."
        )
    return array


def _words(shape: tuple[int | None, ...]) -> str:
    return f"[{', '.join('any' if size is None else str(size) for size in shape)}]"
