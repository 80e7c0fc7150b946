"""The ready-made predictor for TensorFlow SavedModels, of TF1 and TF2 alike."""

from __future__ import annotations

from pathlib import Path

from cpr.artifacts.compiled import Compiled, open_compiled
from cpr.artifacts.detect import detect
from cpr.config import PredictorSettings
from cpr.predictors._compiled_runner import CompiledRunner
from cpr.predictors._signature_predictor import SignaturePredictor
from cpr.runtimes.tf_functions import TfFunctions
from cpr.runtimes.tf_session import TfSession
from cpr.savedmodel.tensorflow_library import import_tensorflow


class TfSavedModel(SignaturePredictor):
    """Answers every signature of a SavedModel with TensorFlow Serving's leniency.

    Instances are bare values where the signature has one input, else objects
    by input name. Shapes come from the instances alone; whether they fit is
    for the graph to say, not for the declared shape. Strings become bytes,
    UTF-8 encoded; a signature without inputs is called with ``[{}]``.
    """

    @classmethod
    def from_path(
        cls, model_dir: str | Path, *, settings: PredictorSettings | None = None
    ) -> TfSavedModel:
        """Load the SavedModel in `model_dir`, or in its highest numbered directory.

        Raises:
            LoadError: There is none, it is damaged, or the tags, the signature
                or the output that the settings name do not exist.
        """
        settings = settings or PredictorSettings()
        artifact = detect(Path(model_dir), "tensorflow")

        def load() -> TfSession | TfFunctions:
            return _load(artifact.path, settings.tags)

        def made_of(compiled: Compiled) -> CompiledRunner:
            return CompiledRunner(compiled, load, configured=settings.signature_name)

        runner = open_compiled(artifact, settings, made_of)
        return cls(runner or load(), Path(model_dir), settings)


def _load(folder: Path, tags: tuple[str, ...]) -> TfSession | TfFunctions:
    tf = import_tensorflow()
    session = TfSession(tf, folder, tags)
    if not session.unrestored:
        return session
    session.close()
    return TfFunctions(tf, folder, session.tags, session.signatures, least=session.least_ranks)
