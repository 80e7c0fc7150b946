"""A SavedModel or Keras file with its gradients, as TensorFlow 2 loads it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cpr.artifacts.detect import detect
from cpr.artifacts.keras_file import inspect
from cpr.errors import BadInput
from cpr.explaining.options import SHAPLEY
from cpr.explaining.shapley import Floats
from cpr.routine import Routine
from cpr.runtimes.keras_export import export_to
from cpr.runtimes.saved_model_files import choose_tags
from cpr.savedmodel.keras_loading import load_keras
from cpr.savedmodel.tensorflow_library import (
    first_line,
    import_tensorflow,
    run_error,
    without_deprecations,
)

Tensors = dict[str, npt.NDArray[Any]]

INSTEAD = f"Ask for the method {SHAPLEY}, which needs no gradients."


Run = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Runs a signature, by name, on tensors: its outputs, with a gradient by each input."""


def why_not(routine: Routine) -> str:
    """Why the gradients of a routine cannot be had; "" where they can."""
    if not (routine.is_ready_made and type(routine.predictor).__name__ in _OPENERS):
        return f"{routine.name} is no ready-made predictor of a TensorFlow SavedModel or Keras file"
    preprocessor = getattr(routine.predictor, "preprocessor", None)
    if preprocessor is not None:
        return f"instances pass through {preprocessor.source.name}, which has no gradient"
    return ""


class GradientModel:
    """A model as TensorFlow 2 runs it, beside the predictor's own copy.

    Args:
        tf: TensorFlow.
        place: The model's file or folder, which messages leave out.
        run: Runs its signatures.
    """

    def __init__(self, tf: Any, place: Path, run: Run) -> None:
        self._tf = tf
        self._place = place
        self._run = run

    @classmethod
    def of(cls, routine: Routine) -> GradientModel:
        """That of a routine.

        Raises:
            BadInput: It has no gradients, or TensorFlow 2 cannot load it.
        """
        problem = why_not(routine)
        if problem or routine.model_dir is None:
            raise BadInput(f"there are no integrated gradients: {problem}.", hint=INSTEAD)
        tf = import_tensorflow()
        framework, opener = _OPENERS[type(routine.predictor).__name__]
        place = detect(routine.model_dir, framework).path
        try:
            with without_deprecations(tf):
                return cls(tf, place, opener(tf, place, routine))
        except Exception as error:
            raise BadInput(
                f"there are no integrated gradients: TensorFlow {tf.__version__} cannot load the "
                f"model as it must for them: {first_line(error, place).rstrip('.')}.",
                hint=INSTEAD,
            ) from error

    def scores(self, signature: str, output: str, feeds: Tensors) -> Floats:
        """The scores of an output, a row for each row of the inputs."""
        with self._as_ours():
            found = self._call(
                signature, output, {n: self._tf.constant(v) for n, v in feeds.items()}
            )
        rows: Floats = found.numpy().astype(np.float64)
        return rows

    def gradients(
        self, signature: str, output: str, feeds: Tensors, wanted: Sequence[str], column: int
    ) -> Tensors:
        """The gradients of one score by some of the inputs, a row for each row of the inputs.

        Raises:
            BadInput: There are none.
        """
        tf = self._tf
        with self._as_ours():
            given = {name: tf.constant(value) for name, value in feeds.items()}
            watched = [given[name] for name in wanted]
            with tf.GradientTape() as tape:
                for tensor in watched:
                    tape.watch(tensor)
                score = self._call(signature, output, given)[:, column]
            found = tape.gradient(score, watched)
        if all(gradient is None for gradient in found):
            raise BadInput(
                f"the output {output!r} has no gradient by {', '.join(map(repr, wanted))}.",
                hint=INSTEAD,
            )
        return {
            name: np.zeros_like(feeds[name]) if gradient is None else self._dense(gradient)
            for name, gradient in zip(wanted, found, strict=True)
        }

    def _call(self, signature: str, output: str, given: Mapping[str, Any]) -> Any:
        result = self._run(signature, given)[output]
        rows = next(iter(given.values())).shape[0]
        return self._tf.reshape(result, [rows, -1])

    def _dense(self, gradient: Any) -> npt.NDArray[Any]:
        found: npt.NDArray[Any] = self._tf.convert_to_tensor(gradient).numpy()
        return found

    def _as_ours(self) -> _Translated:
        return _Translated(self._tf, self._place)


def _open_saved_model(tf: Any, folder: Path, routine: Routine) -> Run:
    loaded = tf.saved_model.load(
        str(folder), tags=sorted(choose_tags(folder, routine.settings.tags))
    )
    return lambda signature, given: loaded.signatures[signature](**given)


def _open_keras(tf: Any, path: Path, _: Routine) -> Run:
    with tempfile.TemporaryDirectory(prefix="cpr-keras-") as folder:
        session, signature = export_to(Path(folder), tf, load_keras(inspect(path)), path)
        session.close()
        loaded = tf.saved_model.load(folder)
    ranks = {name: len(spec.shape or ()) for name, spec in signature.inputs.items()}

    def run(_: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
        # The traced function has numbers for names. As the predictor, it takes
        # rows of one value without the axis around it.
        tensors = [
            tf.expand_dims(given[name], -1) if given[name].shape.rank < rank else given[name]
            for name, rank in ranks.items()
        ]
        # `loaded` holds the variables: it must live as long as its function.
        function = loaded.signatures[signature.name]
        found = function(**{f"input_{number}": value for number, value in enumerate(tensors)})
        return {name: found[f"output_{at}"] for at, name in enumerate(signature.outputs)}

    return run


_OPENERS: dict[str, tuple[str, Callable[[Any, Path, Routine], Run]]] = {
    "TfSavedModel": ("tensorflow", _open_saved_model),
    "KerasModel": ("keras", _open_keras),
}


class _Translated:
    """Tells TensorFlow's errors as ours."""

    def __init__(self, tf: Any, folder: Path) -> None:
        self._tf, self._folder = tf, folder

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, self._tf.errors.OpError):
            raise run_error(self._tf, error, self._folder) from error
        if isinstance(error, (LookupError, TypeError, ValueError)):
            message = first_line(error, self._folder)
            problem = f"the model has no gradients here: {message.rstrip('.')}."
            raise BadInput(problem, hint=INSTEAD) from error
