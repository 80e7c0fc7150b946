"""What predictors of models with signatures share: feeds in, rows out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from cpr.artifacts.companions import label_predictions, load_labels, load_preprocessor
from cpr.config import PredictorSettings
from cpr.errors import BadInput, LoadError, PredictionFailed
from cpr.estimators.preparation import Preparation
from cpr.predictor import Predictor
from cpr.predictors._checks import check_request
from cpr.runtimes.signatures import Signature, TensorSpec, choose, find_default
from cpr.savedmodel.layout import DEFAULT_SIGNATURE
from cpr.suggest import did_you_mean
from cpr.wire.tensors import Array, check_names, columns, dense, describe, rows

# What TensorFlow Serving reads from JSON.
_SERVED_TYPES = {"float32", "float64", "bool", "string"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}


class UnservedType(BadInput):
    """An input has a type that TensorFlow Serving does not read from JSON."""

    http_status, grpc_code = 501, 12


class Runner(Protocol):
    """A loaded model: the one thing that differs between kinds of artifact."""

    signatures: Mapping[str, Signature]

    def run(self, signature: Signature, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run a signature on arrays of the declared types; raises BadInput or PredictionFailed."""

    def prepare(self, signature: Signature) -> object:
        """Do what the first run would otherwise have to, without running."""

    def close(self) -> None:
        """Free the model."""


class SignaturePredictor(Predictor):
    """Answers every signature of a model; subclasses load it.

    Attributes:
        signatures: The model's signatures by name.
        preprocessor: What instances pass through first, if anything.
        labels: The names of the classes, where they are known.
    """

    def __init__(self, runner: Runner, folder: Path, settings: PredictorSettings) -> None:
        self.signatures: Mapping[str, Signature] = runner.signatures
        _check(self.signatures, settings)
        self._runner = runner
        self._settings = settings
        usual = find_default(self.signatures, settings.signature_name) or DEFAULT_SIGNATURE
        self._usual = self.signatures.get(usual)
        self._served = {s.name for s in self.signatures.values() if _find_unserved(s) is None}
        self.preprocessor = load_preprocessor(folder, settings)
        self._prepare = Preparation(self.preprocessor) if self.preprocessor else None
        self.labels = load_labels(folder, settings)
        specs = [spec for s in self.signatures.values() for spec in s.inputs.values()]
        self.decodes_b64 = any(spec.dtype == "string" for spec in specs)
        self.batchable = all(s.has_batch_dimension for s in self.signatures.values()) and (
            self._prepare is None or self._prepare.is_rowwise
        )

    def predict(  # type: ignore[override]  # the parameters are named, so that others are refused
        self,
        instances: Any,
        *,
        signature_name: str | None = None,
        probabilities: bool = False,
    ) -> Any:
        """One prediction an instance: the value of the only output, or an object of all.

        Args:
            instances: A list.
            signature_name: The signature to run; by default the configured
                one, the only one, or ``serving_default``.
            probabilities: Return scores as they are where labels are known.
        """
        check_request(instances, probabilities, kinds=(list, tuple, np.ndarray))
        signature = self._choose(signature_name)
        count = len(instances)
        if count == 0:
            return []
        if not signature.inputs and list(instances) != [{}]:
            raise BadInput(
                f"Signature {signature.name!r} takes no inputs.",
                hint='Send one empty object: {"instances": [{}]}.',
            )
        outputs = self._runner.run(signature, self._feeds(instances, signature))
        wanted = self._settings.output
        if wanted in outputs:
            outputs = {wanted: outputs[wanted]}
        predictions = rows(outputs, count)
        if self.labels and len(outputs) == 1 and not probabilities:
            return label_predictions(predictions, self.labels)
        return predictions

    def predict_columns(
        self, inputs: Mapping[str, Any], signature_name: str | None = None
    ) -> dict[str, Array]:
        """Run a signature on whole tensors, any rank, scalars too; extra names are ignored.

        Neither the preprocessor nor the labels apply.
        """
        signature = self._choose(signature_name)
        check_names(inputs, signature.inputs, signature.name)
        feeds = {
            name: _tensor(inputs[name], name, spec, name) for name, spec in signature.inputs.items()
        }
        return self._runner.run(signature, feeds)

    def serve_rows(self, instances: list[Any], *, signature_name: str | None = None) -> Any:
        """Run a signature on rows as TensorFlow Serving does: its outputs by name, as they are.

        Where a preprocessor, labels or the setting `output` apply, what
        `predict` returns instead.
        """
        signature = self._choose_served(signature_name)
        if self._prepare is not None or self.labels or self._settings.output:
            return self.predict(instances, signature_name=signature_name)
        return self._runner.run(signature, self._feeds(instances, signature))

    def serve_columns(
        self, inputs: Any, *, signature_name: str | None = None
    ) -> Mapping[str, Array]:
        """Run a signature on whole tensors as TensorFlow Serving does, bare where it takes one."""
        signature = self._choose_served(signature_name)
        if not isinstance(inputs, Mapping):
            if len(signature.inputs) > 1:
                raise BadInput(
                    f"inputs is {describe(inputs)}; expected an object with the keys "
                    f"{', '.join(map(repr, signature.inputs))}."
                )
            inputs = dict.fromkeys(signature.inputs, inputs)
        return self.predict_columns(inputs, signature.name)

    @property
    def has_loaded_original(self) -> bool:
        """Whether a compiled model has met instances that the original had to answer."""
        return bool(getattr(self._runner, "has_loaded_original", False))

    def warmup(self) -> None:
        """Prepare every signature; nothing is run, since a run may have effects."""
        for signature in self.signatures.values():
            self._runner.prepare(signature)

    def close(self) -> None:
        """Free the session."""
        self._runner.close()

    def _choose(self, requested: object) -> Signature:
        if requested is None and self._usual is not None:
            return self._usual
        return choose(self.signatures, requested, self._settings.signature_name)

    def _choose_served(self, requested: str | None) -> Signature:
        signature = self._choose(requested)
        if signature.name not in self._served and (error := _find_unserved(signature)):
            raise error
        return signature

    def _feeds(self, instances: Any, signature: Signature) -> dict[str, Array]:
        names = list(signature.inputs)
        if self._prepare is not None:
            prepared = self._prepare(_bare(instances, names))
            if not isinstance(prepared, Mapping) and np.shape(prepared)[:1] != (len(instances),):
                raise PredictionFailed(
                    f"{self._prepare.name} did not make one value of each of the "
                    f"{len(instances)} instances, but {describe(prepared)}."
                )
            instances = prepared
        by_name, what = _by_name(instances, names)
        return {
            name: _tensor(by_name[name], name, spec, what.replace("NAME", name))
            for name, spec in signature.inputs.items()
        }


