"""Signatures of serialized tf.Examples: those are read here, as TensorFlow does, the rest runs."""

import base64
import json
import subprocess
import sys

import numpy as np
import pytest

from cpr.config import PredictorSettings
from cpr.errors import BadInput
from cpr.predictors.tf_saved_model import TfSavedModel
from cpr.savedmodel import protos

WORDS = ["private", "gov", "self-emp", "zürich"]
CLASSES = ["low", "middle", "high"]
KINDS = {float: "float_list", int: "int64_list", bytes: "bytes_list"}
FRESH = """
import json, sys
import cpr
from cpr.messages import Call

body = sys.stdin.buffer.read()
with cpr.open_routine(None, sys.argv[1]) as routine:
    reply = routine.answer([Call(body)])[0]
print(json.dumps([reply.status, json.loads(reply.body), "tensorflow" in sys.modules]))
"""


def example(**features):
    """A serialized example; a feature may be a list, or the message itself."""
    made = protos.Example()
    for key, values in features.items():
        feature = made.features.feature[key]
        if isinstance(values, protos.Feature):
            feature.CopyFrom(values)
        else:
            getattr(feature, KINDS[type(values[0])]).value.extend(values)
    return made.SerializeToString(deterministic=True)


def good(number=0, **changes):
    generator = np.random.default_rng(number)
    row = {
        "x": generator.normal(size=4).round(3).tolist(),
        "ids": generator.integers(0, 7, 2).tolist(),
        "work": [generator.choice([*WORDS, "unknown", ""]).encode()],
        "bias-of.it": [float(number)],
        **changes,
    }
    return example(**{key: values for key, values in row.items() if values is not None})


@pytest.fixture(scope="module")
def scored(tf):
    """A network on features, as a module with what it needs."""
    generator = np.random.default_rng(0)

    def weights(*shape):
        return tf.Variable((generator.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32))

    module = tf.Module()
    module.rows, module.words = weights(7, 16), weights(6, 16)
    module.first, module.last = weights(4, 16), weights(16, 3)
    module.layers = [weights(16, 16) for _ in range(2)]
    numbers = tf.constant(range(len(WORDS)), tf.int64)
    module.table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.constant(WORDS), numbers), 5
    )
    names = tf.constant(range(3), tf.int64), tf.constant(CLASSES)
    module.names = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(*names), "?")

    def score(features):
        hidden = features["x"] @ module.first + features["bias-of.it"][:, None]
        hidden += tf.reduce_sum(tf.gather(module.rows, features["ids"]), 1)
        hidden += tf.gather(module.words, module.table.lookup(features["work"]))[:, 0]
        for layer in module.layers:
            hidden = tf.nn.relu(hidden @ layer)
        return tf.nn.softmax(hidden @ module.last)

    return module, score


def features_of(tf):
    return {
        "x": tf.io.FixedLenFeature([4], tf.float32),
        "ids": tf.io.FixedLenFeature([2], tf.int64, [3, 1]),
        "work": tf.io.FixedLenFeature([1], tf.string, ["gov"]),
        "bias-of.it": tf.io.FixedLenFeature([], tf.float32, 0.5),
        "weight": tf.io.FixedLenFeature([], tf.float32, 1.0),
        "tags": tf.io.VarLenFeature(tf.string),
    }


@pytest.fixture(scope="module")
def receiver(tf, saved_module, scored):
    """A model as an Estimator's parsing receiver exported it: classify, regress and predict."""
    module, score = scored

    def scores(examples):
        return score(tf.io.parse_example(examples, features_of(tf)))

    def classify(inputs):
        found = scores(inputs)
        names = tf.tile(tf.constant([CLASSES]), [tf.shape(found)[0], 1])
        return {"classes": names, "scores": found}

    def predict(examples):
        found = scores(examples)
        ids = tf.argmax(found, 1)[:, None]
        return {
            "probabilities": found,
            "class_ids": ids,
            "classes": tf.strings.as_string(ids),
            "named": module.names.lookup(ids),
            "picked": tf.gather(tf.constant(CLASSES), ids[:, 0]),
        }

    def signature(function, name):
        return tf.function(function).get_concrete_function(tf.TensorSpec([None], tf.string, name))

    return saved_module(
        module,
        {
            "serving_default": signature(classify, "inputs"),
            "regression": signature(lambda inputs: {"outputs": scores(inputs)[:, :1]}, "inputs"),
            "predict": signature(predict, "examples"),
        },
    )


