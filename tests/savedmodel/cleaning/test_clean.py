"""A clean copy answers as the original does, and holds nothing else."""

import json
import shutil
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest

from cpr.errors import LoadError, UsageError
from cpr.savedmodel.bundle import Bundle, read_index
from cpr.savedmodel.cleaning import clean
from cpr.savedmodel.meta_graph import signatures
from cpr.savedmodel.optimizer_state import is_optimizer_state
from cpr.savedmodel.reader import read_saved_model
from cpr.savedmodel.shrinking import shrink

LOADERS = ["tf.saved_model.load", "a loader of TensorFlow 1", "the predictor"]
IMAGES = np.random.default_rng(0).random((2, 16, 16, 3), np.float32).tolist()
TOKENS = np.random.default_rng(0).integers(0, 50, (2, 6), np.int32).tolist()
TRAINED = {
    "predict": {"colour": ["red", "blue", "pink"], "size": [1.0, 2.0, 3.0]},
    "colours": {"colour": ["blue"]},
}
# What to ask each model: inputs by signature.
FEEDS = {
    "keras_cnn": {"serving_default": {"image": IMAGES}, "serve": {"image": IMAGES}},
    "keras_trained": {"serving_default": {"keras_tensor": [[1.0, 2.0, 3.0, 4.0]]}},
    "transformer": {"serving_default": {"tokens": TOKENS}},
    "text_vocabulary": {
        "serving_default": {"words": ["good", "odd"]},
        "number": {"words": ["fine"]},
    },
    "tf1_two_graphs": {"serving_default": {"colour": ["red", "pink"]}},
    "tf1_text": {"serving_default": {"x": [[1.5]]}},
    "training_dir": TRAINED,
}
# tf.saved_model.save of a Keras 3 model leaves the graph without values for its variables.
BROKEN = ("keras_trained", "a loader of TensorFlow 1")


