"""A SavedModel through TensorFlow 2's own loader, for what a session cannot restore.

``tf.saved_model.save`` of a Keras 3 model writes a graph whose signatures read
other variables than those its restore op fills; TensorFlow Serving fails on
it, and only the object graph still knows which is which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cpr.errors import BadInput, LoadError
from cpr.runtimes.least_ranks import LeastRanks, check_ranks
from cpr.runtimes.signatures import Signature
from cpr.savedmodel.tensorflow_library import EXPORT_AGAIN, first_line, run_error
from cpr.wire.tensors import Array


class TfFunctions:
    """The signatures of a SavedModel as TensorFlow 2 functions.

    Attributes:
        signatures: The signatures that can be called, by name.
    """

    def __init__(
        self,
        tf: Any,
        folder: Path,
        tags: Iterable[str],
        signatures: Mapping[str, Signature],
        *,
        least: Mapping[str, LeastRanks] | None = None,
    ) -> None:
        """Load the MetaGraph with these tags, whose signatures are already known.

        Raises:
            LoadError: TensorFlow cannot load it this way either.
        """
        self._tf = tf
        self._folder = folder
        self.signatures = signatures
        self._least = least or {}
        try:
            # The object owns the variables; a signature alone does not keep them.
            self._loaded = tf.saved_model.load(str(folder), tags=sorted(tags))
        except Exception as error:
            message = first_line(error, folder)
            raise LoadError(
                f"TensorFlow {tf.__version__} cannot load {folder}: {message}", hint=EXPORT_AGAIN
            ) from error

    def run(self, signature: Signature, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run one signature; may be called from several threads.

        Raises:
            BadInput: TensorFlow says that shapes or values do not fit, or would
                end the process.
            PredictionFailed: The model failed in another way.
        """
        check_ranks(feeds, self._least.get(signature.name, {}))
        function = self._loaded.signatures[signature.name]
        try:
            # By keyword: an argument by position does not bind, and TensorFlow prints all its
            # numbers into an error that it then drops. 64 x 13 of them took 2.2 ms, not 0.14 ms.
            outputs = function(**{name: self._tf.constant(v) for name, v in feeds.items()})
            return {name: outputs[name].numpy() for name in signature.outputs}
        except (self._tf.errors.OpError, UnicodeDecodeError) as error:
            raise run_error(self._tf, error, self._folder) from error
        except (TypeError, ValueError) as error:
            message = first_line(error, self._folder)
            raise BadInput(f"The model refuses these instances: {message}") from error

    def function(self, signature: Signature) -> Any:
        """The signature as a concrete function, for who turns it into another form."""
        return self._loaded.signatures[signature.name]

    def prepare(self, signature: Signature) -> None:
        """Nothing: the functions are traced already."""

    def close(self) -> None:
        """Free the variables."""
        del self._loaded