@pytest.fixture(scope="module")
def of_examples(receiver, compiled_untimed):
    folder, report = compiled_untimed(receiver)
    assert report.is_compiled, report.reason
    assert [part.name for part in report.chosen.answered] == [
        "predict", "regression", "serving_default",
    ]  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def native(of_examples):
    return TfSavedModel.from_path(of_examples, settings=PredictorSettings(runtime="native"))


@pytest.fixture
def fast(of_examples):
    return TfSavedModel.from_path(of_examples)


def outcome(predictor, instances, **parameters):
    try:
        return 200, predictor.predict(instances, **parameters)
    except BadInput as error:
        return error.http_status, error.problem


def check_alike(found, expected):
    for row, other in zip(found, expected, strict=True):
        if not isinstance(row, dict):
            row, other = {"": row}, {"": other}
        assert row.keys() == other.keys()
        for key, value in row.items():
            if np.asarray(value).dtype.kind == "f":
                np.testing.assert_allclose(value, other[key], rtol=1e-4, atol=1e-5)
            else:
                np.testing.assert_array_equal(value, other[key])


@pytest.mark.parametrize("signature", ["serving_default", "regression", "predict"])
@pytest.mark.parametrize("count", [1, 33])
def test_answers_as_tensorflow_does(native, fast, signature, count):
    examples = [good(number) for number in range(count)]
    answers = [one.predict(examples, signature_name=signature) for one in (fast, native)]
    check_alike(*answers)
    assert not fast.has_loaded_original


def test_answers_names_of_classes_with_every_score(fast):
    answer = fast.predict([good(), good(1)])
    assert [row["classes"] for row in answer] == [CLASSES, CLASSES]


ANSWERED = {
    "defaults": good(ids=None, work=None, **{"bias-of.it": None}),
    "features without values, which are as missing": good(ids=protos.Feature()),
    "more features than are looked for": good(other=[b"a", b"b"]),
    "features that are looked for and not used": good(weight=[2.0], tags=[b"a", b"b"]),
    "the largest id": good(ids=[6, 6]),
    "bytes that are no text": good(work=[b"\xff\x00"]),
    "a message appended to another, whose features win": good() + good(3),
}
REFUSED = {
    "nothing": b"",
    "a feature that is missing": good(x=None),
    "another type": good(x=[1, 2, 3, 4]),
    "another type of what has a default": good(ids=[b"a", b"b"]),
    "another type of what is not used": good(weight=[1]),
    "another type of what may have any length": good(tags=[1.0]),
    "too few values": good(x=[1.0, 2.0, 3.0]),
    "too many values": good(ids=[1, 2, 3]),
    "no values": good(ids=protos.Feature(int64_list=protos.Int64List())),
    "too many of a scalar": good(**{"bias-of.it": [1.0, 2.0]}),
}


@pytest.mark.parametrize("data", ANSWERED.values(), ids=ANSWERED)
def test_takes_what_tensorflow_takes(native, fast, data):
    answers = [one.predict([good(5), data], signature_name="predict") for one in (fast, native)]
    check_alike(*answers)


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("place", [0, 1])
def test_refuses_in_tensorflows_words_and_without_it(native, fast, data, place):
    examples = [good(5), data][::-1] if place == 0 else [good(5), data]
    expected = outcome(native, examples)
    assert expected[0] == 400
    assert outcome(fast, examples) == expected
    assert not fast.has_loaded_original


@pytest.mark.parametrize(
    "data",
    [b"hello", good()[:-1], good()[:9], b"\x0a\xff", b'{"x": [1, 2, 3, 4]}'],
    ids=["a text", "cut off", "cut off early", "a length beyond the end", "JSON"],
)
def test_refuses_bytes_that_are_no_example_without_tensorflow(native, fast, data):
    assert outcome(native, [data])[0] == 400
    status, problem = outcome(fast, [good(), data])
    assert status == 400
    assert problem.startswith(
        "The model refuses these instances: Could not parse example input, value: "
    )
    assert not fast.has_loaded_original


def twice(first, second):
    """A feature that holds two lists, as no library writes it."""
    return first.SerializeToString() + second.SerializeToString()


def raw(key, feature):
    """An example with one more feature of bytes that are given."""
    entry = b"\x0a" + bytes([len(key)]) + key + b"\x12" + bytes([len(feature)]) + feature
    inner = b"\x0a" + bytes([len(entry)]) + entry
    return b"\x0a" + bytes([len(inner)]) + inner


