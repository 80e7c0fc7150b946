"""Every kind of TF1 source becomes a TF2 SavedModel that answers the same, and only that."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from cpr.errors import LoadError, UsageError
from cpr.savedmodel import export
from cpr.savedmodel.fresh import Run, run_fresh, run_here
from cpr.savedmodel.layout import DEFAULT_SIGNATURE
from cpr.savedmodel.reader import read_saved_model, write_saved_model


def serving_graph(tf):
    """The graph to serve of what `trained` trained: its layers, nothing of its training."""
    v1 = tf.compat.v1
    x = v1.placeholder("float32", [None, 3], "x")
    w = v1.get_variable("layer/w", [3, 1])
    return {"x": x}, {"y": v1.matmul(x, w) + v1.get_variable("layer/b", [1])}


@pytest.fixture(scope="session")
def frozen(tf, trained, tmp_path_factory):
    """The trained model as a frozen graph: its variables are constants."""
    folder = tmp_path_factory.mktemp("frozen")
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph, v1.Session() as session:
        v1.train.import_meta_graph(f"{trained.path}.meta").restore(session, str(trained.path))
        with v1.device("/GPU:7"):
            definition = v1.graph_util.convert_variables_to_constants(
                session, graph.as_graph_def(), ["y"]
            )
    for node in definition.node:
        node.device = "/job:ps/task:3"
    tf.io.write_graph(definition, str(folder), "graph.pb", as_text=False)
    tf.io.write_graph(definition, str(folder), "graph.pbtxt")
    return folder


def answers(tf, folder, feeds, signature=DEFAULT_SIGNATURE, *, run=run_here):
    """What TensorFlow's own two loaders answer; `run_fresh` knows nothing of the export."""
    arrays = {name: np.asarray(value) for name, value in feeds.items()}
    [fresh] = run(folder, [Run(signature, arrays)])
    assert not fresh.error
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        proto = v1.saved_model.load(session, ["serve"], str(folder)).signature_def[signature]
        old = session.run(
            {name: info.name for name, info in proto.outputs.items()},
            {proto.inputs[name].name: value for name, value in feeds.items()},
        )
    assert set(old) == set(fresh.outputs)
    for name, value in old.items():
        assert np.array_equal(value, fresh.outputs[name])
    return fresh.outputs


def test_a_checkpoint_with_the_function_that_builds_its_serving_graph(tf, trained, tmp_path):
    done = export(trained.path, tmp_path / "out", build=lambda: serving_graph(tf))
    assert done.path == tmp_path / "out" / "1"
    got = answers(tf, done.path, trained.feeds)
    assert np.allclose(got["y"], trained.answer["y"], atol=1e-6)


def test_a_directory_of_checkpoints_is_the_latest_one(tf, trained, tmp_path):
    done = export(trained.path.parent, tmp_path / "out", build=lambda: serving_graph(tf))
    assert np.allclose(answers(tf, done.path, trained.feeds)["y"], trained.answer["y"], atol=1e-6)


def test_neither_slots_nor_the_optimizer_come_along(tf, trained, tmp_path):
    done = export(trained.path.with_name("model.ckpt-3.meta"), tmp_path / "out",
                  inputs={"x": "x:0"}, outputs={"y": "y:0"})  # fmt: skip
    kept = {name for name, _ in tf.train.list_variables(str(done.path / "variables/variables"))}
    kept = {name for name in kept if not name.startswith("_CHECKPOINTABLE")}
    trained_names = {name for name, _ in tf.train.list_variables(str(trained.path))}
    assert len(trained_names) == 8  # two variables, two slots of each, two powers
    assert len(kept) == 2
    ops = {n.op for g in read_saved_model(done.path).meta_graphs for n in all_nodes(g)}
    assert not {op for op in ops if op.startswith(("Apply", "ResourceApply"))}
    assert not ops & {"VariableV2", "Assign"}


def all_nodes(graph):
    yield from graph.graph_def.node
    for function in graph.graph_def.library.function:
        yield from function.node_def


def test_a_metagraph_with_its_checkpoint(tf, trained, tmp_path):
    source = trained.path.with_name("model.ckpt-3.meta")
    done = export(source, tmp_path / "out", inputs={"x": "x:0"}, outputs={"y": "y"})
    assert np.array_equal(answers(tf, done.path, trained.feeds)["y"], trained.answer["y"])


