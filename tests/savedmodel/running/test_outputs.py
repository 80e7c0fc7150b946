"""What a signature answered, for people and for files."""

import json

import numpy as np
import pytest

from cpr.errors import BadOutput, UsageError
from cpr.savedmodel.running.outputs import document, plain, table, write

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


def test_a_folder_gets_a_file_an_output(tmp_path):
    files = write({"scores": SCORES, "a/b": NAMES}, tmp_path / "out", force=False)
    assert [path.name for path in files] == ["scores.npy", "a_b.npy"]
    assert np.array_equal(np.load(files[0]), SCORES)
    assert np.load(files[1]).tolist() == [b"cat", b"\xff"]


def test_an_archive_and_json_hold_all_outputs(tmp_path):
    write({"scores": SCORES, "name": NAMES}, tmp_path / "all.npz", force=False)
    write({"scores": SCORES, "name": NAMES[:1]}, tmp_path / "all.json", force=False)
    assert np.array_equal(np.load(tmp_path / "all.npz")["scores"], SCORES)
    assert json.loads((tmp_path / "all.json").read_text()) == {
        "scores": [[0.1, 0.9], [0.75, 0.25]],
        "name": ["cat"],
    }


def test_a_file_that_exists_is_kept_unless_forced(tmp_path):
    (tmp_path / "y.npy").write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists") as raised:
        write({"y": SCORES}, tmp_path, force=False)
    assert raised.value.hint == "Give --force to replace it."
    assert (tmp_path / "y.npy").read_bytes() == b"mine"
    write({"y": SCORES}, tmp_path, force=True)
    assert np.array_equal(np.load(tmp_path / "y.npy"), SCORES)


def test_bytes_that_a_file_would_cut_are_refused(tmp_path):
    with pytest.raises(BadOutput, match="end in zeros"):
        write({"y": np.array([b"a\0"], object)}, tmp_path, force=False)