ODD = {
    "two lists of one kind": twice(
        protos.Feature(int64_list=protos.Int64List(value=[1])),
        protos.Feature(int64_list=protos.Int64List(value=[2])),
    ),
    "two lists of two kinds": twice(
        protos.Feature(float_list=protos.FloatList(value=[1.0, 2.0])),
        protos.Feature(int64_list=protos.Int64List(value=[1, 2])),
    ),
    "a list that is not packed": b"\x1a\x04\x08\x01\x08\x02",
    "a field of no name": b"\x1a\x04\x0a\x02\x01\x02\x22\x01a",
    "a list that is cut off": b"\x1a\x04\x0a\x03\x01\x02",
    "a number that is too long": b"\x1a\x0d\x0a\x0b" + b"\xff" * 10 + b"\x01",
}


@pytest.mark.parametrize("feature", ODD.values(), ids=ODD)
def test_bytes_that_no_library_writes_are_left_to_tensorflow(native, fast, feature):
    data = good(ids=None) + raw(b"ids", feature)
    expected, found = (outcome(one, [data], signature_name="predict") for one in (native, fast))
    assert found[0] == expected[0]
    if found[0] == 200:
        check_alike(found[1], expected[1])


def test_numbers_that_nothing_was_proven_for_are_left_to_tensorflow(native, fast):
    examples = [good(x=[float("nan"), 1.0, 2.0, 3.0])]
    check_alike(*(one.predict(examples, signature_name="regression") for one in (fast, native)))
    assert fast.has_loaded_original


def test_refuses_integers_that_an_embedding_has_no_row_for(native, fast):
    assert outcome(native, [good(ids=[7, 0])])[0] == 400
    assert outcome(fast, [good(ids=[7, 0])]) == (
        400,
        "Input ids holds 7; the model takes integers from 0 to 6.",
    )


@pytest.mark.parametrize("instances", [[[good()]], [["a"]], []], ids=["rows", "texts", "none"])
def test_refuses_other_shapes_as_tensorflow_does(native, fast, instances):
    expected, found = (outcome(one, instances) for one in (native, fast))
    assert found[0] == expected[0]


def test_needs_no_tensorflow_to_read_examples(of_examples, native):
    examples = [good(number) for number in range(3)]
    instances = [{"b64": base64.b64encode(one).decode()} for one in examples]
    done = subprocess.run(
        [sys.executable, "-c", FRESH, str(of_examples)],
        input=json.dumps({"instances": instances}).encode(),
        capture_output=True,
        check=True,
    )
    status, body, has_tensorflow = json.loads(done.stdout)
    assert (status, has_tensorflow) == (200, False), body
    check_alike(body["predictions"], native.predict(examples))


def test_reads_examples_behind_the_operation_of_tensorflow_1(
    tf, saved_module, scored, compiled_untimed
):
    module, score = scored

    def classify(inputs):
        (x, ids, work) = tf.raw_ops.ParseExample(
            serialized=inputs,
            names=[],
            sparse_keys=[],
            dense_keys=["x", "ids", "work"],
            dense_defaults=[
                tf.constant([], tf.float32), tf.constant([1, 2], tf.int64), tf.constant(["gov"])
            ],
            sparse_types=[],
            dense_shapes=[[4], [2], [1]],
        ).dense_values  # fmt: skip
        bias = tf.zeros(tf.shape(x)[:1])
        return {"scores": score({"x": x, "ids": ids, "work": work, "bias-of.it": bias})}

    spec = tf.TensorSpec([None], tf.string, "inputs")
    signature = tf.function(classify).get_concrete_function(spec)
    folder, report = compiled_untimed(saved_module(module, {"serving_default": signature}))
    assert report.is_compiled, report.reason
    settings = PredictorSettings(runtime="native")
    native, fast = TfSavedModel.from_path(folder, settings=settings), TfSavedModel.from_path(folder)
    for examples in ([good(1)], [good(2), good(3, ids=None)], [good(x=None)], [good(x=[1])]):
        expected, found = outcome(native, examples), outcome(fast, examples)
        assert found[0] == expected[0]
        if found[0] == 200:
            check_alike(found[1], expected[1])
        else:
            assert found == expected
    assert not fast.has_loaded_original


def sparse(tf, x):
    tags = tf.io.parse_example(x, {"tags": tf.io.VarLenFeature(tf.int64)})["tags"]
    return tf.cast(tf.sparse.reduce_sum(tags, 1), tf.float32)


def ragged(tf, x):
    found = tf.io.parse_example(x, {"tags": tf.io.RaggedFeature(tf.float32)})["tags"]
    return tf.reduce_sum(found, 1)


