"""From Keras models, functions and modules to SavedModels that answer the same."""

import numpy as np
import pytest

from cpr.errors import PredictionFailed, UsageError, UserCodeError
from cpr.predictors.tf_saved_model import TfSavedModel
from cpr.savedmodel import Head, export, meta_graph, reader
from cpr.savedmodel.bundle import read_index

ROW = [[5.1, 3.5, 1.4, 0.2]]


def served(folder, instances, **parameters):
    predictor = TfSavedModel.from_path(folder)
    try:
        return predictor.predict(instances, **parameters)
    finally:
        predictor.close()


def variables_of(folder):
    entries = read_index(folder / "variables" / "variables.index")
    return [entry for name, entry in entries.items() if name != "_CHECKPOINTABLE_OBJECT_GRAPH"]


def signatures_of(folder):
    return meta_graph.signatures(reader.read_saved_model(folder).meta_graphs[0])


def test_a_keras_model_answers_from_our_server_as_it_did(mlp, tmp_path):
    exported = export(mlp, tmp_path / "out")
    assert exported.path == tmp_path / "out" / "1"
    np.testing.assert_allclose(
        served(exported.path, ROW), mlp(np.array(ROW), training=False), rtol=1e-5
    )


def test_each_weight_is_written_once_and_no_optimizer(mlp, tmp_path):
    exported = export(mlp, tmp_path)
    assert sorted(entry.shape for entry in variables_of(exported.path)) == [
        (3,),
        (4, 8),
        (8,),
        (8, 3),
    ]


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_keras_file_answers_as_the_model(mlp, tmp_path, suffix):
    path = tmp_path / f"iris{suffix}"
    mlp.save(path)
    exported = export(path, tmp_path / "out")
    np.testing.assert_allclose(
        served(exported.path, ROW), mlp(np.array(ROW), training=False), rtol=1e-5
    )


def test_heads_differ_in_outputs_only(two_heads, tmp_path):
    heads = {"serving_default": Head(), "risk": ["risk"], "cost": Head(outputs={"cost": "price"})}
    exported = export(two_heads, tmp_path, signatures=heads)
    found = signatures_of(exported.path)
    assert {name: list(item.outputs) for name, item in found.items()} == {
        "serving_default": ["price", "risk"],
        "risk": ["risk"],
        "cost": ["cost"],
    }
    assert [s.proof.deviation for s in exported.signatures] == [0.0, 0.0, 0.0]
    rows = served(exported.path, [{"age": [3.0], "code": 1}], signature_name="cost")
    assert np.shape(rows) == (1, 1)


def test_a_module_keeps_its_vocabulary_and_leaves_what_no_signature_reads(words, tmp_path):
    exported = export(words, tmp_path / "out")
    assert (exported.path / "assets" / "words.txt").read_text() == "good\nbad\n"
    assert (1000,) not in {entry.shape for entry in variables_of(exported.path)}
    assert served(exported.path, ["bad", "ugly"]) == pytest.approx([-1.0, 0.0])
    assert list(signatures_of(exported.path)) == ["number", "serve", "serving_default"]


def test_a_saved_model_is_exported_again_without_its_optimizer(keras_trained, tmp_path):
    exported = export(keras_trained, tmp_path)
    before, after = (
        sum(entry.size for entry in variables_of(path)) for path in (keras_trained, exported.path)
    )
    assert after < before / 2
    assert exported.signatures[0].proof.deviation == 0.0


def test_a_plain_function_needs_its_inputs_declared(tf, tmp_path):
    def double(x):
        return {"twice": 2 * x}

    with pytest.raises(UsageError, match=r"the inputs of .* are not declared"):
        export(double, tmp_path)
    exported = export(double, tmp_path, inputs={"x": tf.TensorSpec([None], tf.float32)})
    assert list(served(exported.path, [1.5, 2.0])) == [3.0, 4.0]