def _find_unserved(signature: Signature) -> BadInput | None:
    """Why TensorFlow Serving does not run this signature on JSON, if it does not."""
    if not signature.inputs:
        return BadInput(
            f"Failed to get input map for signature: {signature.name}: it takes no inputs."
        )
    for name, spec in signature.inputs.items():
        if spec.dtype not in _SERVED_TYPES:
            return UnservedType(f"Input {name} holds {spec.dtype} values: JSON has none.")
    return None


def _check(signatures: Mapping[str, Signature], settings: PredictorSettings) -> None:
    """Refuse settings that name what the model does not have."""
    aliases = {alias for signature in signatures.values() for alias in signature.outputs}
    for key, wanted, known in (
        ("signature_name", settings.signature_name, sorted(signatures)),
        ("output", settings.output, sorted(aliases)),
    ):
        if wanted and wanted not in known:
            raise LoadError(
                f"The setting predictor.{key} is {wanted!r}; "
                f"the model has {', '.join(map(repr, known))}.",
                hint=did_you_mean(wanted, known),
            )


def _by_name(instances: Any, names: list[str]) -> tuple[Mapping[str, Any], str]:
    """The inputs' columns, and how messages name a value: as sent, or as prepared."""
    is_list = isinstance(instances, (list, tuple))
    if not is_list and hasattr(instances, "keys") and set(names) <= set(instances.keys()):
        return {name: instances[name] for name in names}, "NAME"
    if len(names) == 1 and not is_list:
        return {names[0]: instances}, "instances"
    is_bare = len(names) == 1 and not isinstance(instances[0], dict)
    return columns(instances, names), "instances" if is_bare else "instances{}.NAME"


def _tensor(value: Any, name: str, spec: TensorSpec, what: str) -> Array:
    try:
        dtype = _array_type(spec.dtype)
    except TypeError as error:
        problem = f"Input {name} holds {spec.dtype} values, which JSON cannot carry."
        raise BadInput(problem) from error
    return dense(value, dtype, what=what)


@lru_cache(maxsize=64)
def _array_type(dtype: str) -> np.dtype[Any]:
    """Of the array that holds a tensor of this type; raises TypeError where there is none."""
    return np.dtype(bytes if dtype == "string" else dtype)


def _bare(instances: Any, names: list[str]) -> Any:
    """Objects that hold just the one input, without their wrapping."""
    wrapped = len(names) == 1 and all(
        isinstance(row, dict) and list(row) == names for row in instances
    )
    return [row[names[0]] for row in instances] if wrapped else instances
