"""The kind of a source, told without any framework."""

import importlib

import pytest

from cpr.errors import LoadError, UsageError
from cpr.savedmodel.exporting.dispatch import OPENERS, SourceKind, kind_of
from cpr.savedmodel.servable import SourceOptions

NOTHING = SourceOptions()


@pytest.mark.parametrize("kind", SourceKind, ids=lambda kind: kind.name)
def test_every_kind_has_a_function_that_opens_it(kind):
    module, _, name = OPENERS[kind].partition(":")
    assert callable(getattr(importlib.import_module(module), name))


@pytest.mark.parametrize(
    ("files", "named", "kind", "place"),
    [
        (["m.keras"], "m.keras", SourceKind.KERAS_FILE, "m.keras"),
        (["m.h5"], "m.h5", SourceKind.KERAS_FILE, "m.h5"),
        (["frozen.pb"], "frozen.pb", SourceKind.GRAPH_DEF, "frozen.pb"),
        (["m-3.meta"], "m-3.meta", SourceKind.META_GRAPH, "m-3.meta"),
        (["m-3.index"], "m-3", SourceKind.CHECKPOINT, "m-3"),
        (["m-3.index"], "m-3.index", SourceKind.CHECKPOINT, "m-3"),
        (["run/checkpoint", "run/m-3.index"], "run", SourceKind.ESTIMATOR, "run"),
    ],
    ids=["archive", "hdf5", "graph", "meta", "prefix", "index", "a training directory"],
)
def test_a_path_says_what_it_is(tmp_path, files, named, kind, place):
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert kind_of(tmp_path / named, NOTHING) == (kind, tmp_path / place)
    assert kind_of(str(tmp_path / named), NOTHING) == (kind, tmp_path / place)


def test_a_training_directory_is_a_checkpoint_with_a_graph(tmp_path):
    (tmp_path / "checkpoint").write_text("")
    assert kind_of(tmp_path, SourceOptions(build=print))[0] is SourceKind.CHECKPOINT


def test_a_saved_model_is_of_one_generation_or_the_other(keras_cnn, tf1_text, tf1_two_graphs):
    assert kind_of(keras_cnn, NOTHING) == (SourceKind.SAVED_MODEL, keras_cnn)
    # Its directory of versions, and the file itself.
    assert kind_of(keras_cnn.parent, NOTHING) == (SourceKind.SAVED_MODEL, keras_cnn)
    assert kind_of(keras_cnn / "saved_model.pb", NOTHING) == (SourceKind.SAVED_MODEL, keras_cnn)
    for folder in (tf1_text, tf1_two_graphs):
        assert kind_of(folder, NOTHING) == (SourceKind.SAVED_MODEL_V1, folder)


def test_an_object_says_what_it_is(tf, mlp, words):
    function = tf.function(lambda x: x, input_signature=[tf.TensorSpec([None])])
    kinds = {
        SourceKind.KERAS_MODEL: mlp,
        SourceKind.MODULE: words,
        SourceKind.FUNCTION: function,
    }
    for kind, source in kinds.items():
        assert kind_of(source, NOTHING) == (kind, source)
    assert kind_of(function.get_concrete_function(), NOTHING)[0] is SourceKind.FUNCTION
    assert kind_of(print, NOTHING)[0] is SourceKind.FUNCTION


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (3, UsageError, "3 cannot be exported: it is a int"),
        ("gone.keras", LoadError, "gone.keras does not exist"),
        ("notes.txt", UsageError, "notes.txt is not a file that can be exported"),
        (".", LoadError, "holds no SavedModel .*, but notes.txt"),
    ],
    ids=["another object", "nothing there", "another file", "another directory"],
)
def test_what_cannot_be_exported_is_refused(tmp_path, monkeypatch, source, error, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(error, match=message) as raised:
        kind_of(source, NOTHING)
    assert raised.value.hint
