"""Whole models are shrunk, and asked in this process, which has made them."""

import shutil

import numpy as np
import pytest

from cpr.errors import LoadError, UsageError
from cpr.inspecting import inspect_model
from cpr.savedmodel.reader import read_saved_model
from cpr.savedmodel.shrinking import shrink

WORDS = ["word0", "word7", "word119", "unheard of", ""]


def ask_modern_loader(tf, folder, signature):
    model = tf.saved_model.load(str(folder))
    (answer,) = model.signatures[signature](words=tf.constant(WORDS)).values()
    return answer.numpy()


def ask_old_loader(tf, folder, signature):
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        found = v1.saved_model.load(session, ["serve"], str(folder)).signature_def[signature]
        (output,) = found.outputs.values()
        return session.run(output.name, {found.inputs["words"].name: WORDS})


LOADERS = pytest.mark.parametrize("ask", [ask_modern_loader, ask_old_loader], ids=["tf2", "v1"])


@pytest.fixture(scope="module")
def small_modern(modern, tmp_path_factory):
    return shrink(modern, tmp_path_factory.mktemp("small") / "modern", weights="int8")


@pytest.fixture(scope="module")
def small_old(old, tmp_path_factory):
    instances = [{"words": word} for word in WORDS]
    target = tmp_path_factory.mktemp("small") / "old"
    return shrink(old, target, weights="float16", instances=instances)


def test_progress_reaches_its_end(modern, tmp_path):
    seen = []
    shrink(modern, tmp_path / "small", progress=lambda done, total: seen.append((done, total)))
    # Four steps, and two processes that are asked.
    assert seen == [(done, 6) for done in range(1, 7)]


@LOADERS
def test_a_model_of_tensorflow_2_answers_the_same_in_both_loaders(tf, modern, small_modern, ask):
    assert small_modern.outcome == "smaller"
    near = ask(tf, modern, "serving_default")
    assert np.abs(ask(tf, small_modern.output, "serving_default") - near).max() < 0.05
    assert (ask(tf, small_modern.output, "rank") == ask(tf, modern, "rank")).all()


@LOADERS
def test_a_graph_of_tensorflow_1_answers_the_same_in_both_loaders(tf, old, small_old, ask):
    assert small_old.outcome == "smaller"
    near = ask(tf, old, "serving_default")
    assert np.abs(ask(tf, small_old.output, "serving_default") - near).max() < 2e-3


def test_each_step_says_what_it_saved_and_how_far_the_answers_went(small_modern):
    steps = {step.name: step for step in small_modern.steps}
    assert steps["integers"].saved > 5000
    assert steps["integers"].deviation.largest == 0
    assert 0 < steps["weights"].deviation.largest < 0.05
    assert small_modern.before - sum(step.saved for step in steps.values()) == small_modern.after
    assert small_modern.loaders == ("tf2", "v1")
    assert set(small_modern.asked) == {"serve: rank", "serve: serving_default"}


def test_a_graph_of_tensorflow_1_is_folded(small_old):
    (fold,) = (step for step in small_old.steps if step.name == "fold")
    assert fold.is_taken
    assert fold.saved > 0
    assert fold.details[0].startswith("graph folded by Grappler: ")


def test_variables_keep_their_type_and_shape(tf, small_modern):
    model = tf.saved_model.load(str(small_modern.output))
    assert (model.embedding.dtype, model.embedding.shape) == (tf.float32, (124, 32))
    assert (model.ranks.dtype, model.ranks.numpy()[0]) == (tf.int64, 1999)


def test_what_was_loaded_can_be_saved_again(tf, modern, small_modern, tmp_path):
    model = tf.saved_model.load(str(small_modern.output))
    tf.saved_model.save(model, str(tmp_path / "again"), signatures=model.signatures)
    again = ask_modern_loader(tf, tmp_path / "again", "serving_default")
    assert (again == ask_modern_loader(tf, small_modern.output, "serving_default")).all()


def test_a_variable_in_parts_is_left_and_named(small_old):
    (weights,) = (step for step in small_old.steps if step.name == "weights")
    assert "16,384 bytes left as they are: it is stored in parts" in weights.details
    assert weights.details[0].startswith("float weights stored as float16: 3, ")


