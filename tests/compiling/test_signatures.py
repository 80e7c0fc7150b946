import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cpr.config import PredictorSettings
from cpr.errors import BadInput
from cpr.predictors.tf_saved_model import TfSavedModel

ROWS = np.random.default_rng(1).normal(size=(6, 5)).round(3).tolist()
# What a fresh process says of its first answer: which libraries it needed.
FRESH = """
import json, sys
import cpr
from cpr.messages import Call

body = json.dumps({"instances": json.loads(sys.argv[2])}).encode()
with cpr.open_routine(None, sys.argv[1]) as routine:
    reply = routine.answer([Call(body)])[0]
heavy = [name for name in ("tensorflow", "keras", "sklearn", "pandas") if name in sys.modules]
print(json.dumps([reply.status, json.loads(reply.body), heavy]))
"""


def native(folder):
    return TfSavedModel.from_path(folder, settings=PredictorSettings(runtime="native"))


def in_fresh_process(folder, instances):
    command = [sys.executable, "-c", FRESH, str(folder), json.dumps(instances)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_compiles_a_network_for_a_runtime_and_says_so(compiled_network):
    folder, report = compiled_network
    assert report.is_compiled
    record = json.loads((folder / "compiled" / "compiled.json").read_text())
    assert record["runtime"] == report.chosen.runtime
    assert record["compared"]["largest_deviation"] <= 1e-5
    assert {figure["variant"] for figure in record["figures"]} == set(record["model"]["signatures"])


def test_signatures_that_compute_the_same_share_a_file(compiled_network):
    folder, _ = compiled_network
    model = json.loads((folder / "compiled" / "compiled.json").read_text())["model"]
    files = {name: entry["file"] for name, entry in model["signatures"].items()}
    assert files["serving_default"] == files["again"] != files["hidden"]


@pytest.mark.parametrize("signature", ["serving_default", "again", "hidden"])
def test_answers_as_the_original_does(compiled_network, signature):
    folder, _ = compiled_network
    answers = [
        predictor.predict(ROWS, signature_name=signature)
        for predictor in (native(folder), TfSavedModel.from_path(folder))
    ]
    np.testing.assert_allclose(*answers, rtol=1e-4, atol=1e-5)


def test_needs_no_tensorflow_to_answer(compiled_network):
    folder, _ = compiled_network
    status, body, heavy = in_fresh_process(folder, ROWS)
    assert status == 200
    assert heavy == []
    expected = native(folder).predict(ROWS)
    np.testing.assert_allclose(body["predictions"], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells it")
def test_needs_little_memory_to_answer(compiled_network):
    folder, _ = compiled_network
    # What getrusage tells is the parent's, too.
    told = FRESH + 'print(next(s for s in open("/proc/self/status") if s.startswith("VmHWM")))'
    command = [sys.executable, "-c", told, str(folder), json.dumps(ROWS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    kilobytes = int(done.stdout.splitlines()[1].split()[1])
    assert kilobytes < 100_000


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 3e38])
def test_leaves_what_is_not_finite_or_nearly_so_to_the_original(compiled_network, value):
    folder, _ = compiled_network
    predictor, rows = TfSavedModel.from_path(folder), [[value, *ROWS[0][1:]]]
    np.testing.assert_array_equal(predictor.predict(rows), native(folder).predict(rows))
    assert predictor.has_loaded_original


def test_takes_numbers_whose_squares_are_not_finite(compiled_network):
    folder, _ = compiled_network
    predictor, rows = TfSavedModel.from_path(folder), [[1e30, *ROWS[0][1:]]]
    np.testing.assert_allclose(predictor.predict(rows), native(folder).predict(rows), atol=1e-5)
    assert not predictor.has_loaded_original


def test_refuses_a_row_that_is_too_long(compiled_network):
    folder, _ = compiled_network
    with pytest.raises(BadInput, match=r"Input x has the shape \[1, 10\]; the model takes"):
        TfSavedModel.from_path(folder).predict([ROWS[0] * 2])


def test_refuses_integers_that_an_embedding_has_no_row_for(tf, saved_module, compiled):
    module = tf.Module()
    generator = np.random.default_rng(0)
    module.rows = tf.Variable(generator.normal(size=(7, 32)).astype(np.float32))
    module.layers = [
        tf.Variable(generator.normal(size=(32, 32)).astype(np.float32) / 6) for _ in range(6)
    ]

    def look_up(ids):
        x = tf.reduce_sum(tf.gather(module.rows, ids), 1)
        for layer in module.layers:
            x = tf.nn.relu(x @ layer)
        return {"y": x}

    spec = tf.TensorSpec([None, 3], tf.int32, "ids")
    signature = tf.function(look_up).get_concrete_function(spec)
    folder, report = compiled(saved_module(module, {"serving_default": signature}))
    assert report.is_compiled, report.reason
    predictor = TfSavedModel.from_path(folder)
    expected = native(folder).predict([[0, 6, 3]])
    np.testing.assert_allclose(predictor.predict([[0, 6, 3]]), expected, rtol=1e-4, atol=1e-5)
    for wrong in (7, -1):
        with pytest.raises(BadInput, match=f"Input ids holds {wrong}; the model takes integers"):
            predictor.predict([[0, wrong, 3]])


def test_loads_the_original_for_shapes_that_only_it_takes(tf, saved_module, compiled, caplog):
    double = tf.function(lambda x: {"y": tf.sin(x) * 2.0 + 1.0})
    spec = tf.TensorSpec([None, 4], tf.float32, "x")
    signature = double.get_concrete_function(spec)
    # As TensorFlow Serving's half_plus_two: declared with two dimensions, called with one.
    folder, report = compiled(saved_module(tf.Module(), {"serving_default": signature}))
    if not report.is_compiled:  # nothing in it to be faster at
        pytest.skip(report.reason)
    predictor = TfSavedModel.from_path(folder)
    np.testing.assert_allclose(predictor.predict([0.5, 1.0]), [1.958851, 2.682942], rtol=1e-5)
    assert "was not compiled for instances like these; the original model is loaded" in caplog.text


def test_declines_what_keeps_state_and_says_so(tf, saved_module, compiled):
    module = tf.Module()
    module.calls = tf.Variable(0.0)

    def count(x):
        return {"y": x + module.calls.assign_add(1.0)}

    spec = tf.TensorSpec([None], tf.float32, "x")
    signature = tf.function(count).get_concrete_function(spec)
    folder, report = compiled(saved_module(module, {"serving_default": signature}))
    assert not report.is_compiled
    assert "litert: serving_default: it keeps state: AssignAddVariableOp;" in report.reason
    assert not (folder / "compiled").exists()


def test_declines_what_reads_the_state_that_another_signature_keeps(tf, saved_module, compiled):
    module = tf.Module()
    module.calls = tf.Variable(0.0)
    spec = tf.TensorSpec([None], tf.float32, "x")
    count = tf.function(lambda x: {"y": x + module.calls.assign_add(1.0)})
    read = tf.function(lambda x: {"y": tf.sin(x) + module.calls})
    signatures = {
        "count": count.get_concrete_function(spec),
        "read": read.get_concrete_function(spec),
    }
    _, report = compiled(saved_module(module, signatures), runtimes=("onnx",))
    assert report.reason == (
        "onnx: count: it keeps state: AssignAddVariableOp; "
        "read: it reads state, which count may change"
    )


def test_declines_random_answers(tf, saved_module, compiled):
    draw = tf.function(lambda x: {"y": x + tf.random.uniform(tf.shape(x))})
    signature = draw.get_concrete_function(tf.TensorSpec([None], tf.float32, "x"))
    _, report = compiled(saved_module(tf.Module(), {"serving_default": signature}))
    assert "it keeps state or draws random numbers: RandomUniform" in report.reason


def test_declines_text_operations_by_name(tf, saved_module, compiled):
    lower = tf.function(lambda x: {"y": tf.strings.lower(x)})
    signature = lower.get_concrete_function(tf.TensorSpec([None], tf.string, "x"))
    _, report = compiled(saved_module(tf.Module(), {"serving_default": signature}))
    assert "litert: serving_default: it works on text in more ways than to look words up" in (
        report.reason
    )
    assert "StringLower" in report.reason


def test_an_exact_gelu_goes_to_onnx_too(tf, saved_module, compiled):
    gelu = tf.function(lambda x: {"y": tf.nn.gelu(x)})
    signature = gelu.get_concrete_function(tf.TensorSpec([None, 6], tf.float32, "x"))
    _, report = compiled(
        saved_module(tf.Module(), {"serving_default": signature}), runtimes=("onnx",)
    )
    assert report.candidates[0].deviation is not None, report.reason
    assert report.candidates[0].deviation < 1e-5


def test_times_only_batches_that_the_original_answers(tf, saved_module, compiled):
    total = tf.function(lambda x: {"y": tf.reduce_sum(tf.tanh(x))})
    signature = total.get_concrete_function(tf.TensorSpec([None, 3], tf.float32, "x"))
    folder = saved_module(tf.Module(), {"serving_default": signature})
    _, report = compiled(folder, runtimes=("onnx",), batch_sizes=(1, 8))
    (part,) = report.candidates[0].parts
    assert [figure.batch_size for figure in part.figures] == [1]  # one value is no answer to eight
    _, report = compiled(folder, runtimes=("onnx",), batch_sizes=(8, 9))
    assert report.reason == (
        "onnx: serving_default: the original answers no request of 8, 9 instances to be timed at"
    )


def test_what_an_input_is_made_of_is_no_matter(tf, tmp_path, compiled_untimed):
    # As TensorFlow Serving's half_plus_two: one signature takes records, one what they hold.
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        records = tf.compat.v1.placeholder(tf.string, [None], "records")
        x = tf.io.parse_example(records, {"x": tf.io.FixedLenFeature([3], tf.float32)})["x"]
        y = tf.tanh(x * 0.5 + 2.0, "y")
        info = tf.compat.v1.saved_model.build_tensor_info
        builder = tf.compat.v1.saved_model.Builder(str(tmp_path / "model"))
        make = tf.compat.v1.saved_model.build_signature_def
        signatures = {
            "serving_default": make({"x": info(x)}, {"y": info(y)}, "predict"),
            "records": make({"records": info(records)}, {"y": info(y)}, "predict"),
        }
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()
    folder, report = compiled_untimed(tmp_path / "model", runtimes=("onnx",))
    assert [part.name for part in report.chosen.answered] == ["records", "serving_default"]
    record = json.loads((folder / "compiled" / "compiled.json").read_text())
    kinds = {name: sorted(entry) for name, entry in record["model"]["signatures"].items()}
    assert "examples" in kinds["records"]
    assert "examples" not in kinds["serving_default"]


def of_four(tf, saved_module, outputs):
    """A network that takes four instances, no more and no less."""
    generator = np.random.default_rng(0)
    module = tf.Module()
    module.layers = [
        tf.Variable(generator.normal(size=(5, 5)).astype(np.float32) / 2) for _ in range(4)
    ]

    def score(x):
        for layer in module.layers:
            x = tf.nn.relu(x @ layer)
        return outputs(x)

    signature = tf.function(score).get_concrete_function(tf.TensorSpec([4, 5], tf.float32, "x"))
    return saved_module(module, {"serving_default": signature})


def test_compiles_what_takes_a_fixed_number_of_instances(tf, saved_module, compiled_untimed):
    folder, report = compiled_untimed(of_four(tf, saved_module, lambda x: {"y": tf.nn.softmax(x)}))
    assert report.is_compiled, report.reason
    assert {figure.batch_size for figure in report.chosen.figures} == {4}
    predictor, original = TfSavedModel.from_path(folder), native(folder)
    expected = original.predict(ROWS[:4])
    np.testing.assert_allclose(predictor.predict(ROWS[:4]), expected, rtol=1e-4, atol=1e-5)
    assert not predictor.has_loaded_original
    for count in (1, 5):  # TensorFlow does not mind
        expected = original.predict(ROWS[:count])
        np.testing.assert_allclose(predictor.predict(ROWS[:count]), expected, rtol=1e-4, atol=1e-5)
    assert predictor.has_loaded_original


def test_says_that_no_number_of_instances_is_answered(tf, saved_module, compiled):
    folder = of_four(tf, saved_module, lambda x: {"y": tf.reduce_sum(x, 0)})
    _, report = compiled(folder, runtimes=("onnx",))
    assert "the original answers none of the sample instances" in report.reason


def test_a_signature_that_lacks_an_input_is_left_alone(tf, tmp_path, compiled_untimed):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        saved_model = tf.compat.v1.saved_model
        x = tf.compat.v1.placeholder(tf.float32, [None, 3], "x")
        rate = tf.compat.v1.placeholder(tf.float32, [], "rate")
        make = saved_model.predict_signature_def
        signatures = {
            "serving_default": make({"x": x}, {"y": tf.tanh(x)}),
            "dropped": make({"x": x}, {"y": x * rate}),
        }
        builder = saved_model.Builder(str(tmp_path / "model"))
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()
    _, report = compiled_untimed(tmp_path / "model", runtimes=("litert",))
    assert report.is_compiled, report.reason
    assert [part.name for part in report.chosen.answered] == ["serving_default"]
    (left,) = report.chosen.left
    assert left.why_not == "an output depends on a placeholder that is none of its inputs"


@pytest.mark.parametrize(
    ("runtime", "call"),
    [
        ("litert", lambda tf, x: tf.one_hot(x, 7)),
        ("onnx", lambda tf, x: tf.clip_by_value(x, 0, 100)),
    ],
    ids=["cut to 32 bits", "sign lost"],
)
def test_integers_beyond_32_bits_are_left_to_the_original(
    tf, saved_module, compiled_untimed, runtime, call
):
    signature = tf.function(lambda x: {"y": call(tf, x)}).get_concrete_function(
        tf.TensorSpec([None, 2], tf.int64, "x")
    )
    folder, report = compiled_untimed(
        saved_module(tf.Module(), {"serving_default": signature}), runtimes=(runtime,)
    )
    assert report.is_compiled
    predictor = TfSavedModel.from_path(folder)
    for number, is_left in [
        (2**31 - 1, False),
        (-(2**31), False),
        (2**31, True),
        (2**32 + 3, True),
    ]:
        expected = native(folder).predict([[number, 1]])
        np.testing.assert_array_equal(predictor.predict([[number, 1]]), expected)
        assert predictor.has_loaded_original == is_left
