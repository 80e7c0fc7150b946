"""The ready-made predictor for Keras models: ``.keras`` archives and ``.h5`` files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cpr.artifacts.compiled import Compiled, open_compiled
from cpr.artifacts.detect import detect
from cpr.artifacts.keras_file import inspect
from cpr.config import PredictorSettings
from cpr.errors import BadInput
from cpr.predictors._compiled_runner import CompiledRunner
from cpr.predictors._signature_predictor import SignaturePredictor
from cpr.runtimes.keras_export import export
from cpr.runtimes.signatures import Signature, TensorSpec
from cpr.runtimes.tf_session import TfSession
from cpr.savedmodel.keras_loading import load_keras
from cpr.savedmodel.tensorflow_library import import_tensorflow, without_deprecations
from cpr.wire.tensors import Array


class KerasModel(SignaturePredictor):
    """Answers with a Keras model, run as a graph rather than by ``model.predict``.

    Instances are bare values where the model has one input, else objects by
    the inputs' names. Shapes must be those that the model declares.
    """

    @classmethod
    def from_path(
        cls, model_dir: str | Path, *, settings: PredictorSettings | None = None
    ) -> KerasModel:
        """Load ``model.keras``, ``model.h5``, or the only file of that kind.

        Raises:
            LoadError: There is none, it is damaged, holds Python code, or
                needs classes that are not at hand.
            EnvironmentProblem: tf.keras wrote it and tf_keras is not installed.
        """
        settings = settings or PredictorSettings()
        artifact = detect(Path(model_dir), "keras")

        def load() -> KerasRunner:
            return _load(artifact.path)

        def made_of(compiled: Compiled) -> KerasRunner:
            runner = CompiledRunner(compiled, load)
            return KerasRunner(runner, next(iter(runner.signatures.values())))

        runner = open_compiled(artifact, settings, made_of)
        return cls(runner or load(), Path(model_dir), settings)


class KerasRunner:
    """A model in a session, or compiled, behind Keras's own rules about shapes.

    Attributes:
        signatures: The one signature, ``serving_default``.
    """

    def __init__(self, session: TfSession | CompiledRunner, signature: Signature) -> None:
        self._session = session
        self.signatures: Mapping[str, Signature] = {signature.name: signature}

    def run(self, signature: Signature, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run the model.

        Raises:
            BadInput: An input has another shape than the model declares.
            PredictionFailed: The model failed.
        """
        fitted = {name: _fit(name, feeds[name], spec) for name, spec in signature.inputs.items()}
        return self._session.run(signature, fitted)

    @property
    def has_loaded_original(self) -> bool:
        """Whether it is compiled, and the original had to answer what that cannot."""
        return bool(getattr(self._session, "has_loaded_original", False))

    def prepare(self, signature: Signature) -> None:
        """Optimise the graph, without running it."""
        self._session.prepare(signature)

    def close(self) -> None:
        """Free the session."""
        self._session.close()


def _load(path: Path) -> KerasRunner:
    file = inspect(path)
    tf = import_tensorflow()
    with without_deprecations(tf):
        return KerasRunner(*export(tf, load_keras(file), file.path))


def _fit(name: str, array: Array, spec: TensorSpec) -> Array:
    """The array if it has the declared shape; a missing last axis of size 1 is added."""
    declared = spec.shape or ()
    if declared[-1:] == (1,) and array.ndim == len(declared) - 1:
        array = array[..., None]
    sizes = zip(array.shape, declared, strict=False)
    if array.ndim == len(declared) and all(want in (None, has) for has, want in sizes):
        return array
    raise BadInput(
        f"Input {name} has the shape {list(array.shape)}; the model takes {spec.sizes}.",
        hint="The first size is the number of instances.",
    )
