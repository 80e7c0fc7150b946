"""Inputs from a command line: JSON, files of numpy, text, serialized examples."""

import io
import json
from dataclasses import dataclass

import numpy as np
import pytest

from cpr.errors import BadInput, UsageError
from cpr.savedmodel import protos
from cpr.savedmodel.running.examples import serialize_examples
from cpr.savedmodel.running.images import ImageOptions
from cpr.savedmodel.running.inputs import (
    cast_arrays,
    check_names,
    pairs,
    read_all,
    read_json,
    read_value,
)


@dataclass(frozen=True)
class Spec:
    dtype: str = "float32"
    shape: tuple = (None, 2)


FLOATS, INTEGERS = Spec(), Spec("int32")
WORDS, WORD = Spec("string", (None,)), Spec("string", ())


def value(text, spec=FLOATS):
    return read_value([text], "x", spec, ImageOptions())


@pytest.mark.parametrize(
    ("text", "spec", "wanted"),
    [
        ("[[1, 2.5]]", FLOATS, [[1, 2.5]]),
        ("3", FLOATS, 3),
        ('["a", {"b64": "/w=="}]', WORDS, ["a", b"\xff"]),
        ("a cat", WORDS, ["a cat"]),
        ("a cat", WORD, "a cat"),
    ],
    ids=["json", "scalar", "bytes", "text", "one-text"],
)
def test_a_value_is_json_or_for_strings_text(text, spec, wanted):
    assert value(text, spec) == wanted


@pytest.mark.parametrize(
    ("array", "spec", "wanted"),
    [
        (np.array([[1.5, 2.0]]), FLOATS, np.array([[1.5, 2.0]], np.float32)),
        (np.array([[1, 2]], np.int64), INTEGERS, np.array([[1, 2]], np.int32)),
        (np.array([[1, 2]], np.int64), FLOATS, np.array([[1, 2]], np.float32)),
        (np.array(["é", "b"]), WORDS, np.array(["é".encode(), b"b"], object)),
        (np.array([b"\xff"]), WORDS, np.array([b"\xff"], object)),
    ],
    ids=["narrower", "integers", "integers-to-floats", "text", "bytes"],
)
def test_an_array_of_a_file_gets_the_declared_type(tmp_path, array, spec, wanted):
    np.save(tmp_path / "x.npy", array)
    got = value(str(tmp_path / "x.npy"), spec)
    assert got.dtype == wanted.dtype
    assert got.tolist() == wanted.tolist()


@pytest.mark.parametrize("key", ["", "[x]"], ids=["by-name", "by-key"])
def test_an_archive_gives_the_array_of_the_inputs_name_or_the_key(tmp_path, key):
    np.savez(tmp_path / "data.npz", x=np.ones((1, 2)), y=np.zeros(3))
    assert value(f"{tmp_path / 'data.npz'}{key}").tolist() == [[1, 1]]


def test_an_archive_with_one_array_gives_that(tmp_path):
    np.savez(tmp_path / "data.npz", other=np.ones((1, 2)))
    assert value(str(tmp_path / "data.npz")).tolist() == [[1, 1]]


def test_a_file_and_standard_input_hold_json(tmp_path, monkeypatch):
    (tmp_path / "x.json").write_text("[[1, 2]]")
    assert value(str(tmp_path / "x.json")) == [[1, 2]]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"[[3, 4]]")))
    assert value("-") == [[3, 4]]


@pytest.mark.parametrize(
    ("text", "spec", "problem", "hint"),
    [
        ("[1", FLOATS, "neither JSON nor a file", "Quote JSON"),
        ("missing.npy", FLOATS, "missing.npy cannot be read: No such file", ""),
        ("missing.json", FLOATS, "missing.json cannot be read: No such file", ""),
        ("data.npz[z]", FLOATS, "data.npz has no array 'z'; it has a, b.", "--input x=data.npz[a]"),
        ("data.npz", FLOATS, "data.npz has no array 'x'; it has a, b.", "--input x=data.npz[a]"),
        ("pickled.npy", FLOATS, "no array of numpy that can be read", "with numpy.save"),
        ("float.npy", INTEGERS, "input 'x' takes int32; the array holds float64.", "astype"),
        ("float.npy", WORDS, "input 'x' takes strings; the array holds float64.", ""),
        ("bad.json", FLOATS, "bad.json is not JSON", ""),
        ('[{"b64": "%"}]', WORDS, "Base64 decode failed at x[0]", ""),
    ],
    ids=["json", "npy", "file", "key", "name", "pickle", "floats", "numbers", "bad", "b64"],
)
def test_says_what_is_wrong_with_a_value(tmp_path, monkeypatch, text, spec, problem, hint):
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", a=np.ones(1), b=np.ones(1))
    np.save("float.npy", np.ones(2))
    np.save("pickled.npy", np.array([{}], object), allow_pickle=True)
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(BadInput) as raised:
        value(text, spec)
    assert problem in raised.value.problem
    assert hint in raised.value.hint


