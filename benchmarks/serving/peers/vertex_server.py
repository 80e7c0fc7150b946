"""Vertex AI's custom prediction routines: the SDK's own model server, started as its images do."""

from __future__ import annotations

import os
import runpy
import tempfile

from work import FOLDER, MODELS, PORT, PROCESSES, WORK

if WORK == "sklearn":
    MODULE, CLASS = "google.cloud.aiplatform.prediction.sklearn.predictor", "SklearnPredictor"
else:
    MODULE, CLASS = "vertex_predictor", "WorkPredictor"

os.environ.update(
    HANDLER_MODULE="google.cloud.aiplatform.prediction.handler",
    HANDLER_CLASS="PredictionHandler",
    PREDICTOR_MODULE=MODULE,
    PREDICTOR_CLASS=CLASS,
    AIP_STORAGE_URI=str(FOLDER if WORK == "sklearn" else MODELS),
    AIP_HTTP_PORT=str(PORT),
    AIP_HEALTH_ROUTE="/health",
    AIP_PREDICT_ROUTE="/predict",
    VERTEX_CPR_WEB_CONCURRENCY=str(PROCESSES),
)

if __name__ == "__main__":
    os.chdir(tempfile.mkdtemp(prefix="vertex-"))  # the predictor copies its files to where it runs
    runpy.run_module("google.cloud.aiplatform.prediction.model_server", run_name="__main__")