def of_any_length(tf, x):
    spec = tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True)
    return tf.reduce_sum(tf.io.parse_example(x, {"tags": spec})["tags"], 1)


def one_by_one(tf, x):
    spec = {"x": tf.io.FixedLenFeature([], tf.float32)}
    return tf.map_fn(
        lambda one: tf.io.parse_single_example(one, spec)["x"], x, fn_output_signature=tf.float32
    )


def decoded_first(tf, x):
    spec = {"x": tf.io.FixedLenFeature([], tf.float32, 0.0)}
    return tf.io.parse_example(tf.io.decode_base64(x), spec)["x"]


def hashed(tf, x):
    spec = {"work": tf.io.FixedLenFeature([], tf.string, "")}
    found = tf.strings.to_hash_bucket_fast(tf.io.parse_example(x, spec)["work"], 9)
    return tf.cast(found, tf.float32)


def counted(tf, x):
    spec = {"x": tf.io.FixedLenFeature([], tf.float32)}
    return tf.io.parse_example(x, spec)["x"] + tf.cast(tf.size(x), tf.float32)


BESIDE = "; export a signature beside it that takes the features themselves"
DECLINED = {
    "sparse": (
        sparse,
        "it parses the features 'tags' of tf.Example records into sparse tensors, as categorical "
        "columns do, and works on those with operations that no other runtime has: "
        "SparseReduceSum" + BESIDE,
    ),
    "ragged": (
        ragged,
        "it parses the features 'tags' of tf.Example records into ragged tensors" + BESIDE,
    ),
    "of any length": (
        of_any_length,
        "the feature 'tags' may have any number of values" + BESIDE,
    ),
    "one by one": (
        one_by_one,
        "it parses tf.Example records one by one or in parts: ParseExampleV2" + BESIDE,
    ),
    "of other texts": (
        decoded_first,
        "it parses tf.Example records that it has made itself" + BESIDE,
    ),
    "of records that are counted, too": (
        counted,
        "it does more with tf.Example records than to parse them" + BESIDE,
    ),
    "hashed words": (
        hashed,
        "it works on text in more ways than to look words up, of which no other runtime knows "
        "enough: StringToHashBucketFast",
    ),
}


@pytest.mark.parametrize(("read", "said"), DECLINED.values(), ids=DECLINED)
def test_declines_other_ways_of_reading_by_name(tf, saved_module, compiled_untimed, read, said):
    def call(examples):
        return {"y": read(tf, examples)}

    signature = tf.function(call).get_concrete_function(tf.TensorSpec([None], tf.string))
    _, report = compiled_untimed(
        saved_module(tf.Module(), {"serving_default": signature}), runtimes=("onnx",)
    )
    assert report.reason.startswith(f"onnx: serving_default: {said}")


def test_answers_with_features_as_they_came(tf, tmp_path, compiled_untimed):
    # As an Estimator exports that forwards the key of each instance.
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        records = tf.compat.v1.placeholder(tf.string, [None], "records")
        features = tf.io.parse_example(
            records,
            {
                "x": tf.io.FixedLenFeature([3], tf.float32),
                "key": tf.io.FixedLenFeature([], tf.string, "none"),
                "number": tf.io.FixedLenFeature([], tf.int64),
            },
        )
        info, saved_model = tf.compat.v1.saved_model.build_tensor_info, tf.compat.v1.saved_model
        answers = {
            "y": info(tf.tanh(features["x"] * 0.5)),
            "key_bytes": info(features["key"]),
            "number": info(features["number"]),
        }
        signature = saved_model.build_signature_def({"records": info(records)}, answers, "predict")
        builder = saved_model.Builder(str(tmp_path / "model"))
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save()
    folder, report = compiled_untimed(tmp_path / "model", runtimes=("litert",))
    assert report.is_compiled, report.reason
    settings = PredictorSettings(runtime="native")
    native, fast = TfSavedModel.from_path(folder, settings=settings), TfSavedModel.from_path(folder)
    examples = [
        example(x=[0.0, 1.0, 2.0], key=[b"a\x00\xff\x00"], number=[2**31 - 1]),
        example(x=[0.5, 1.5, 2.5], number=[-1]),
    ]
    check_alike(fast.predict(examples), native.predict(examples))
    assert [row["key_bytes"] for row in fast.predict(examples)] == [b"a\x00\xff\x00", b"none"]
    assert not fast.has_loaded_original
    long = [example(x=[0.0, 1.0, 2.0], number=[2**40])]
    check_alike(fast.predict(long), native.predict(long))
