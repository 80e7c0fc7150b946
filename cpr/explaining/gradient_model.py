"""A SavedModel with its gradients, as TensorFlow 2 loads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cpr.artifacts.detect import detect
from cpr.errors import BadInput
from cpr.explaining.options import SHAPLEY
from cpr.explaining.shapley import Floats
from cpr.routine import Routine
from cpr.runtimes.saved_model_files import choose_tags
from cpr.savedmodel.tensorflow_library import (
    first_line,
    import_tensorflow,
    run_error,
    without_deprecations,
)

Tensors = dict[str, npt.NDArray[Any]]

INSTEAD = f"Ask for the method {SHAPLEY}, which needs no gradients."


def why_not(routine: Routine) -> str:
    """Why the gradients of a routine cannot be had; "" where they can."""
    if not _is_saved_model(routine):
        return f"{routine.name} is no ready-made predictor of a TensorFlow SavedModel"
    preprocessor = getattr(routine.predictor, "preprocessor", None)
    if preprocessor is not None:
        return f"instances pass through {preprocessor.source.name}, which has no gradient"
    return ""


def _is_saved_model(routine: Routine) -> bool:
    kind = type(routine.predictor)
    return routine.is_ready_made and kind.__name__ == "TfSavedModel"


class GradientModel:
    """A SavedModel as TensorFlow 2 loads it, beside the predictor's own copy."""

    def __init__(self, tf: Any, folder: Path, tags: tuple[str, ...]) -> None:
        """Load it.

        Raises:
            BadInput: TensorFlow 2's loader cannot, as is so of some old graphs.
        """
        self._tf = tf
        self._folder = folder
        try:
            with without_deprecations(tf):
                chosen = sorted(choose_tags(folder, tags))
                self._loaded = tf.saved_model.load(str(folder), tags=chosen)
        except Exception as error:
            raise BadInput(
                f"there are no integrated gradients: TensorFlow {tf.__version__} cannot load the "
                f"model as it must for them: {first_line(error, folder).rstrip('.')}.",
                hint=INSTEAD,
            ) from error

    @classmethod
    def of(cls, routine: Routine) -> GradientModel:
        """That of a routine.

        Raises:
            BadInput: It has no gradients.
        """
        problem = why_not(routine)
        if problem or routine.model_dir is None:
            raise BadInput(f"there are no integrated gradients: {problem}.", hint=INSTEAD)
        folder = detect(routine.model_dir, "tensorflow").path
        return cls(import_tensorflow(), folder, routine.settings.tags)

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
        result = self._loaded.signatures[signature](**given)[output]
        rows = next(iter(given.values())).shape[0]
        return self._tf.reshape(result, [rows, -1])

    def _dense(self, gradient: Any) -> npt.NDArray[Any]:
        found: npt.NDArray[Any] = self._tf.convert_to_tensor(gradient).numpy()
        return found

    def _as_ours(self) -> _Translated:
        return _Translated(self._tf, self._folder)


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