def test_an_inspection_says_that_packed_weights_are_read(small_modern):
    found = inspect_model(small_modern.output)
    packed = [item for item in found.variables if "packed" in item.name]
    assert len(packed) > 2
    assert [item.name for item in packed if not item.is_reached] == []


def test_shrinking_again_keeps_a_copy(small_modern, tmp_path):
    again = shrink(small_modern.output, tmp_path / "again", weights="int8")
    assert (again.outcome, again.reason) == ("kept", "no step makes it smaller")
    for path in small_modern.output.rglob("*.*"):
        copied = tmp_path / "again" / path.relative_to(small_modern.output)
        assert copied.read_bytes() == path.read_bytes()


def test_beyond_tolerance_nothing_is_written(modern, tmp_path):
    result = shrink(modern, tmp_path / "small", weights="int8", atol=1e-9, rtol=0)
    assert result.outcome == "declined"
    assert "serving_default: score is 0.0" in result.reason
    assert "beyond 1e-09 + 0 of it" in result.reason
    assert "--weights float16" in result.hint
    assert list(tmp_path.iterdir()) == []


def test_instances_that_no_signature_takes_are_refused(modern, tmp_path):
    with pytest.raises(UsageError, match="No signature takes the instances"):
        shrink(modern, tmp_path / "small", instances=[{"image": 3}])


@pytest.fixture(scope="module")
def large(tf, tmp_path_factory):
    """24 MB of weights, which Keras 3 writes twice."""
    keras = tf.keras
    keras.utils.set_random_seed(5)
    layers = [keras.layers.Dense(1024, activation="relu") for _ in range(6)]
    model = keras.Sequential([keras.Input((1024,)), *layers])
    folder = tmp_path_factory.mktemp("large") / "1"
    model.export(folder, verbose=False)
    return folder


@pytest.mark.parametrize(
    ("weights", "share"), [("int8", 0.30), ("float16", 0.55), ("bfloat16", 0.55)]
)
def test_a_large_model_gets_as_small_as_promised(large, tmp_path, weights, share):
    result = shrink(large, tmp_path / "small", weights=weights)
    assert result.outcome == "smaller", result.reason
    deduplicated = result.steps[0].after
    assert result.before > 2 * 24e6 > deduplicated > 24e6
    assert result.after < share * deduplicated


def test_keras_export_holds_each_weight_once(tf, transformer, tmp_path):
    result = shrink(transformer, tmp_path / "small", weights="float32")
    assert result.outcome == "smaller"
    assert result.deviation.largest == 0


def test_every_model_succeeds_or_declines_with_a_reason(any_saved_model, tmp_path):
    result = shrink(any_saved_model, tmp_path / "small", weights="int8")
    assert result.outcome == "smaller" or result.reason
    if result.is_written:
        read_saved_model(tmp_path / "small")


def test_a_damaged_weight_is_named(modern, tmp_path):
    damaged = tmp_path / "damaged"
    shutil.copytree(modern, damaged)
    (data,) = (damaged / "variables").glob("*.data-*")
    content = bytearray(data.read_bytes())
    content[100] ^= 1
    data.write_bytes(content)
    with pytest.raises(LoadError, match="do not have the checksum"):
        shrink(damaged, tmp_path / "small")
    assert not (tmp_path / "small").exists()


@pytest.mark.parametrize(
    ("output", "message"),
    [("full", "is there already"), ("model/inside", "which is not written to")],
)
def test_an_output_that_is_not_free_is_refused(modern, tmp_path, output, message):
    shutil.copytree(modern, tmp_path / "model")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(UsageError, match=message):
        shrink(tmp_path / "model", tmp_path / output)


def test_an_output_that_is_taken_meanwhile_is_left_alone(modern, tmp_path):
    def write(done, total):
        (tmp_path / "small").mkdir(exist_ok=True)
        (tmp_path / "small" / "theirs").touch()

    with pytest.raises(UsageError, match="is there already: something else was written"):
        shrink(modern, tmp_path / "small", progress=write)
    assert [path.name for path in tmp_path.rglob("*")] == ["small", "theirs"]


def test_unknown_weights_are_refused(modern, tmp_path):
    with pytest.raises(UsageError, match="expected one of float32, float16, bfloat16, int8"):
        shrink(modern, tmp_path / "small", weights="int4")