@pytest.mark.parametrize("name", ["graph.pb", "graph.pbtxt"])
def test_a_frozen_graph(tf, trained, frozen, tmp_path, name):
    done = export(frozen / name, tmp_path / "out")
    assert np.array_equal(answers(tf, done.path, trained.feeds)["y"], trained.answer["y"])


def test_an_estimators_directory_is_the_newest_export_in_it(tf, tf1_two_graphs, trained, tmp_path):
    folder = tmp_path / "model_dir"
    shutil.copytree(trained.path.parent, folder)
    shutil.copytree(tf1_two_graphs, folder / "export/best/10")
    (folder / "export/best/9").mkdir()
    (folder / "export/best/9/saved_model.pb").write_bytes(b"older")
    done = export(folder, tmp_path / "out", source_tags=["serve"])
    shutil.rmtree(folder)
    got = answers(tf, done.path, {"colour": [b"green", b"?"]})["scores"]
    assert got.tolist() == [[0.5, 0.25], [0.5, 0.25]]
    assert [path.name for path in (done.path / "assets").iterdir()] == ["colours.txt"]


def test_of_exports_in_several_places_none_is_guessed(tf, tf1_two_graphs, trained, tmp_path):
    folder = tmp_path / "model_dir"
    shutil.copytree(trained.path.parent, folder)
    for place in ("export/best/10", "export/latest/11"):
        shutil.copytree(tf1_two_graphs, folder / place)
    with pytest.raises(UsageError, match="has exports in 2 places: export/best/10, export/latest"):
        export(folder, tmp_path / "out", source_tags=["serve"])