def names_in(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def fed(path, feeds):
    """The feeds, with the names of Keras's inputs as this export has them."""
    there = signatures(read_saved_model(path).meta_graphs[0])
    return {
        name: dict(zip(there[name].inputs, inputs.values(), strict=True))
        if len(inputs) == 1
        else inputs
        for name, inputs in feeds.items()
    }


def assert_same(answers, expected):
    assert answers.keys() == expected.keys()
    for name, outputs in expected.items():
        for alias, value in outputs.items():
            np.testing.assert_array_equal(answers[name][alias], value, err_msg=f"{name} {alias}")


@pytest.fixture(scope="session")
def cleaned(tmp_path_factory):
    """The clean copy of a model, made once."""
    made = {}

    def copy_of(source, name):
        if name not in made:
            made[name] = clean(source, tmp_path_factory.mktemp("cleaned") / "copy")
        return made[name]

    return copy_of


@pytest.mark.parametrize(
    ("model", "loader"),
    [(model, loader) for model in FEEDS for loader in LOADERS if (model, loader) != BROKEN],
)
def test_a_copy_answers_as_the_original_did(model, loader, asked, cleaned, request):
    source = request.getfixturevalue(model)
    report = cleaned(source, model)
    feeds = fed(report.path, FEEDS[model])
    assert_same(asked[loader](report.path, feeds), asked[loader](report.export, feeds))


def test_a_training_directory_keeps_its_latest_export_alone(training_dir, cleaned):
    report = cleaned(training_dir, "training_dir")
    assert report.export == training_dir / "export" / "1700000100"
    assert names_in(report.path) == [
        "assets/colours.txt",
        "saved_model.pb",
        "variables/variables.data-00000-of-00001",
        "variables/variables.index",
    ]
    with Bundle(report.path / "variables" / "variables") as bundle:
        assert set(bundle.entries) == {"net/embedding", "net/kernel"}
        assert len(bundle.entries["net/embedding"].slices) == 2


def test_the_report_says_what_went(training_dir, cleaned):
    report = cleaned(training_dir, "training_dir")
    removed = {item.what: item for item in report.removed}
    assert set(removed) == {
        "checkpoints",
        "TensorBoard events",
        "graph.pbtxt",
        "other exports",
        "nodes for training and saving",
        "variables of the optimizer",
        "variables that nothing reads",
    }
    assert removed["TensorBoard events"].count == 2
    assert removed["checkpoints"].names[0] == "checkpoint"
    assert removed["variables that nothing reads"].names == ("global_step",)
    assert "net/kernel/Adam" in removed["variables of the optimizer"].names
    assert report.size == sum((report.path / name).stat().st_size for name in names_in(report.path))
    assert report.size < report.size_before / 10


def test_no_node_of_the_training_is_left(training_dir, cleaned):
    (graph,) = read_saved_model(cleaned(training_dir, "training_dir").path).meta_graphs
    ops = {node.op for node in graph.graph_def.node}
    assert not ops & {"SaveV2", "ApplyAdam", "ResourceApplyAdam", "FusedBatchNormGrad"}
    assert "RestoreV2" in ops
    assert set(graph.collection_def) >= {"variables", "saved_model_assets"}
    assert "train_op" not in graph.collection_def
    # The table that only the training read is not filled any more.
    assert sum(op.startswith("LookupTableImport") for op in ops) == 0


def test_the_source_is_only_read(trained, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*")}
    clean(trained, tmp_path / "copy")
    assert {path: path.stat().st_mtime_ns for path in trained.rglob("*")} == before


def test_a_clean_copy_cannot_be_cleaned_further(training_dir, cleaned, tmp_path):
    first = cleaned(training_dir, "training_dir")
    second = clean(first.path, tmp_path / "again")
    assert second.size == first.size
    assert [item.what for item in second.removed] == []


@pytest.mark.parametrize("model", ["keras_cnn", "transformer"])
def test_weights_that_keras_wrote_twice_are_stored_once(model, cleaned, request):
    source = request.getfixturevalue(model)
    report = cleaned(source, model)
    entries = read_index(report.path / "variables" / "variables.index").values()
    weights = [entry for entry in entries if entry.dtype == "float32"]
    assert len({(entry.shard, entry.offset) for entry in weights}) <= len(weights) / 2
    (shared,) = (item for item in report.removed if "second copies" in item.what)
    assert shared.size > 0


def test_slots_of_a_compiled_model_go(keras_trained, cleaned):
    report = cleaned(keras_trained, "keras_trained")
    removed = {item.what: item for item in report.removed}
    assert removed["variables of the optimizer"].count > 4
    kept = read_index(report.path / "variables" / "variables.index")
    assert len(kept) == 1 + 4
    assert not [name for name in kept if is_optimizer_state(name)]


def test_a_signature_can_be_chosen(text_vocabulary, asked, tmp_path):
    report = clean(text_vocabulary, tmp_path / "copy", signatures=["number"])
    assert report.signatures == ("number",)
    assert not [
        name for name in read_index(report.path / "variables/variables.index") if "w" in name
    ]
    feeds = {"number": {"words": ["fine", "bad", "none"]}}
    for ask in asked.values():
        assert_same(ask(report.path, feeds), ask(text_vocabulary, feeds))


def test_another_signature_is_gone_with_its_variables_and_functions(tf, text_vocabulary, tmp_path):
    report = clean(text_vocabulary, tmp_path / "copy", signatures=["number"])
    loaded = tf.saved_model.load(str(report.path))
    assert set(loaded.signatures) == {"number"}
    assert not hasattr(loaded, "score")
    assert loaded.number(tf.constant(["bad"]))["id"].numpy() == [1]


def test_an_asset_that_is_not_read_stays_behind(training_dir, tmp_path, tf):
    export = tmp_path / "export"
    shutil.copytree(training_dir / "export" / "1700000000", export)
    (export / "assets" / "old.txt").write_text("old")
    report = clean(export, tmp_path / "copy")
    assert names_in(report.path / "assets") == ["colours.txt"]
    assert ("assets that no kept graph reads", ("assets/old.txt",)) in {
        (item.what, item.names) for item in report.removed
    }


def test_a_graph_is_chosen_by_its_tags(tf1_two_graphs, tmp_path):
    report = clean(tf1_two_graphs, tmp_path / "copy", tags=[{"serve", "gpu"}])
    assert report.tags == (("gpu", "serve"),)
    assert report.signatures == ("serving_default",)
    both = clean(tf1_two_graphs, tmp_path / "both", tags=[{"serve"}, {"serve", "gpu"}])
    assert both.tags == (("serve",), ("gpu", "serve"))


def test_a_version_is_chosen_by_its_number(training_dir, tmp_path):
    report = clean(training_dir, tmp_path / "copy", version=1700000000)
    assert report.export.name == "1700000000"


def test_files_that_predictors_read_beside_the_model_go_along(trained, tmp_path):
    export = trained / "export" / "1700000100"
    (export / "labels.txt").write_text("cold\nwarm\n")
    (trained / "explanation_metadata.json").write_text("{}")
    (trained / "notes.md").write_text("mine")
    extra = export / "assets.extra" / "deep"
    extra.mkdir(parents=True)
    (extra / "README").write_text("read me")
    report = clean(trained, tmp_path / "copy", keep=["*.md"])
    assert set(names_in(report.path)) > {
        "labels.txt",
        "explanation_metadata.json",
        "notes.md",
        "assets.extra/deep/README",
    }


def test_the_text_form_becomes_the_binary_one(tf1_text, cleaned):
    report = cleaned(tf1_text, "tf1_text")
    assert "saved_model.pb" in names_in(report.path)
    assert report.size < report.size_before


WRONG = {
    "version": ({"version": 7}, "has no export 7; it has export/1700000000, export/1700000100"),
    "tags": ({"tags": [{"train"}]}, "has no graph with the tags train; its graphs have: serve"),
    "signature": (
        {"signatures": ["predit"]},
        "has no signature 'predit' in the graph tagged serve",
    ),
    "pattern": ({"keep": ["*.doc"]}, "the pattern '*.doc' of files to keep names none in"),
}


@pytest.mark.parametrize(("options", "said"), WRONG.values(), ids=WRONG)
def test_what_is_not_there_cannot_be_chosen(training_dir, tmp_path, options, said):
    with pytest.raises(UsageError) as caught:
        clean(training_dir, tmp_path / "copy", **options)
    assert said in caught.value.problem
    assert not list(tmp_path.iterdir())


def test_checkpoints_without_an_export_are_declined_saying_what_to_do(trained, tmp_path):
    shutil.rmtree(trained / "export")
    with pytest.raises(LoadError) as caught:
        clean(trained, tmp_path / "copy")
    assert "holds checkpoints (model.ckpt-1), but no exported SavedModel" in caught.value.problem
    assert "export_saved_model(" in caught.value.hint
    assert "cpr export-model" in caught.value.hint


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("model.keras", "holds model.keras, a Keras archive, and no exported SavedModel"),
        ("export.meta", "holds export.meta, a Session Bundle: the export format before SavedModel"),
        ("model.joblib", "holds model.joblib (scikit-learn), and no SavedModel (saved_model.pb or"),
        ("1/model.tflite", "holds 1/model.tflite (litert), and no SavedModel (saved_model.pb or"),
        ("notes.txt", "holds no SavedModel (saved_model.pb or saved_model.pbtxt), but notes.txt"),
        (None, "holds no SavedModel (saved_model.pb or saved_model.pbtxt), but nothing"),
    ],
    ids=["Keras", "Session Bundle", "scikit-learn", "LiteRT", "another file", "empty"],
)
def test_other_models_are_declined_saying_what_is_there(tmp_path, file, said):
    source = tmp_path / "source"
    source.mkdir()
    if file:
        (source / file).parent.mkdir(exist_ok=True)
        (source / file).write_bytes(b"x")
    for tool in (clean, shrink):
        with pytest.raises(LoadError) as caught:
            tool(source, tmp_path / "copy")
        assert said in caught.value.problem
        assert caught.value.hint


