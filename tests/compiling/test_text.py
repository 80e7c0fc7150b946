"""Signatures of texts: words are looked up here, as TensorFlow does, the rest is compiled."""

import base64
import json
import subprocess
import sys

import numpy as np
import pytest

from cpr.config import PredictorSettings
from cpr.predictors.tf_saved_model import TfSavedModel

WORDS = ["good", "bad", "film", "the", "zürich", "x1", "don t", "it"]
PUNCTUATION = r"""[!"#$%&()\*\+,-\./:;<=>?@\[\\\]^_`{|}~\']"""
FRESH = """
import json, sys
import cpr
from cpr.messages import Call

body = sys.stdin.buffer.read()
with cpr.open_routine(None, sys.argv[1]) as routine:
    reply = routine.answer([Call(body)])[0]
print(json.dumps([reply.status, json.loads(reply.body), "tensorflow" in sys.modules]))
"""


@pytest.fixture(scope="module")
def table(tf):
    numbers = np.arange(2, 2 + len(WORDS), dtype=np.int64)
    pairs = tf.lookup.KeyValueTensorInitializer(tf.constant(WORDS), tf.constant(numbers))
    return tf.lookup.StaticHashTable(pairs, 1)


@pytest.fixture(scope="module")
def save(tf, saved_module, table):
    """Saves a network behind what makes numbers of a batch of texts."""
    generator = np.random.default_rng(0)
    module = tf.Module()
    module.table = table
    module.rows = tf.Variable(generator.normal(size=(10, 32)).astype(np.float32))
    module.out = tf.Variable(generator.normal(size=(32, 3)).astype(np.float32))

    def make(numbers_of, shape=(None,), dtype="string"):
        def score(x):
            embedded = tf.gather(module.rows, numbers_of(tf, table, x))
            return {"y": tf.nn.softmax(tf.reduce_mean(embedded, 1) @ module.out)}

        signature = tf.function(score).get_concrete_function(tf.TensorSpec(shape, dtype, "x"))
        return saved_module(module, {"serving_default": signature})

    return make


def vectorized(tf, table, texts):
    """As Keras's TextVectorization does."""
    texts = tf.strings.regex_replace(tf.strings.lower(texts), PUNCTUATION, "")
    return table.lookup(tf.strings.split(texts)).to_tensor(shape=[None, 6])


def to_the_longest(tf, table, texts):
    return table.lookup(tf.strings.split(texts)).to_tensor(7)


def looked_up(tf, table, texts):
    return table.lookup(texts)


def texts_of(seed, count):
    """Texts of all that lower case, punctuation and white space may be thought to be."""
    generator = np.random.default_rng(seed)
    parts = [*WORDS, *(word.title() for word in WORDS), *" \t\n\r\x0b\x0c\x1c\x85\u00a0\u2028"]
    parts += [*"!?.,'-_()[]\\/~`^@#", " ", "  ", "İ", "ß", "Ä", "K", "\x00", "🙂", "", "no "]
    lengths = generator.integers(0, 12, count)
    return ["".join(generator.choice(parts, length)) for length in lengths]


@pytest.fixture(scope="module")
def of_words(save, compiled):
    folder, report = compiled(save(vectorized))
    assert report.is_compiled, report.reason
    return folder


def both(folder):
    settings = PredictorSettings(runtime="native")
    return TfSavedModel.from_path(folder, settings=settings), TfSavedModel.from_path(folder)


@pytest.mark.parametrize("count", [1, 7, 300])
def test_reads_texts_as_tensorflow_does(of_words, count):
    native, fast = both(of_words)
    texts = texts_of(count, count)
    np.testing.assert_allclose(fast.predict(texts), native.predict(texts), rtol=1e-4, atol=1e-5)
    assert not fast.has_loaded_original


def test_reads_bytes_that_are_no_text_as_tensorflow_does(of_words):
    native, fast = both(of_words)
    generator = np.random.default_rng(5)
    texts = [generator.bytes(length) + b" Good Film!" for length in range(40)]
    np.testing.assert_allclose(fast.predict(texts), native.predict(texts), rtol=1e-4, atol=1e-5)


def test_needs_no_tensorflow_to_read_texts(of_words):
    texts = ["A good film.", {"b64": base64.b64encode(b"bad, bad \xff").decode()}]
    done = subprocess.run(
        [sys.executable, "-c", FRESH, str(of_words)],
        input=json.dumps({"instances": texts}).encode(),
        capture_output=True,
        check=True,
    )
    status, body, has_tensorflow = json.loads(done.stdout)
    assert (status, has_tensorflow) == (200, False), body
    expected = both(of_words)[0].predict(["A good film.", b"bad, bad \xff"])
    np.testing.assert_allclose(body["predictions"], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("numbers_of", "shape", "texts"),
    [
        (to_the_longest, (None,), ["the good", "x1", "a b c d e f g h the"]),
        (looked_up, (None, 2), [["good", "BAD"], ["", "zürich"]]),
    ],
    ids=["rows as long as the longest", "words"],
)
def test_rows_may_be_of_other_kinds(save, compiled, numbers_of, shape, texts):
    folder, report = compiled(save(numbers_of, shape))
    assert report.is_compiled, report.reason
    native, fast = both(folder)
    np.testing.assert_allclose(fast.predict(texts), native.predict(texts), rtol=1e-4, atol=1e-5)


