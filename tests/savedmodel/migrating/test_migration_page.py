"""docs/migration.md is true: its blocks run on real TF1 models, and old and new answer alike.

The blocks of a section share a folder and the names that `scene` puts there:
`tf` is compat.v1, `x`, `w`, `b`, `y`, `text` and `length` are tensors of the
graph, and `session` has its variables. What they leave in ``new`` is compared
with the session.
"""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from cpr.savedmodel.fresh import Run, run_here
from cpr.savedmodel.reader import read_saved_model

PAGE = Path(__file__).resolve().parents[3] / "docs" / "migration.md"
TEXT = PAGE.read_text(encoding="utf-8")
PARTS = re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]
SECTIONS = {part.split("\n", 1)[0]: part for part in PARTS}
BLOCK = re.compile(r"<!-- not run: (?P<why>.*?) -->\n```python\n(?P<code>.*?)^```$", re.M | re.S)
LINK = re.compile(r"\| \[([^\]]+)\]\(#")
GONE = "tf.estimator is gone"
ROWS = {"x": np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 0.5]], np.float32)}
EXAMPLES = "Serving input receivers"


class Scene:
    """A TF1 graph in a session, and the blocks of the page that run in it."""

    def __init__(self, tensorflow, folder):
        self.tensorflow, self.tf, self.folder = tensorflow, tensorflow.compat.v1, folder
        self.names = {}

    def start(self):
        tf = self.tf
        x = tf.placeholder(tf.float32, [None, 3], "x")
        w = tf.get_variable("w", initializer=[[1.0], [2.0], [-3.0]], use_resource=False)
        b = tf.get_variable("b", initializer=[0.25], use_resource=False)
        y = tf.add(tf.matmul(x, w), b, name="y")
        tf.train.AdamOptimizer().minimize(tf.reduce_mean(y**2), name="train")
        text = tf.placeholder(tf.string, [None], "text")
        length = tf.cast(tf.strings.length(text), tf.float32)[:, None]
        self.names = {"tf": tf, "x": x, "w": w, "b": b, "y": y, "text": text, "length": length}

    def play(self, section):
        blocks = [found for found in BLOCK.finditer(SECTIONS[section]) if found["why"] != GONE]
        with self.tensorflow.Graph().as_default(), self.tf.Session() as session:
            self.start()
            session.run(self.tf.global_variables_initializer())
            self.names["session"] = session
            then = [found["code"] for found in blocks if "# now" not in found["code"]]
            for code in then:
                exec(compile(code, str(PAGE), "exec"), self.names)
            self.answer = session.run(self.names["y"], {self.names["x"]: ROWS["x"]})
        for code in (found["code"] for found in blocks if "# now" in found["code"]):
            exec(compile(code, str(PAGE), "exec"), self.names)
        assert then or section in ("Estimator", EXAMPLES)

    def new(self, feeds=ROWS, signature="serving_default"):
        """What the export answers, moved elsewhere and with everything else gone."""
        moved = self.folder.parent / f"{self.folder.name}-moved"
        if not moved.exists():
            (self.folder / "new" / "1").rename(moved)
            for path in self.folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        [answer] = run_here(moved, [Run(signature, feeds)])
        assert not answer.error
        return answer.outputs


@pytest.fixture
def scene(tf, tmp_path, monkeypatch):
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Scene(tf, folder)


@pytest.mark.parametrize(
    "section",
    ["Builder", "simple_save", "Loader", "Saver", "GraphDef", "MetaGraphDef", "Tags"],
)
def test_the_export_answers_as_the_session_did(scene, section):
    scene.play(section)
    assert np.array_equal(scene.new()["y"], scene.answer)


def test_the_loaders_answer_alike(scene):
    scene.play("Loader")
    names = scene.names
    assert np.array_equal(names["before"], names["after"].numpy())
    assert np.array_equal(names["before"], names["answer"])


def test_methods_are_kept(scene):
    scene.play("Classify and regress")
    [graph] = read_saved_model(scene.folder / "new" / "1").meta_graphs
    assert graph.signature_def["classify"].method_name == "tensorflow/serving/classify"
    assert graph.signature_def["regress"].method_name == "tensorflow/serving/regress"
    examples = {"inputs": np.array(serialized(scene.tensorflow), object)}
    assert np.array_equal(scene.new(examples, "regress")["outputs"], scene.answer)
    assert np.array_equal(scene.new(examples, "classify")["scores"], scene.answer)


def test_the_updaters_do_the_same(scene):
    scene.play("MethodNameUpdater")
    [graph] = read_saved_model(scene.folder / "old").meta_graphs
    assert graph.signature_def["serving_default"].method_name == "tensorflow/serving/regress"


def test_ours_changes_the_method_too(scene):
    scene.play("Builder")
    then, now = (found["code"] for found in BLOCK.finditer(SECTIONS["MethodNameUpdater"]))
    shutil.rmtree("old")
    with scene.tensorflow.Graph().as_default(), scene.tf.Session() as session:
        scene.start()
        session.run(scene.tf.global_variables_initializer())
        exec(then.partition("updater =")[0], {**scene.names, "session": session})
    exec(now, {})
    [graph] = read_saved_model(scene.folder / "old").meta_graphs
    assert graph.signature_def["serving_default"].method_name == "tensorflow/serving/regress"


def test_an_estimators_export_is_found(scene):
    """The directory is laid out as an Estimator left it, its export made with the Builder."""
    scene.play("Builder")
    Path("model_dir/export").mkdir(parents=True)
    Path("old").rename("model_dir/export/1546300800")
    Path("model_dir/checkpoint").write_text('model_checkpoint_path: "model.ckpt-3"\n')
    Path("model_dir/model.ckpt-3.index").write_bytes(b"")
    shutil.rmtree("new")
    answer = scene.answer
    scene.names.clear()
    for found in BLOCK.finditer(SECTIONS["Estimator"]):
        if found["why"] != GONE:
            exec(found["code"], scene.names)
    assert np.array_equal(scene.new()["y"], answer)


def test_a_receiver_parses_examples(scene):
    scene.play("Builder")
    shutil.rmtree("new")
    for found in BLOCK.finditer(SECTIONS[EXAMPLES]):
        if found["why"] != GONE:
            exec(found["code"], scene.names)
    [graph] = read_saved_model(scene.folder / "new" / "1").meta_graphs
    [alias] = graph.signature_def["serving_default"].inputs
    examples = {alias: np.array(serialized(scene.tensorflow), object)}
    assert np.array_equal(scene.new(examples)["y"], scene.answer)


def test_a_vocabulary_comes_along(scene):
    (scene.folder / "words.txt").write_text("good\nbad\n", encoding="utf-8")
    scene.play("Tables and vocabularies")
    words = {"text": np.array([b"bad", b"fine", b"good"], object)}
    assert scene.new(words)["n"].tolist() == [1, -1, 0]


def test_every_row_of_the_table_has_a_section_that_a_test_plays():
    source = Path(__file__).read_text(encoding="utf-8")
    sections = LINK.findall(TEXT)
    assert len(sections) == 12
    for section in sections:
        assert section in SECTIONS
        assert f'"{section}"' in source


def serialized(tensorflow):
    """The rows as serialized examples."""
    make = tensorflow.train
    return [
        make.Example(
            features=make.Features(
                feature={"x": make.Feature(float_list=make.FloatList(value=row.tolist()))}
            )
        ).SerializeToString()
        for row in ROWS["x"]
    ]
