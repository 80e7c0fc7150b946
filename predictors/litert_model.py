"""The ready-made predictor for LiteRT (TensorFlow Lite) models."""

from __future__ import annotations

from pathlib import Path

from cpr.artifacts.detect import detect
from cpr.config import PredictorSettings
from cpr.predictors._litert_runner import LiteRTRunner
from cpr.predictors._signature_predictor import SignaturePredictor


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
