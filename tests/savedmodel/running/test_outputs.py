"""What a signature answered, for people and for files."""

import json

import numpy as np
import pytest

from cpr.errors import BadOutput
from cpr.savedmodel.running.outputs import contents, document, plain, table

SCORES = np.array([[0.1, 0.9], [0.75, 0.25]], np.float32)
NAMES = np.array([b"cat", b"\xff"], object)


def test_a_table_has_a_line_an_instance():
    assert table({"scores": SCORES, "name": NAMES}) == (
        'scores        name\n[0.1, 0.9]    cat\n[0.75, 0.25]  {"b64": "/w=="}'
    )


def test_outputs_of_different_lengths_have_a_block_each():
    assert table({"loss": np.float32(0.5).reshape(()), "y": np.array([1, 2])}) == (
        "loss: float32 []\n0.5\n\ny: int64 [2]\n[1, 2]"
    )


def test_long_cells_are_cut():
    line = table({"y": np.zeros((1, 100))}).splitlines()[1]
    assert len(line) == 60
    assert line.endswith("…")


def test_json_has_types_shapes_and_no_invented_digits():
    assert document({"scores": SCORES[:1], "name": NAMES[:1]}) == {
        "scores": {"dtype": "float32", "shape": [1, 2], "values": [[0.1, 0.9]]},
        "name": {"dtype": "string", "shape": [1], "values": ["cat"]},
    }


def test_numbers_that_json_does_not_have_are_texts():
    assert plain(np.array([np.nan, np.inf, -np.inf, 1.0])) == ["NaN", "Infinity", "-Infinity", 1.0]


def written(outputs, target):
    files = contents(outputs, target)
    for path, data in files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return list(files)


def test_a_folder_gets_a_file_an_output(tmp_path):
    files = written({"scores": SCORES, "a/b": NAMES}, tmp_path / "out")
    assert [path.name for path in files] == ["scores.npy", "a_b.npy"]
    assert np.array_equal(np.load(files[0]), SCORES)
    assert np.load(files[1]).tolist() == [b"cat", b"\xff"]


def test_an_archive_and_json_hold_all_outputs(tmp_path):
    # "file" and "allow_pickle" are parameters of numpy.savez.
    outputs = {"scores": SCORES, "file": NAMES, "allow_pickle": SCORES}
    written(outputs, tmp_path / "all.npz")
    written({"scores": SCORES, "name": NAMES[:1]}, tmp_path / "all.json")
    with np.load(tmp_path / "all.npz") as archive:
        assert archive.files == list(outputs)
        assert np.array_equal(archive["scores"], SCORES)
    assert json.loads((tmp_path / "all.json").read_text()) == {
        "scores": [[0.1, 0.9], [0.75, 0.25]],
        "name": ["cat"],
    }


def test_text_is_written_as_bytes(tmp_path):
    [file] = written({"y": np.array([["é"], ["b"]], object)}, tmp_path)
    assert np.load(file).tolist() == [["é".encode()], [b"b"]]


@pytest.mark.parametrize(
    ("outputs", "name", "problem", "hint"),
    [
        ({"y": np.array([b"a\0"], object)}, "out", "output 'y' holds bytes that end", ".json"),
        ({"a/b": SCORES, "a_b": SCORES}, "out", "'a/b' and 'a_b' would both be a_b.npy", ".npz"),
        ({"y": np.array([1j])}, "y.json", "holds complex128 numbers", ".npz"),
    ],
    ids=["zeros", "names", "complex"],
)
def test_what_a_file_would_lose_is_refused(tmp_path, outputs, name, problem, hint):
    with pytest.raises(BadOutput) as raised:
        contents(outputs, tmp_path / name)
    assert problem in raised.value.problem
    assert raised.value.hint.endswith(f"--output FILE{hint}.")


def test_text_keeps_to_its_row():
    text = table({"y": np.array([b"a\nb", b"\x1b[2J"], object)})
    assert text.splitlines() == ["y", '"a\\nb"', '"\\u001b[2J"']