def test_the_batch_is_of_any_size(tf, tmp_path):
    one = tf.function(lambda x: 2 * x, input_signature=[tf.TensorSpec([1, 2], tf.float32)])
    exported = export(one, tmp_path)
    assert exported.signatures[0].inputs == {"x": "float32 [any, 2]"}
    assert exported.signatures[0].outputs == {"output_0": "float32 [any, 2]"}
    assert exported.signatures[0].proof.deviation == 0.0


def test_a_fixed_batch_is_refused_unless_it_is_to_be_kept(tf, tmp_path):
    one = tf.function(lambda x: 2 * x, input_signature=[tf.TensorSpec([1, 2], tf.float32)])
    traced = one.get_concrete_function()
    with pytest.raises(UsageError, match="cannot be traced with the inputs x"):
        export(traced, tmp_path)
    assert not list(tmp_path.iterdir())
    kept = export(traced, tmp_path, any_batch=False)
    assert kept.signatures[0].inputs == {"x": "float32 [1, 2]"}


def test_a_scalar_input_is_refused_with_what_to_do(tf, tmp_path):
    scalar = tf.function(lambda x: 2 * x, input_signature=[tf.TensorSpec([], tf.float32)])
    with pytest.raises(UsageError, match="no batch dimension") as raised:
        export(scalar, tmp_path)
    assert "any_batch=False" in raised.value.hint


def test_an_output_without_a_batch_is_noted(tf, tmp_path):
    total = tf.function(tf.reduce_sum, input_signature=[tf.TensorSpec([None], tf.float32)])
    assert "no batch dimension" in export(total, tmp_path).notes[0]


def test_a_random_model_is_not_published(tf, tmp_path):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def noise(x):
        return tf.cast(x, tf.float64) + tf.math.floormod(1e4 * tf.timestamp(), 1.0)

    with pytest.raises(PredictionFailed, match=r"the export was not published: .* away from"):
        export(noise, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_one_signature_must_be_the_default(two_heads, tmp_path):
    with pytest.raises(UsageError, match="none of the signatures 'risk' is 'serving_default'"):
        export(two_heads, tmp_path, signatures={"risk": ["risk"]})


def test_an_unknown_output_or_function_is_named(words, two_heads, tmp_path):
    with pytest.raises(UsageError, match="no output 'prise'") as raised:
        export(two_heads, tmp_path, signatures={"serving_default": ["prise"]})
    assert "price" in raised.value.hint
    with pytest.raises(UsageError, match="no function 'serv'"):
        export(words, tmp_path, signatures={"serving_default": "serv"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tags": ()}, "a graph would have no tags"),
        ({"tags": ("serve", "")}, "a graph would have no tags"),
        ({"more_graphs": {"": {"again": "serving_default"}}}, "a graph would have no tags"),
        ({"more_graphs": {"serve": {"again": "serving_default"}}}, "two graphs have the same tags"),
        (
            {"tags": ("a", "b"), "more_graphs": {"b,a": {"again": "serving_default"}}},
            "two graphs have the same tags",
        ),
    ],
    ids=["none", "an empty one", "a further graph without", "twice", "twice in another order"],
)
def test_every_graph_has_tags_of_its_own(mlp, tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        export(mlp, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def refuses(scores):
    raise ValueError("no such class")


def reshapes(scores):
    return {"scores": scores @ [[1.0]]}


def test_a_function_that_raises_is_told_with_its_line(mlp, tmp_path):
    with pytest.raises(UserCodeError, match=r"be traced .*: ValueError: no such class") as caught:
        export(mlp, tmp_path / "out", postprocess=refuses)
    assert caught.value.line == refuses.__code__.co_firstlineno + 1
    assert "test_export.py" in caught.value.hint and "in refuses: raise" in caught.value.hint


def test_what_tensorflow_refuses_is_told_with_the_line_that_asked_for_it(mlp, tmp_path):
    with pytest.raises(UsageError, match="cannot be traced with the inputs flower") as caught:
        export(mlp, tmp_path / "out", postprocess=reshapes)
    assert "in reshapes: return" in caught.value.hint
    assert "--keep-batch" in caught.value.hint