def test_exports_of_several_kinds_are_not_guessed_between(trained, tmp_path):
    best = trained / "best" / "1700000200"
    shutil.copytree(trained / "export" / "1700000000", best)
    with pytest.raises(UsageError) as caught:
        clean(trained, tmp_path / "copy")
    assert "has exports in 2 places: best/1700000200, export/1700000000," in caught.value.problem
    assert clean(trained, tmp_path / "copy", version=1700000200).export == best


@pytest.mark.parametrize("place", ["trained/copy", "."], ids=["inside", "around"])
def test_the_copy_is_never_made_in_the_source(trained, tmp_path, place):
    with pytest.raises(UsageError, match="lie within each other"):
        clean(trained, tmp_path / place)


def test_what_is_there_is_replaced_only_if_asked(training_dir, tmp_path):
    out = tmp_path / "copy"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is there already and not empty"):
        clean(training_dir, out)
    assert names_in(out) == ["mine.txt"]
    clean(training_dir, out, force=True)
    assert "saved_model.pb" in names_in(out)
    assert "mine.txt" not in names_in(out)
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_what_was_written_there_meanwhile_is_left_alone(training_dir, tmp_path):
    out = tmp_path / "copy"

    @contextmanager
    def another_writes(_):
        out.mkdir()
        (out / "mine.txt").write_text("mine")
        yield lambda: None

    with pytest.raises(UsageError, match="copy is there already and not empty"):
        clean(training_dir, out, progress=another_writes)
    assert names_in(tmp_path) == ["copy/mine.txt"]


def test_cleaning_does_not_import_tensorflow(training_dir, tmp_path):
    code = (
        "import json, sys; from cpr.cli.app import main; "
        f"code = main(['clean', {str(training_dir)!r}, {str(tmp_path / 'copy')!r}, '--json']); "
        "print(json.dumps([code, 'tensorflow' in sys.modules]), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert json.loads(done.stderr.splitlines()[-1]) == [0, False], done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == "cpr.clean/1"
    assert document["summary"]["signatures"] == ["colours", "predict"]