def test_several_values_that_are_no_images_are_refused():
    with pytest.raises(UsageError) as raised:
        read_value(["[1]", "[2]"], "x", FLOATS, ImageOptions())
    assert raised.value.problem.startswith("--input x is given 2 times")


def test_all_inputs_may_be_in_one_file(tmp_path):
    np.savez(tmp_path / "all.npz", x=np.ones(2), y=np.zeros(1))
    (tmp_path / "all.json").write_text(json.dumps({"inputs": {"x": [1], "y": ["a"]}}))
    (tmp_path / "bare.json").write_text(json.dumps({"x": [1]}))
    assert {name: a.tolist() for name, a in read_all(str(tmp_path / "all.npz")).items()} == {
        "x": [1, 1],
        "y": [0],
    }
    assert read_all(str(tmp_path / "all.json")) == {"x": [1], "y": ["a"]}
    assert read_all(str(tmp_path / "bare.json")) == {"x": [1]}


@pytest.mark.parametrize(
    ("name", "problem"),
    [("list.json", "holds [1, 2]; expected an object"), ("one.npy", "holds one array")],
)
def test_a_file_of_all_inputs_has_names(tmp_path, name, problem):
    (tmp_path / "list.json").write_text("[1, 2]")
    np.save(tmp_path / "one.npy", np.ones(1))
    with pytest.raises((BadInput, UsageError), match="holds") as raised:
        read_all(str(tmp_path / name))
    assert problem in raised.value.problem


def archive(folder, name, **arrays):
    with (folder / name).open("wb") as file:
        np.savez(file, **arrays)


def array_file(folder, name):
    with (folder / name).open("wb") as file:
        np.save(file, np.ones(2))


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda at: archive(at, "o.npz", x=np.array([{}], object)), "is no array of numpy"),
        (lambda at: (at / "cut.npz").write_bytes(b"PK\3\4 and so on"), "is no array of numpy"),
        (lambda at: (at / "empty.npz").write_bytes(b""), "is no array of numpy"),
        (lambda at: archive(at, "z.npy", x=np.ones(2)), "holds an archive of arrays"),
        (lambda at: array_file(at, "a.npz"), "holds one array, not"),
        (lambda at: (at / "deep.json").write_text("[" * 100_000), "is not JSON: maximum recursion"),
    ],
    ids=["objects", "cut-off", "empty", "archive", "array", "nested"],
)
def test_a_file_that_cannot_be_read_is_said(tmp_path, make, problem):
    make(tmp_path)
    [path] = tmp_path.iterdir()
    with pytest.raises(BadInput) as raised:
        value(str(path))
    assert problem in raised.value.problem


def test_only_arrays_are_cast():
    values = cast_arrays({"x": np.ones((1, 2)), "y": [1]}, {"x": FLOATS, "y": FLOATS})
    assert values["x"].dtype == np.float32
    assert values["y"] == [1]


def test_pairs_keep_the_order_and_what_follows_the_first_equals_sign():
    assert pairs(["x=1", "y=a=b", "x=2"], "--input") == {"x": ["1", "2"], "y": ["a=b"]}


@pytest.mark.parametrize("text", ["x", "=1"])
def test_a_pair_needs_a_name_and_a_value(text):
    with pytest.raises(UsageError) as raised:
        pairs([text], "--input")
    assert raised.value.problem == f"--input is {text!r}; expected NAME=VALUE."


def test_an_unknown_input_is_named_with_the_nearest():
    with pytest.raises(BadInput) as raised:
        check_names(["imgae"], ["image", "size"], "serving_default")
    assert raised.value.problem == (
        "signature 'serving_default' has no input 'imgae'; it takes 'image', 'size'."
    )
    assert raised.value.hint == "Did you mean 'image'?"


def test_examples_have_the_types_of_their_json():
    [first, second] = serialize_examples(
        read_json(
            '[{"age": 39.0, "tags": ["a", {"b64": "/w=="}], "n": [1, 2]}, {"age": [1, 2.5]}]'
        ),
        "examples",
    )
    features = protos.Example.FromString(first).features.feature
    assert features["age"].float_list.value == [39.0]
    assert features["tags"].bytes_list.value == [b"a", b"\xff"]
    assert features["n"].int64_list.value == [1, 2]
    assert protos.Example.FromString(second).features.feature["age"].float_list.value == [1, 2.5]


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ({"a": 1}, "expected a list of objects"),
        ([3], "examples[0] is 3; expected an object"),
        ([{"a": [1, "x"]}], "examples[0].a is [1, 'x']; expected numbers or texts"),
        ([{"a": None}], "examples[0].a is None"),
    ],
    ids=["object", "number", "mixed", "null"],
)
def test_examples_that_are_none_are_refused(rows, problem):
    with pytest.raises(BadInput) as raised:
        serialize_examples(rows, "examples")
    assert problem in raised.value.problem
