"""A predictor for Vertex AI's custom prediction routines."""

from __future__ import annotations

from typing import Any

import work
from google.cloud.aiplatform.prediction.predictor import Predictor


class WorkPredictor(Predictor):
    """The four methods that the SDK calls."""

    def load(self, artifacts_uri: str, **kwargs: Any) -> None:
        self._predict = work.load()

    def preprocess(self, prediction_input: dict[str, Any]) -> Any:
        return prediction_input["instances"]

    def predict(self, instances: Any) -> Any:
        return self._predict(instances)

    def postprocess(self, prediction_results: Any) -> dict[str, Any]:
        return {"predictions": prediction_results}