def test_the_vocabulary_moves_with_the_export(tf, tmp_path):
    vocabulary = tmp_path / "words.txt"
    vocabulary.write_text("red\ngreen\n", encoding="utf-8")
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        lines = tf.lookup.TextFileInitializer(
            str(vocabulary),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        word = v1.placeholder("string", [None], "word")
        number = tf.lookup.StaticHashTable(lines, -1).lookup(word)
        session.run(v1.tables_initializer())
        v1.saved_model.simple_save(
            session,
            str(tmp_path / "old"),
            {"word": word},
            {"number": number},
            legacy_init_op=v1.tables_initializer(),
        )
    done = export(tmp_path / "old", tmp_path / "out")
    shutil.rmtree(tmp_path / "old")
    vocabulary.unlink()
    moved = done.path.rename(tmp_path / "moved")
    assert answers(tf, moved, {"word": [b"green", b"blue"]}, run=run_fresh)["number"].tolist() == [
        1,
        -1,
    ]


def test_signatures_keep_their_methods(tf1_two_graphs, tmp_path):
    done = export(tf1_two_graphs, tmp_path / "out", source_tags=["serve"])
    [graph] = read_saved_model(done.path).meta_graphs
    names = {name: proto.method_name for name, proto in graph.signature_def.items()}
    assert names["classify"] == "tensorflow/serving/classify"
    assert names["regress"] == "tensorflow/serving/regress"
    assert names[DEFAULT_SIGNATURE] == "tensorflow/serving/predict"


def test_serialized_examples_are_made_up_for_what_the_graph_parses(tf1_two_graphs, tmp_path):
    done = export(tf1_two_graphs, tmp_path / "out", source_tags=["serve"])
    assert {item.name: item.proof.deviation for item in done.signatures} == {
        DEFAULT_SIGNATURE: 0.0,
        "classify": 0.0,
        "regress": 0.0,
    }


@pytest.mark.parametrize(
    ("change", "problem", "hint"),
    [
        (
            {"build": None},
            "holds checkpoints (model.ckpt-3), but no SavedModel",
            "Needed is the function that builds the serving graph",
        ),
        (
            {"build": lambda v1: v1.get_variable("layer/w", [2, 1])},
            "has 'layer/w' of shape [3, 1], but the graph's variable has [2, 1].",
            "Build the graph with the sizes that were trained.",
        ),
        (
            {"build": lambda v1: v1.get_variable("layr/w", [3, 1])},
            "has no value for the variable 'layr/w'; it has beta1_power",
            "Did you mean 'layer/w'?",
        ),
    ],
    ids=["bare", "shape", "name"],
)
def test_a_checkpoint_alone_says_what_is_needed(tf, trained, tmp_path, change, problem, hint):
    build = change["build"]

    def built():
        x = tf.compat.v1.placeholder("float32", [None, 3], "x")
        return {"x": x}, {"y": x + tf.reduce_sum(build(tf.compat.v1))}

    source = trained.path.parent if build is None else trained.path
    with pytest.raises(LoadError) as raised:
        export(source, tmp_path / "out", build=built if build else None)
    assert problem in raised.value.problem
    assert hint in raised.value.hint
    assert not list(tmp_path.glob("out/*"))


def test_a_graph_with_several_candidates_asks_for_names(trained, tmp_path):
    with pytest.raises(UsageError) as raised:
        export(trained.path.with_name("model.ckpt-3.meta"), tmp_path / "out")
    assert "say which tensors are the outputs; there are" in raised.value.problem
    # The trained graph's own prediction comes before the loss, and what trains is not offered.
    assert "candidates: y, " in raised.value.problem
    assert not re.search("gradients/|Assign|Apply", raised.value.problem)
    assert raised.value.hint == "outputs={'output': 'y:0'}, or --output output=y:0"


def test_a_tensor_that_is_not_there_is_named_with_one_that_is(frozen, tmp_path):
    with pytest.raises(LoadError) as raised:
        export(frozen / "graph.pb", tmp_path / "out", inputs={"x": "x"}, outputs={"y": "yy:0"})
    assert "names the tensor 'yy:0', which is not in the graph" in raised.value.problem
    assert raised.value.hint == "Did you mean 'y'?"


def test_an_input_that_is_forgotten_is_named(tf, tmp_path):
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph:
        a, b = v1.placeholder("float32", [None], "a"), v1.placeholder("float32", [None], "b")
        tf.add(a, b, name="sum")
        tf.io.write_graph(graph.as_graph_def(), str(tmp_path), "g.pb", as_text=False)
    with pytest.raises(LoadError) as raised:
        export(tmp_path / "g.pb", tmp_path / "out", inputs={"a": "a:0"}, outputs={"sum": "sum:0"})
    assert "needs the placeholder 'b', which is none of its inputs" in raised.value.problem
    assert raised.value.hint == "Make 'b:0' an input, or choose other outputs."


def test_a_graph_that_reads_training_data_says_from_where(tf, tmp_path):
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph:
        x = v1.placeholder("float32", [None], "x")
        batch = v1.data.make_one_shot_iterator(tf.data.Dataset.range(3)).get_next()
        tf.add(x, tf.cast(batch, tf.float32), name="sum")
        tf.io.write_graph(graph.as_graph_def(), str(tmp_path), "g.pb", as_text=False)
    with pytest.raises(LoadError) as raised:
        export(tmp_path / "g.pb", tmp_path / "out", inputs={"x": "x:0"}, outputs={"sum": "sum:0"})
    assert "reads training data, from 'OneShotIterator'" in raised.value.problem
    assert "the inputs of the signature" in raised.value.hint


@pytest.mark.parametrize("content", [b"\x00\xff garbage", b""], ids=["garbage", "empty"])
def test_a_damaged_graph_is_named(tmp_path, content):
    (tmp_path / "g.pb").write_bytes(content)
    with pytest.raises(LoadError, match="is not a GraphDef"):
        export(tmp_path / "g.pb", tmp_path / "out")


def test_a_checkpoint_without_its_data_is_named(tf, trained, tmp_path):
    shutil.copy(f"{trained.path}.index", tmp_path / "model.ckpt-3.index")
    with pytest.raises(LoadError) as raised:
        export(tmp_path / "model.ckpt-3", tmp_path / "out", build=lambda: serving_graph(tf))
    assert "model.ckpt-3" in raised.value.problem


def test_names_that_tensorflow_2_does_not_take_are_changed_and_told(tf, tmp_path, caplog):
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        a, b, c = (v1.placeholder("float32", [None], name) for name in "abc")
        inputs = {"image/encoded": a, "class": b, "fine": c}
        v1.saved_model.simple_save(session, str(tmp_path / "old"), inputs, {"sum/of": a + b + c})
    with caplog.at_level("WARNING", "cpr.savedmodel.migrating.opening"):
        done = export(tmp_path / "old", tmp_path / "out")
    assert sorted(message.partition(":")[0] for message in caplog.messages) == [
        "the input 'class' of signature 'serving_default' is called 'class_' in the export",
        "the input 'image/encoded' of signature 'serving_default' is called 'image_encoded' in "
        "the export",
    ]
    got = answers(tf, done.path, {"image_encoded": [1.0], "class_": [2.0], "fine": [3.0]})
    assert got["sum/of"].tolist() == [6.0]


def test_a_graph_that_counts_goes_on_counting(tf, tmp_path):
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        count = v1.get_variable("count", initializer=5.0, use_resource=False)
        by = v1.placeholder("float32", [], "by")
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(tmp_path / "old"))
        predict = v1.saved_model.predict_signature_def
        signatures = {
            "serving_default": predict({"by": by}, {"count": v1.assign_add(count, by)}),
            "get": predict({"unused": by}, {"count": count.op.outputs[0]}),
        }
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()
    done = export(tmp_path / "old", tmp_path / "out", any_batch=False)
    step = {"by": np.float32(2.0)}
    runs = [
        Run(DEFAULT_SIGNATURE, step),
        Run(DEFAULT_SIGNATURE, step),
        Run("get", {"unused": np.float32(0)}),
    ]
    assert [answer.outputs["count"] for answer in run_fresh(done.path, runs)] == [7.0, 9.0, 9.0]
    assert [item.proof.remark for item in done.signatures if item.name == DEFAULT_SIGNATURE] == [
        "the source cannot be called by itself"
    ]


