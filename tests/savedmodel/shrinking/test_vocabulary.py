import re
import shutil

import numpy as np
import pytest

from cpr.errors import UsageError
from cpr.savedmodel.protos import MetaGraphDef
from cpr.savedmodel.reader import read_saved_model
from cpr.savedmodel.shrinking import shrink
from cpr.savedmodel.shrinking.vocabulary import prune_vocabularies, words_of

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


# Of the embeddings, and of the ranks that one of them has.
@pytest.mark.parametrize(("pruned", "rows"), [("pruned_modern", 234), ("pruned_old", 117)])
def test_words_of_a_file_go_with_the_rows_of_variables(tf, request, pruned, rows):
    result = request.getfixturevalue(pruned)
    step = of_step(result, "vocabulary")
    assert step.details == (f"words.txt: 117 of 120 words pruned, and {rows} rows of weights",)
    assert (step.is_taken, step.deviation.largest) == (True, 0)
    assert result.loaders == ("tf2", "v1")
    assert (result.output / "assets" / "words.txt").read_text("utf-8").split() == KEPT
    words = [*KEPT, "unheard of", ""]
    was, now = (
        answers(tf, folder, "serving_default", words=words)
        for folder in (result.source, result.output)
    )
    np.testing.assert_allclose(now, was, atol=1e-6)


def test_what_was_pruned_keeps_its_variables_and_can_be_saved_again(tf, pruned_modern, tmp_path):
    model = tf.saved_model.load(str(pruned_modern.output))
    assert (model.embedding.shape, model.ranks.shape) == ((7, 32), (1883,))
    assert model.rank(tf.constant(["word119"]))["rank"].numpy() == [1999 - 119]
    tf.saved_model.save(model, str(tmp_path / "again"), signatures=model.signatures)
    was, now = (
        answers(tf, folder, "serving_default", words=["word7", "unheard of"])
        for folder in (pruned_modern.output, tmp_path / "again")
    )
    assert (was == now).all()


def test_words_that_went_are_unknown_and_the_others_keep_their_numbers(tf, modern, pruned_modern):
    assert (rank(tf, pruned_modern.output, KEPT) == rank(tf, modern, KEPT)).numpy().all()
    (unknown,) = rank(tf, pruned_modern.output, ["word8"]).numpy()
    assert unknown in range(1999 - 123, 1999 - 119)


def test_words_in_the_graph_are_pruned(tf, keras_text, tmp_path):
    words = [f"word{number}" for number in range(20)]
    result = shrink(
        keras_text, tmp_path / "small", weights="float32", keep_words={"table-1": words}
    )
    step = of_step(result, "vocabulary")
    assert step.details == ("table-1: 180 of 200 words pruned, and 180 rows of weights",)
    assert step.saved > 180 * 16 * 4
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


def of_step(result, name):
    return next(step for step in result.steps if step.name == name)


def answers(tf, folder, signature, **inputs):
    function = tf.saved_model.load(str(folder)).signatures[signature]
    given = {name: tf.constant(value) for name, value in inputs.items()}
    (answer,) = function(**given).values()
    return answer.numpy()


def test_rows_of_words_that_went_go_with_them_where_the_graph_is_frozen(tf, modern, tmp_path):
    result = shrink(
        modern, tmp_path / "small", weights="float32", freeze=True, keep_words={"": KEPT}
    )
    step = of_step(result, "vocabulary")
    # Of the embeddings, and of the ranks.
    assert step.details == ("words.txt: 117 of 120 words pruned, and 234 rows of weights",)
    assert result.outcome == "smaller"
    assert step.deviation.largest < 1e-6
    assert (result.output / "assets" / "words.txt").read_text("utf-8").split() == KEPT
    for signature in ("serving_default", "rank"):
        was, now = (
            answers(tf, folder, signature, words=[*KEPT, "unheard of"])
            for folder in (modern, result.output)
        )
        assert np.abs(was - now).max() < 1e-6


def test_rows_of_words_in_the_graph_go_too(tf, keras_text, tmp_path):
    words = [f"word{number}" for number in range(20)]
    result = shrink(
        keras_text, tmp_path / "small", weights="float32", freeze=True, keep_words={"": words}
    )
    step = of_step(result, "vocabulary")
    assert step.details == ("table-1: 180 of 200 words pruned, and 180 rows of weights",)
    assert step.saved > 180 * 16 * 4
    name = "text"
    for text in ("word3 word19", "word0 unheard of", ""):
        was, now = (
            answers(tf, folder, "serving_default", **{name: [[text]]})
            for folder in (keras_text, result.output)
        )
        assert np.abs(was - now).max() < 1e-6
    gone, unheard = (
        answers(tf, result.output, "serving_default", **{name: [[text]]})
        for text in ("word3 word20", "word3 unheard")
    )
    assert (gone == unheard).all()


