"""Signatures that take serialized examples; warm-up requests; preprocessing; more graphs."""

import numpy as np
import pytest

from cpr.errors import PredictionFailed, UsageError
from cpr.predictors.tf_saved_model import TfSavedModel
from cpr.savedmodel import Head, export, meta_graph, protos, reader
from cpr.savedmodel.exporting.receivers import encode_examples, feature_spec


@pytest.fixture
def offers(two_heads, tf):
    return two_heads, {
        "age": tf.io.FixedLenFeature([1], tf.float32),
        "code": tf.io.FixedLenFeature([], tf.int64),
    }


ROWS = {"age": np.array([[3.0], [40.0]], np.float32), "code": np.array([1, 0])}


def ask(folder, instances, **parameters):
    predictor = TfSavedModel.from_path(folder)
    try:
        return predictor.predict(instances, **parameters)
    finally:
        predictor.close()


def test_examples_are_answered_as_their_features(tf, offers, tmp_path):
    model, spec = offers
    exported = export(model, tmp_path, examples=spec)
    [signature] = exported.signatures
    assert signature.inputs == {"examples": "string [any]"}
    assert signature.proof.deviation == 0.0
    got = ask(exported.path, encode_examples(tf, ROWS).tolist())
    wanted = model({name: tf.constant(array) for name, array in ROWS.items()})
    np.testing.assert_allclose([row["price"] for row in got], wanted["price"], rtol=1e-5)


def test_raw_and_parsing_signatures_stand_side_by_side(tf, offers, tmp_path):
    model, spec = offers
    heads = {
        "serving_default": Head(),
        "classification": Head(
            outputs={"scores": "risk"}, method="classify", examples=spec, labels=["low", "high"]
        ),
        "regression": Head(outputs={"outputs": "price"}, method="regress", examples=spec),
    }
    exported = export(model, tmp_path, signatures=heads)
    found = meta_graph.signatures(reader.read_saved_model(exported.path).meta_graphs[0])
    assert [(s.method_name.rpartition("/")[2], list(s.inputs)) for s in found.values()] == [
        ("classify", ["inputs"]),
        ("regress", ["inputs"]),
        ("predict", ["age", "code"]),
    ]
    examples = encode_examples(tf, ROWS).tolist()
    rows = ask(exported.path, examples, signature_name="classification")
    assert rows[0]["classes"] == ["low", "high"]
    assert np.shape([row["scores"] for row in rows]) == (2, 2)


def test_sparse_and_ragged_features_become_dense(tf, tmp_path):
    def count(words, sizes):
        said = tf.cast(words != "", tf.int32)
        return {"words": tf.reduce_sum(said, 1), "total": tf.reduce_sum(sizes, 1)}

    exported = export(
        count,
        tmp_path,
        inputs={
            "words": tf.TensorSpec([None, None], tf.string),
            "sizes": tf.TensorSpec([None, None], tf.float32),
        },
        examples={
            "words": tf.io.VarLenFeature(tf.string),
            "sizes": tf.io.RaggedFeature(tf.float32),
        },
    )
    feature = tf.train.Feature
    some = tf.train.Example(
        features=tf.train.Features(
            feature={
                "words": feature(bytes_list=tf.train.BytesList(value=[b"a", b"b"])),
                "sizes": feature(float_list=tf.train.FloatList(value=[1.0, 2.0, 4.0])),
            }
        )
    ).SerializeToString()
    nothing = tf.train.Example().SerializeToString()
    assert ask(exported.path, [some, nothing]) == [
        {"words": 2, "total": 7.0},
        {"words": 0, "total": 0.0},
    ]


@pytest.mark.parametrize(
    ("changed", "message", "hint"),
    [
        ({"ages": "age"}, "the feature spec lacks 'age'", "ages"),
        ({"age": "age", "label": "age"}, "has 'label', which the model does not take", "labels"),
    ],
    ids=["a feature is missing", "a label is there"],
)
def test_the_feature_spec_is_that_of_the_inputs(offers, tmp_path, changed, message, hint):
    model, spec = offers
    wrong = {new: spec[old] for new, old in changed.items()} | {"code": spec["code"]}
    with pytest.raises(UsageError, match=message) as raised:
        export(model, tmp_path, examples=wrong)
    assert hint in raised.value.hint