def test_equal_texts_are_written_once(tf, saved_module, table, compiled_untimed):
    module = tf.Module()
    module.table = table
    module.rows = tf.Variable(np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32))

    def score(texts):
        return tf.reduce_mean(tf.gather(module.rows, vectorized(tf, table, texts)), 1)

    def signature(function):
        return tf.function(function).get_concrete_function(tf.TensorSpec([None], tf.string, "x"))

    folder, report = compiled_untimed(
        saved_module(
            module,
            {
                "serving_default": signature(lambda x: {"y": score(x)}),
                "again": signature(lambda x: {"y": score(x)}),
                "other": signature(lambda x: {"y": tf.tanh(score(x))}),
            },
        ),
        runtimes=("litert",),
    )
    assert len(report.chosen.answered) == 3
    entries = json.loads((folder / "compiled" / "compiled.json").read_text())["model"]["signatures"]
    files = [entries[name]["file"] for name in ("serving_default", "again", "other")]
    assert files[0] == files[1] != files[2]
    (words,) = {entry["readers"]["x"]["file"] for entry in entries.values()}
    made = {path.name for path in (folder / "compiled").iterdir()}
    assert made == {"compiled.json", words, *files}


def test_a_keras_file_of_texts_is_compiled_too(tf, tmp_path, compiled):
    keras = pytest.importorskip("keras", reason="needs the extra cpr[tensorflow]")
    reader = keras.layers.TextVectorization(output_sequence_length=5, vocabulary=WORDS)
    text = keras.Input((), dtype="string", name="review")
    x = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(20, 16)(reader(text)))
    keras.Model(text, keras.layers.Dense(2)(x)).save(tmp_path / "model.keras")
    folder, report = compiled(tmp_path)
    assert report.is_compiled, report.reason
    from cpr.predictors.keras_model import KerasModel

    answers = [
        KerasModel.from_path(folder, settings=PredictorSettings(runtime=runtime)).predict(
            ["A GOOD film", {"review": "the x1"}["review"]]
        )
        for runtime in ("native", "auto")
    ]
    np.testing.assert_allclose(*answers, rtol=1e-4, atol=1e-5)


def test_texts_that_are_only_passed_on_keep_the_zeros_at_their_ends(
    tf, saved_module, compiled_untimed
):
    def call(key, x):
        return {"key_bytes": tf.identity(key), "y": tf.tanh(x)}

    signature = tf.function(call).get_concrete_function(
        tf.TensorSpec([None], tf.string, "key"), tf.TensorSpec([None, 2], tf.float32, "x")
    )
    folder, report = compiled_untimed(
        saved_module(tf.Module(), {"serving_default": signature}), runtimes=("litert",)
    )
    assert report.is_compiled, report.reason
    keys = [b"a\x00b\x00\x00", b"\x00", b"", b"\xff"]
    instances = [{"key": key, "x": [0.0, 1.0]} for key in keys]
    for predictor in both(folder):
        assert [row["key_bytes"] for row in predictor.predict(instances)] == keys
        assert not predictor.has_loaded_original


DECLINED = {
    "lower case of all scripts": (
        lambda tf, table, x: vectorized(tf, table, tf.strings.lower(x, "utf-8")),
        "its StringLower is not that of Keras's TextVectorization",
    ),
    "another pattern": (
        lambda tf, table, x: vectorized(tf, table, tf.strings.regex_replace(x, "[0-9]+", "#")),
        "its StaticRegexReplace is not that of Keras's TextVectorization",
    ),
    "another separator": (
        lambda tf, table, x: table.lookup(tf.strings.split(x, ",")).to_tensor(shape=[None, 4]),
        "it splits texts at something else than white space",
    ),
    "pairs of words": (
        lambda tf, table, x: table.lookup(tf.strings.ngrams(tf.strings.split(x), 2)).to_tensor(
            shape=[None, 4]
        ),
        "it looks up what ",
    ),
    "hashed words": (
        lambda tf, table, x: tf.strings.to_hash_bucket_fast(x, 10)[:, None],
        "it works on text in more ways than to look words up, of which no other runtime knows "
        "enough: StringToHashBucketFast; export a signature beside it",
    ),
    "the length of a text beside": (
        lambda tf, table, x: (
            table.lookup(x)[:, None] * 0 + tf.cast(tf.strings.length(x) % 10, tf.int64)[:, None]
        ),
        "beside looking words up it works on text: StringLength",
    ),
}


@pytest.mark.parametrize(("numbers_of", "said"), DECLINED.values(), ids=DECLINED)
def test_declines_what_is_no_looking_up_of_words(save, compiled, numbers_of, said):
    _, report = compiled(save(numbers_of), runtimes=("onnx",))
    assert report.reason.startswith(f"onnx: serving_default: {said}")