@pytest.fixture(params=[True, False], ids=["frozen", "not frozen"])
def lookup(request, tf, vocabulary, tmp_path):
    """Exports what a function makes of the numbers of words, and prunes it."""

    def shrunk(make, others=lambda model: {}):
        class Lookup(tf.Module):
            def __init__(self):
                super().__init__()
                self.weight = tf.Variable(tf.random.stateless_normal((121, 32), (1, 2)))
                self.table = tf.lookup.StaticVocabularyTable(
                    tf.lookup.TextFileInitializer(
                        str(vocabulary), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE,
                        tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER,
                    ),
                    1,
                )  # fmt: skip

            @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "words")])
            def __call__(self, words):
                return make(self.weight, self.table.lookup(words))

        model = Lookup()
        signatures = {"serving_default": model.__call__, **others(model)}
        tf.saved_model.save(model, str(tmp_path / "1"), signatures=signatures)
        result = shrink(
            *(tmp_path / "1", tmp_path / "small"),
            weights="float32", freeze=request.param, keep_words={"": ["word5", *KEPT]},
        )  # fmt: skip
        return of_step(result, "vocabulary").details[0], result

    return shrunk


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (
            lambda tf, w, n: {"y": tf.gather(w, n), "n": n},
            "IdentityN reads the numbers of words too|a signature answers them",
        ),
        (
            lambda tf, w, n: {"y": tf.gather(w, n) * tf.cast(n, "float32")[:, None]},
            "Mul reads the numbers of words too",
        ),
        (
            lambda tf, w, n: {"y": tf.gather(w, n + 1 - 1)},
            "reads the numbers of words too",
        ),
        (
            lambda tf, w, n: {"y": tf.matmul(tf.gather(w, n), w, transpose_b=True)},
            "MatMul reads ",
        ),
        (
            lambda tf, w, n: {"y": tf.gather(w, tf.concat([n, [7]], 0))},
            "ConcatV2 reads the numbers of words too",
        ),
        (lambda tf, w, n: {"y": tf.gather(w, tf.where(n > 50, n, 3))}, "mixes other numbers"),
        (lambda tf, w, n: {"y": tf.gather(w, tf.tile(n, n[:1]))}, "Tile reads the numbers"),
    ],
    ids=["answered", "computed with", "shifted", "tied weights", "joined", "compared", "repeated"],
)
def test_rows_stay_where_the_graph_proves_nothing(tf, lookup, make, reason):
    told, result = lookup(lambda weight, numbers: make(tf, weight, numbers))
    assert "words pruned; their rows stay: " in told
    assert re.search(reason, told)
    assert result.outcome == "smaller", result.reason


def test_rows_stay_where_another_signature_chooses_them_by_number(tf, lookup):
    def by_number(model):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.int64, "numbers")])
        def chosen(numbers):
            return {"y": tf.gather(model.weight, numbers % 3)}

        return {"chosen": chosen}

    told, result = lookup(lambda weight, numbers: {"y": tf.gather(weight, numbers)}, by_number)
    assert "words pruned; their rows stay: " in told
    assert re.search("Gather(V2)? reads .* too", told)
    assert result.outcome == "smaller", result.reason


def test_a_function_that_two_signatures_call_is_proven_in_both_places(tf, lookup):
    def again(model):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "words")])
        def doubled(words):
            return {"y": 2 * model(words)["y"]}

        return {"doubled": doubled}

    told, result = lookup(lambda weight, numbers: {"y": tf.gather(weight, numbers)}, again)
    assert told == "words.txt: 116 of 120 words pruned, and 116 rows of weights"
    assert (result.outcome, len(result.asked)) == ("smaller", 2)


def test_an_asset_outside_is_not_pruned(modern, tmp_path):
    shutil.copytree(modern, tmp_path / "1")
    outside = tmp_path / "outside.txt"
    shutil.copy(modern / "assets" / "words.txt", outside)
    before = outside.read_bytes()
    model = read_saved_model(tmp_path / "1")
    model.meta_graphs[0].asset_file_def[0].filename = "../../outside.txt"
    with pytest.raises(UsageError, match="no vocabulary that can be pruned"):
        prune_vocabularies(model.meta_graphs[0], tmp_path / "1", {"": KEPT})
    assert outside.read_bytes() == before


def test_rows_go_where_the_words_of_a_file_are_numbered_from_another_number_on(
    tf, vocabulary, tmp_path
):
    """As Keras does, with numbers for padding and for unknown words before them."""

    class Numbered(tf.Module):
        def __init__(self):
            super().__init__()
            self.weight = tf.Variable(tf.random.stateless_normal((122, 32), (1, 2)))
            lines = tf.lookup.TextFileInitializer(
                str(vocabulary), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER, value_index_offset=2,
            )  # fmt: skip
            self.table = tf.lookup.StaticHashTable(lines, 1)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "words")])
        def __call__(self, words):
            return {"y": tf.gather(self.weight, self.table.lookup(words))}

    tf.saved_model.save(Numbered(), str(tmp_path / "1"))
    result = shrink(
        tmp_path / "1", tmp_path / "small", weights="float32", keep_words={"": ["word1", *KEPT]}
    )
    told = of_step(result, "vocabulary").details
    assert told == ("words.txt: 116 of 120 words pruned, and 116 rows of weights",)
    assert result.outcome == "smaller", result.reason
    words = ["word1", *KEPT, "unheard of"]
    was, now = (
        answers(tf, folder, "serving_default", words=words)
        for folder in (tmp_path / "1", result.output)
    )
    assert (was == now).all()


def test_a_table_whose_numbers_are_not_spelled_out_is_no_vocabulary(tmp_path):
    graph = MetaGraphDef()
    graph.graph_def.node.add(name="fill", op="LookupTableImportV2", input=["table", "w", "n"])
    for name, dtype in (("w", 7), ("n", 9)):
        node = graph.graph_def.node.add(name=name, op="Const")
        node.attr["dtype"].type = node.attr["value"].tensor.dtype = dtype
        node.attr["value"].tensor.tensor_shape.dim.add(size=70_000)
    graph.graph_def.node[1].attr["value"].tensor.string_val.append(b"a")
    graph.graph_def.node[2].attr["value"].tensor.int64_val.append(1)
    with pytest.raises(UsageError, match="has no vocabulary that can be pruned"):
        prune_vocabularies(graph, tmp_path, {"": KEPT})