def test_a_feature_spec_is_read_from_json(tf):
    document = {
        "age": {"type": "float32", "shape": [1], "default": [0.0]},
        "words": {"type": "string", "kind": "sparse"},
        "sizes": {"type": "int64", "kind": "ragged"},
    }
    assert feature_spec(tf, document, "spec.json") == {
        "age": tf.io.FixedLenFeature([1], tf.float32, [0.0]),
        "words": tf.io.VarLenFeature(tf.string),
        "sizes": tf.io.RaggedFeature(tf.int64),
    }


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], r"spec.json is not a feature spec: \[\]"),
        ({"age": {"type": "float64"}}, "the feature 'age' is"),
        ({"age": {"type": "int64", "size": 2}}, "the feature 'age' is"),
        ({"age": {"type": "int64", "kind": "varlen"}}, "has the kind 'varlen'"),
    ],
    ids=["a list", "another type", "an unknown key", "an unknown kind"],
)
def test_a_wrong_feature_spec_is_refused(tf, document, message):
    with pytest.raises(UsageError, match=message):
        feature_spec(tf, document, "spec.json")


def read_logs(tf, folder):
    path = folder / "assets.extra" / "tf_serving_warmup_requests"
    records = tf.data.TFRecordDataset(str(path))
    return [protos.PredictionLog.FromString(record.numpy()) for record in records]


def test_warm_up_requests_are_what_tensorflow_serving_replays(tf, offers, tmp_path):
    model, spec = offers
    heads = {
        "serving_default": Head(),
        "regression": Head(outputs={"outputs": "price"}, method="regress", examples=spec),
    }
    examples = encode_examples(tf, ROWS).tolist()
    requests = [
        {"instances": [{"age": [3.0], "code": 1}]},
        {"instances": examples, "signature_name": "regression"},
    ]
    exported = export(model, tmp_path, signatures=heads, warmup=requests)
    first, second = read_logs(tf, exported.path)
    request = first.predict_log.request
    assert request.model_spec.signature_name == "serving_default"
    proto = tf.make_tensor_proto([[3.0]])
    assert request.inputs["age"].SerializeToString() == proto.SerializeToString()
    batch = second.regress_log.request.input.example_list.examples
    assert [example.SerializeToString() for example in batch] == [
        protos.Example.FromString(item).SerializeToString() for item in examples
    ]
    wrong = {"instances": [b"\xff"], "signature_name": "regression"}
    with pytest.raises(UsageError, match=r"the instance b'\\xff', which is no serialized"):
        export(model, tmp_path, signatures=heads, warmup=[wrong])


@pytest.mark.parametrize(
    ("requests", "message"),
    [
        ([[1, 2]], r"warm-up request 1 is \[1, 2\]"),
        ([{"instances": []}], "warm-up request 1 is"),
        ([{"instances": [1], "signature_name": "no"}], "names the signature 'no'"),
        ([{"instances": [{"age": [1.0]}]}], "Input code was missing"),
        ([{"instances": [1]}] * 1001, "there are 1001 warm-up requests"),
    ],
    ids=["no request", "no instances", "no such signature", "a missing input", "too many"],
)
def test_a_warm_up_request_that_does_not_fit_is_refused(two_heads, tmp_path, requests, message):
    with pytest.raises(UsageError, match=message):
        export(two_heads, tmp_path, warmup=requests)
    assert not list(tmp_path.iterdir())


def test_a_warm_up_request_must_be_answered(tf, tmp_path):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
    def pick(place):
        return tf.gather(tf.constant([1.0, 2.0]), place)

    request = {"instances": [7]}
    with pytest.raises(PredictionFailed, match="a warm-up request of signature"):
        export(pick, tmp_path, warmup=[request])
    assert not list(tmp_path.iterdir())