@pytest.mark.parametrize("kind", ["while", "cond"])
def test_the_control_flow_of_tensorflow_1_survives(tf, tmp_path, kind):
    v1 = tf.compat.v1
    v1.disable_control_flow_v2()
    try:
        with tf.Graph().as_default(), v1.Session() as session:
            x = v1.placeholder("float32", [None], "x")
            w = v1.get_variable("w", initializer=3.0, use_resource=False)
            if kind == "while":
                y = v1.while_loop(lambda v: tf.reduce_max(v) < 100.0, lambda v: v * w, [x])
            else:
                y = v1.cond(tf.reduce_max(x) > 1.0, lambda: x * w, lambda: x - w)
            session.run(v1.global_variables_initializer())
            wanted = session.run(y, {x: [1.0, 4.0]})
            v1.saved_model.simple_save(session, str(tmp_path / "old"), {"x": x}, {"y": y})
    finally:
        v1.enable_control_flow_v2()
    done = export(tmp_path / "old", tmp_path / "out")
    assert np.array_equal(answers(tf, done.path, {"x": [1.0, 4.0]})["y"], wanted)


def test_tables_whose_content_is_in_the_checkpoint_are_filled(tf, tmp_path):
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        word = v1.placeholder("string", [None], "word")
        table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
        session.run(table.insert(["a", "b"], [7, 9]))
        number = table.lookup(word)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(tmp_path / "old"), {"word": word}, {"n": number})
        wanted = session.run(number, {word: ["b", "c", "a"]})
    done = export(tmp_path / "old", tmp_path / "out")
    assert (
        answers(tf, done.path, {"word": [b"b", b"c", b"a"]}, run=run_fresh)["n"].tolist()
        == wanted.tolist()
    )


def train_on_words(tf, folder):
    """A training graph as an Estimator has it: a dataset, a vocabulary, a Saver's files."""
    v1 = tf.compat.v1
    vocabulary = folder / "words.txt"
    vocabulary.write_text("good\nbad\n", encoding="utf-8")
    with tf.Graph().as_default(), v1.Session() as session:
        data = tf.data.Dataset.from_tensors((["good"], [1.0])).repeat()
        word, _label = v1.data.make_initializable_iterator(data).get_next()
        lines = tf.lookup.TextFileInitializer(
            str(vocabulary),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        number = tf.lookup.StaticVocabularyTable(lines, 1).lookup(word)
        weights = v1.get_variable("weights", initializer=[0.5, -0.5, 0.0], use_resource=False)
        tf.gather(weights, number, name="head/predictions/scores")
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        (folder / "run").mkdir()
        v1.train.Saver().save(session, str(folder / "run" / "model.ckpt"), global_step=7)
    return folder / "run" / "model.ckpt-7.meta"


WORDS = {
    "inputs": {"word": "IteratorGetNext:0"},
    "outputs": {"scores": "head/predictions/scores:0"},
}


def test_what_a_pipeline_gave_becomes_an_input_and_the_vocabulary_is_found(tf, tmp_path):
    meta = train_on_words(tf, tmp_path)
    (tmp_path / "words.txt").rename(meta.parent / "words.txt")
    done = export(meta, tmp_path / "out", **WORDS)
    shutil.rmtree(meta.parent)
    got = answers(tf, done.path, {"word": [b"bad", b"?", b"good"]}, run=run_fresh)
    assert got["scores"].tolist() == [-0.5, 0.0, 0.5]


def test_a_vocabulary_that_is_gone_is_named(tf, tmp_path):
    meta = train_on_words(tf, tmp_path)
    (tmp_path / "words.txt").unlink()
    with pytest.raises(LoadError) as raised:
        export(meta, tmp_path / "out", **WORDS)
    assert raised.value.problem == (
        f"MetaGraph {meta} reads the vocabulary {tmp_path / 'words.txt'}, which does not exist."
    )
    assert raised.value.hint == f"Copy it to {meta.parent / 'words.txt'}."


def test_bare_checkpoints_say_which_variables_inputs_and_outputs_there_are(tf, tmp_path):
    meta = train_on_words(tf, tmp_path)
    with pytest.raises(LoadError) as raised:
        export(meta.parent, tmp_path / "out")
    assert raised.value.problem.startswith(f"{meta.parent} holds checkpoints (")
    assert "Its variables are weights [3]." in raised.value.hint
    assert f"take the training graph: {meta} as the source" in raised.value.hint
    assert "gives IteratorGetNext:0 string, IteratorGetNext:1 float32." in raised.value.hint
    assert "It predicts head/predictions/scores:0." in raised.value.hint


def test_a_table_that_training_filled_is_refused_rather_than_left_empty(tf, tmp_path):
    def build():
        word = tf.compat.v1.placeholder("string", [None], "word")
        table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1, name="counts")
        return {"word": word}, {"n": table.lookup(word)}

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.get_variable("other", initializer=1.0)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(tmp_path / "model.ckpt"))
    with pytest.raises(LoadError, match="was filled in training"):
        export(tmp_path / "model.ckpt", tmp_path / "out", build=build)


