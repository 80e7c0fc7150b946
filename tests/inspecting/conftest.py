"""The SavedModels that the tests of the toolkit build, here too."""

import importlib.util
from pathlib import Path

_MODELS = Path(__file__).parent.parent / "savedmodel" / "conftest.py"
_spec = importlib.util.spec_from_file_location("saved_models_of_the_toolkit", _MODELS)
_models = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_models)

tf = _models.tf
checkpoints = _models.checkpoints
keras_cnn = _models.keras_cnn
keras_trained = _models.keras_trained
transformer = _models.transformer
text_vocabulary = _models.text_vocabulary
tf1_two_graphs = _models.tf1_two_graphs
tf1_text = _models.tf1_text
any_saved_model = _models.any_saved_model