def test_functions_before_and_after_become_part_of_the_graph(tf, mlp, tmp_path):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def parse(line):
        fields = tf.io.decode_csv(line, [[0.0]] * 4)
        return tf.stack(fields, axis=1)

    def name(scores):
        return {"species": tf.gather(["a", "b", "c"], tf.argmax(scores, 1))}

    exported = export(mlp, tmp_path, preprocess=parse, postprocess=name)
    [signature] = exported.signatures
    assert (signature.inputs, signature.outputs) == (
        {"line": "string [any]"},
        {"species": "string [any]"},
    )
    [species] = ask(exported.path, ["5.1,3.5,1.4,0.2"])
    best = np.argmax(mlp(np.array([[5.1, 3.5, 1.4, 0.2]]), training=False))
    assert species == "abc"[int(best)]


def test_preprocessing_may_own_a_vocabulary(tf, words, keras, tmp_path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])

    def look_up(word):
        return tf.cast(words.table.lookup(word)[:, None], tf.float32)

    exported = export(
        model, tmp_path, preprocess=look_up, inputs={"word": tf.TensorSpec([None], tf.string)}
    )
    assert (exported.path / "assets" / "words.txt").is_file()
    assert exported.notes == ()


def test_preprocessing_must_return_what_the_model_takes(tf, two_heads, tmp_path):
    def wrong(age):
        return {"age": age}

    with pytest.raises(UsageError, match="returned the keys 'age'; the model takes 'age', 'code'"):
        export(
            two_heads,
            tmp_path,
            preprocess=wrong,
            inputs={"age": tf.TensorSpec([None, 1], tf.float32)},
        )


def test_graphs_for_other_devices_share_the_variables(tf, words, tmp_path):
    exported = export(
        words,
        tmp_path,
        signatures={"serving_default": "serve"},
        more_graphs={("serve", "gpu"): {"serving_default": "number"}},
    )
    tags = [s.proof.tags for s in exported.signatures]
    assert tags == [("serve",), ("serve", "gpu")]
    for own, outputs in (["serve"], {"score"}), (["serve", "gpu"], {"output_0"}):
        loaded = tf.saved_model.load(str(exported.path), tags=own)
        assert set(loaded.signatures["serving_default"].structured_outputs) == outputs
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            tf.compat.v1.saved_model.load(session, own, str(exported.path))


def test_files_travel_along(mlp, tmp_path):
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    (tmp_path / "card.md").write_text("about\n")
    files = {"assets": [tmp_path / "labels.txt"], "extra_files": [tmp_path / "card.md"]}
    exported = export(mlp, tmp_path / "out", **files)
    assert (exported.path / "assets" / "labels.txt").read_text() == "a\nb\nc\n"
    assert (exported.path / "assets.extra" / "card.md").read_text() == "about\n"
    with pytest.raises(UsageError, match="gone is not a file"):
        export(mlp, tmp_path / "out", assets=["gone"])


def test_samples_are_what_is_compared_on(tf, words, tmp_path):
    exported = export(words, tmp_path, samples={"serve": ["good"], "number": ["bad", "no", "good"]})
    seen = {s.name: s.proof.instances for s in exported.signatures}
    assert seen == {"serving_default": 9, "serve": 1, "number": 4}
    with pytest.raises(UsageError, match="samples of 'serving_default'"):
        export(words, tmp_path, samples=[3])


def test_samples_that_the_source_refuses_are_not_passed_over(tf, tmp_path):
    def pick(place):
        return tf.gather(tf.constant([1.0, 2.0]), place)

    inputs = {"place": tf.TensorSpec([None], tf.int32)}
    with pytest.raises(UsageError, match="'serving_default': the source refuses the samples"):
        export(pick, tmp_path, inputs=inputs, samples=[7])
    assert export(pick, tmp_path, inputs=inputs).signatures[0].proof.deviation == 0.0