@pytest.mark.parametrize("name", ["../../secret.txt", "/etc/passwd"], ids=["above", "absolute"])
def test_an_asset_that_lies_elsewhere_is_not_copied(tf1_two_graphs, tmp_path, name):
    folder = shutil.copytree(tf1_two_graphs, tmp_path / "old")
    model = read_saved_model(folder)
    for graph in model.meta_graphs:
        graph.ClearField("asset_file_def")
        graph.asset_file_def.add(filename=name).tensor_info.name = "vocabulary:0"
    write_saved_model(model, folder)
    with pytest.raises(LoadError) as raised:
        export(folder, tmp_path / "out", source_tags=["serve"])
    assert raised.value.problem == (
        f"{folder} names the asset {name!r}, which is not in its assets/."
    )
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "assets" / "colours.txt").unlink(),
        lambda folder: next(folder.glob("variables/*.data-*")).unlink(),
        lambda folder: next(folder.glob("variables/*.data-*")).write_bytes(b"short"),
        lambda folder: (folder / "saved_model.pb").write_bytes(b"\x00 none"),
    ],
    ids=["asset", "shard", "short", "graph"],
)
def test_a_damaged_saved_model_ends_in_an_error_and_without_an_export(
    tf1_two_graphs, tmp_path, damage
):
    folder = shutil.copytree(tf1_two_graphs, tmp_path / "old")
    damage(folder)
    with pytest.raises(LoadError) as caught:
        export(folder, tmp_path / "out", source_tags=["serve"])
    assert str(folder) in caught.value.problem
    assert not list(tmp_path.glob("out/*"))


def test_a_damaged_index_among_bare_checkpoints_is_named(trained, tmp_path):
    folder = shutil.copytree(trained.path.parent, tmp_path / "model_dir")
    (folder / "model.ckpt-3.index").write_bytes(b"junk")
    with pytest.raises(LoadError, match="is no checkpoint's index"):
        export(folder, tmp_path / "out")


# What stands at the top of most programs of TensorFlow 1 holds for the whole process.
OLD_PROGRAM = """
import tensorflow.compat.v1 as tf
from cpr.savedmodel import export

tf.disable_v2_behavior()

def build():
    x = tf.placeholder(tf.float32, [None, 3], "x")
    first = [0, tf.matmul(x, tf.get_variable("w", [3, 1]))]
    return {"x": x}, {"y": tf.while_loop(lambda n, y: n < 2, lambda n, y: (n + 1, 2 * y), first)[1]}

build()
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    tf.train.Saver().save(session, "model.ckpt")
exported = export("model.ckpt", "out", build=build)
print(exported.signatures[0].proof.deviation)
print(tf.executing_eagerly(), tf.resource_variables_enabled(), tf.control_flow_v2_enabled())
"""


def test_code_that_switches_version_2_off_is_exported_and_finds_it_off_again(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", OLD_PROGRAM], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-2:] == ["0.0", "False False False"], done.stderr
    assert (tmp_path / "out/1/saved_model.pb").is_file()
