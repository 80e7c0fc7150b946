import pytest

from cpr.errors import UsageError
from cpr.savedmodel.shrinking import shrink
from cpr.savedmodel.shrinking.vocabulary import words_of

KEPT = ["word0", "word7", "word119"]


def test_words_end_where_tensorflow_ends_them():
    content = "a\u2028b\nc\x0cd\x85e\r\n\nf".encode()
    assert words_of(content) == ["a\u2028b", "c\x0cd\x85e", "", "f"]
    assert words_of(b"g\n") == ["g"]


@pytest.fixture(scope="module")
def keras_text(tf, tmp_path_factory):
    """A model of Keras 3 with words in the graph itself."""
    keras = tf.keras
    keras.utils.set_random_seed(4)
    vectorize = keras.layers.TextVectorization(
        output_sequence_length=4, vocabulary=[f"word{number}" for number in range(200)]
    )
    text = keras.Input((1,), dtype="string", name="text")
    x = keras.layers.Embedding(202, 16)(vectorize(text))
    model = keras.Model(text, keras.layers.Dense(3)(keras.layers.Flatten()(x)))
    folder = tmp_path_factory.mktemp("text") / "1"
    model.export(folder, verbose=False)
    return folder


@pytest.fixture(scope="module")
def pruned_modern(modern, tmp_path_factory):
    target = tmp_path_factory.mktemp("pruned") / "modern"
    return shrink(modern, target, weights="float32", keep_words={"words.txt": KEPT})


@pytest.fixture(scope="module")
def pruned_old(old, tmp_path_factory):
    target = tmp_path_factory.mktemp("pruned") / "old"
    return shrink(old, target, weights="float32", keep_words={"": KEPT})


def rank(tf, folder, words):
    return tf.saved_model.load(str(folder)).signatures["rank"](words=tf.constant(words))["rank"]


@pytest.mark.parametrize("pruned", ["pruned_modern", "pruned_old"])
def test_a_file_of_words_is_pruned(request, pruned):
    result = request.getfixturevalue(pruned)
    (step,) = (step for step in result.steps if step.name == "vocabulary")
    assert step.is_taken
    assert "words.txt: 117 of 120 words pruned" in step.details
    assert step.deviation.largest == 0
    lines = (result.output / "assets" / "words.txt").read_bytes().splitlines()
    assert [number for number, line in enumerate(lines) if line.startswith(b"word")] == [0, 7, 119]
    assert len(set(lines)) == 120


def test_words_that_went_are_unknown_and_the_others_keep_their_numbers(tf, modern, pruned_modern):
    assert (rank(tf, pruned_modern.output, KEPT) == rank(tf, modern, KEPT)).numpy().all()
    (unknown,) = rank(tf, pruned_modern.output, ["word8"]).numpy()
    assert unknown in range(1999 - 123, 1999 - 119)


def test_words_in_the_graph_are_pruned(tf, keras_text, tmp_path):
    words = [f"word{number}" for number in range(20)]
    result = shrink(
        keras_text, tmp_path / "small", weights="float32", keep_words={"table-1": words}
    )
    (step,) = (step for step in result.steps if step.name == "vocabulary")
    assert step.details == ("table-1: 180 of 200 words pruned",)
    assert step.saved > 180 * 8
    before, after = (
        tf.saved_model.load(str(folder)).signatures["serving_default"]
        for folder in (keras_text, tmp_path / "small")
    )
    kept, gone = tf.constant([["word3 word19"]]), tf.constant([["word3 word20"]])
    unknown = tf.constant([["word3 unheard"]])
    assert (after(text=kept)["output_0"] == before(text=kept)["output_0"]).numpy().all()
    assert (after(text=gone)["output_0"] == before(text=unknown)["output_0"]).numpy().all()


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        ({"word.txt": KEPT}, "no vocabulary 'word.txt'; it has words.txt"),
        ({"table-9": KEPT}, "no vocabulary 'table-9'"),
    ],
)
def test_a_vocabulary_that_is_not_there_is_named(modern, tmp_path, keep, message):
    with pytest.raises(UsageError, match=message):
        shrink(modern, tmp_path / "small", keep_words=keep)


def test_words_for_a_model_without_a_vocabulary_are_refused(keras_cnn, tmp_path):
    with pytest.raises(UsageError, match="has no vocabulary that can be pruned"):
        shrink(keras_cnn, tmp_path / "small", keep_words={"": KEPT})
