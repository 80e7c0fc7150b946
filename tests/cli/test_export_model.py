"""``cpr export-model`` as a process: objects by name, files by path, proof and errors."""

import json
import textwrap
from contextlib import ExitStack

import pytest

from cpr.cli.export_options import find_preprocessing, find_source, heads_of, tensors_of
from cpr.errors import UsageError, UserCodeError
from cpr.savedmodel import Head

tf = pytest.importorskip("tensorflow", reason="needs the extra cpr[tensorflow]")

TRAIN = """
    import keras
    import tensorflow as tf

    def build():
        keras.utils.set_random_seed(1)
        inputs = keras.Input((2,), name="size")
        outputs = {"price": keras.layers.Dense(1)(inputs), "risk": keras.layers.Dense(2)(inputs)}
        return keras.Model(inputs, outputs, name="offers")

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
    def halve(size):
        return size / 2

    def first(price, risk):
        return {"price": price[:, 0]}

    def fails():
        raise ValueError("no data")
"""


@pytest.fixture
def train(tmp_path):
    (tmp_path / "train.py").write_text(textwrap.dedent(TRAIN))
    return tmp_path


def test_what_a_function_makes_is_exported_and_answers(cpr, train):
    (train / "rows.jsonl").write_text("[1, 2]\n")
    (train / "samples.jsonl").write_text('{"size": [1, 2]}\n[3, 4]\n')
    (train / "warm.jsonl").write_text('{"instances": [[1, 2]]}\n')
    done = cpr(
        "export-model",
        "train.py:build",
        "out",
        "--preprocess=train:halve",
        "--postprocess=train:first",
        "--samples=samples.jsonl",
        "--warmup=warm.jsonl",
        "--version=7",
        "--json",
    )
    document = json.loads(done.stdout)
    assert (document["schema"], document["ok"]) == ("cpr.export-model/1", True)
    [signature] = document["summary"]["signatures"]
    assert signature["inputs"] == {"size": "float32 [any, 2]"}
    assert signature["outputs"] == {"price": "float32 [any]"}
    assert signature["compared"] == {"instances": 3, "deviation": 0.0, "remark": ""}
    assert (train / "out" / "7" / "assets.extra" / "tf_serving_warmup_requests").is_file()
    answer = cpr("predict", "--model-dir=out", "--json-instances=rows.jsonl", "--format=json")
    [price] = json.loads(answer.stdout)["predictions"]
    assert isinstance(price, float)


def test_heads_tags_and_examples_are_flags(cpr, train):
    spec = {"size": {"type": "float32", "shape": [2]}}
    (train / "spec.json").write_text(json.dumps(spec))
    (train / "risks.txt").write_text("low\nhigh\n")
    done = cpr(
        "export-model",
        "train:build",
        "out",
        "--head=serving_default=scores:risk",
        "--method=serving_default=classify",
        "--labels=serving_default=risks.txt",
        "--examples=spec.json",
        "--tags=serve,cpu",
        "--version=none",
        "--json",
    )
    [signature] = json.loads(done.stdout)["summary"]["signatures"]
    assert (signature["method"], signature["tags"]) == ("classify", ["serve", "cpu"])
    assert signature["inputs"] == {"inputs": "string [any]"}
    assert list(signature["outputs"]) == ["classes", "scores"]
    assert (train / "out" / "saved_model.pb").is_file()


def test_old_versions_go_by_the_policy_and_are_named(cpr, train):
    (train / "out" / "3").mkdir(parents=True)
    (train / "out" / "3" / "saved_model.pb").write_bytes(b"")
    done = cpr("export-model", "train:build", "out", "--keep=1")
    assert "exported  out/4\n" in done.stdout
    assert "9 instances, equal" in done.stdout
    assert "removed out/3\n" in done.stdout
    assert [item.name for item in (train / "out").iterdir()] == ["4"]


def test_nothing_appears_when_the_export_fails(cpr, train):
    done = cpr("export-model", "train:build", "out", "--head=risk=risk", expected=2)
    assert "is 'serving_default'" in done.stderr
    assert not list((train / "out").iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere"], 10, "nowhere does not exist."),
        (["train.py"], 2, "train.py is not a file that can be exported."),
        (["train:build", "--version=last"], 2, "--version is 'last'."),
        (["train:build", "--keep-every=2"], 2, "--keep-every does nothing without --keep."),
        (["train:build", "--tags="], 2, "--tags names no tags"),
        (["train:build", "--graph=,=again"], 2, "--graph names no tags"),
    ],
    ids=["no path", "no model file", "a wrong version", "a flag alone", "no tags", "nor here"],
)
def test_says_what_is_wrong_before_tensorflow_is_imported(cpr, train, arguments, code, said):
    done = cpr("export-model", arguments[0], "out", *arguments[1:], expected=code)
    assert said in done.stderr
    assert not done.stdout
    assert not (train / "out").exists()


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("built", UserCodeError, "has no 'built'"),
        ("fails", UserCodeError, "train:fails was called and raised ValueError: no data"),
    ],
)
def test_an_object_that_cannot_be_had_is_explained(monkeypatch, train, name, error, said):
    monkeypatch.chdir(train)
    with ExitStack() as held, pytest.raises(error, match=said):
        find_source(f"train:{name}", held)


def test_an_input_is_a_type_with_sizes_or_a_tensor():
    assert tensors_of(tf, "--input", ["x=float32[any,4]", "y=int64[]", "z=scores:0"]) == {
        "x": tf.TensorSpec([None, 4], tf.float32),
        "y": tf.TensorSpec([], tf.int64),
        "z": "scores:0",
    }


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: tensors_of(tf, "--input", ["x=float33[2]"]), r"--input x is 'float33\[2\]'"),
        (lambda: tensors_of(tf, "--output", ["y:0"]), "--output takes NAME=…, not 'y:0'"),
        (lambda: heads_of([], [], ["classify"], []), "--method takes NAME=…, not 'classify'"),
    ],
    ids=["a wrong type", "no name", "no signature"],
)
def test_a_wrong_flag_is_named(call, said):
    with pytest.raises(UsageError, match=said):
        call()


def test_flags_that_name_one_signature_are_one_head(tmp_path):
    (tmp_path / "names.txt").write_text("a\nb\n")
    heads = heads_of(
        ["serving_default=serve", "number"],
        ["best=scores:risk,price"],
        ["best=classify"],
        [f"best={tmp_path / 'names.txt'}"],
    )
    assert heads == {
        "serving_default": Head("serve"),
        "number": Head("number"),
        "best": Head(
            outputs={"scores": "risk", "price": "price"}, method="classify", labels=["a", "b"]
        ),
    }


def test_a_file_that_is_no_pickle_is_no_preprocessing(tmp_path):
    path = tmp_path / "iris.keras"
    path.touch()
    with (
        pytest.raises(UsageError, match="is no pickle of a transformer") as raised,
        ExitStack() as held,
    ):
        find_preprocessing(str(path), None, held)
    assert "Give a .joblib, .pkl, .pickle file, or a function as" in raised.value.hint
