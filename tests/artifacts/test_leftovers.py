import pytest

from cpr.artifacts.leftovers import Leftover, leftovers

SAVED_MODEL = [
    "1/saved_model.pb",
    "1/fingerprint.pb",
    "1/keras_metadata.pb",
    "1/variables/variables.index",
    "1/variables/variables.data-00000-of-00001",
    "1/assets/vocabulary.index",
    "1/assets/graph.pbtxt",
    "1/assets.extra/tf_serving_warmup_requests",
]
ESTIMATOR_RUN = {
    "checkpoint": Leftover.CHECKPOINT,
    "model.ckpt-100.index": Leftover.CHECKPOINT,
    "model.ckpt-100.meta": Leftover.CHECKPOINT,
    "model.ckpt-100.data-00000-of-00002": Leftover.CHECKPOINT,
    "model.ckpt-100.data-00001-of-00002": Leftover.CHECKPOINT,
    "graph.pbtxt": Leftover.GRAPH,
    "events.out.tfevents.1577.host": Leftover.EVENTS,
    "eval/events.out.tfevents.1578.host": Leftover.EVENTS,
    "eval/metrics.json": Leftover.EVALUATION,
    "eval_holdout/events.out.tfevents.1": Leftover.EVENTS,
}
JUNK = {
    ".git/HEAD": Leftover.VERSION_CONTROL,
    "sub/.git/objects/aa/bb": Leftover.VERSION_CONTROL,
    ".gitignore": Leftover.VERSION_CONTROL,
    "__pycache__/predictor.cpython-311.pyc": Leftover.CACHE,
    "old.pyc": Leftover.CACHE,
    ".ipynb_checkpoints/train.py": Leftover.NOTEBOOK,
    "train.ipynb": Leftover.NOTEBOOK,
    "labels.txt~": Leftover.EDITOR,
    ".labels.txt.swp": Leftover.EDITOR,
    ".idea/workspace.xml": Leftover.EDITOR,
    "#labels.txt#": Leftover.EDITOR,
    ".DS_Store": Leftover.SYSTEM,
    "assets/._vocabulary.txt": Leftover.SYSTEM,
    "__MACOSX/model.joblib": Leftover.SYSTEM,
    "Thumbs.db": Leftover.SYSTEM,
    ".env": Leftover.HIDDEN,
    ".hidden/model.joblib": Leftover.HIDDEN,
    "optimizer.pt": Leftover.TRAINING,
    "rng_state_0.pth": Leftover.TRAINING,
    "debug/saved_model_debug_info.pb": Leftover.DEBUG,
}


@pytest.mark.parametrize("path", JUNK)
def test_what_no_model_needs_is_left_behind(path):
    assert leftovers([path, "model.joblib"]) == {path: JUNK[path]}


def test_a_saved_model_stays_whole():
    assert leftovers(SAVED_MODEL) == {}


def test_what_an_estimator_leaves_beside_its_export_is_left_behind():
    assert leftovers([*ESTIMATOR_RUN, *SAVED_MODEL]) == ESTIMATOR_RUN


@pytest.mark.parametrize(
    "exported", ["model.joblib", "model.keras", "flowers.h5", "model.onnx", "x.tflite", "model.bst"]
)
def test_checkpoints_go_where_there_is_an_exported_model(exported):
    checkpoint = ["ckpt-3.index", "ckpt-3.data-00000-of-00001", "checkpoints/best.bin", "last.ckpt"]
    found = leftovers([exported, *checkpoint])
    assert found == dict.fromkeys(checkpoint, Leftover.CHECKPOINT)


@pytest.mark.parametrize(
    "paths",
    [
        ["checkpoint", "bert.ckpt.index", "bert.ckpt.data-00000-of-00001", "vocab.txt"],
        ["model.json", "weights.index", "weights.data-00000-of-00001"],
        ["checkpoints/best.keras", "vocab.pkl"],
        ["model.weights.h5", "model.ckpt-1.index", "model.ckpt-1.data-00000-of-00001"],
        ["graph.pbtxt", "checkpoint", "model.ckpt-1.index", "model.ckpt-1.data-00000-of-00001"],
    ],
    ids=["bert", "keras 1", "only in checkpoints", "weights", "graph and checkpoint"],
)
def test_checkpoints_stay_where_they_are_the_model(paths):
    assert leftovers(paths) == {}


@pytest.mark.parametrize(
    "path",
    [
        "docs.index",
        "eval/table.csv",
        "evaluation.json",
        "preprocessor.pkl",
        "src/predictor.py",
        "tokenizer/vocab.json",
        "scaler.joblib",
        "train/vocabulary.txt",
        "model.meta",
    ],
)
def test_other_files_stay(path):
    assert leftovers([path, "model.joblib"]) == {}
