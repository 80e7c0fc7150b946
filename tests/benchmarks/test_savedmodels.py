"""Models as people export them, through every tool, loader and the server beside the original.

The small form of benchmarks/savedmodels; `python benchmarks/savedmodels` takes any models.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "savedmodels"
if str(FOLDER) not in sys.path:
    sys.path.append(str(FOLDER))

# What is tried is no package, and is found by the path above.
from differing import EXACT, Tolerance, difference  # noqa: E402
from inspecting import disagreements  # noqa: E402
from rows import Row, load_row  # noqa: E402
from summary import summary  # noqa: E402

WITHIN = Tolerance(1e-3, 1e-2)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """Two models, made in a process of their own: of Keras, and of TensorFlow 1 with tables."""
    pytest.importorskip("tensorflow", reason="needs the extra cpr[tensorflow]")
    folder = tmp_path_factory.mktemp("fresh")
    command = [sys.executable, str(FOLDER / "fresh_models.py"), str(folder)]
    subprocess.run([*command, "keras-trained", "tf1-tables"], check=True, capture_output=True)
    return folder


@pytest.mark.parametrize(
    ("name", "tools"),
    [
        ("keras-trained", {"inspect", "clean", "int8", "compile"}),
        ("tf1-tables", {"inspect", "clean", "int8"}),
    ],
)
def test_what_the_tools_write_answers_as_the_original(fresh, tmp_path, name, tools):
    from comparing import compare

    row = compare(name, fresh / name / "1", ("serve",), tools, tmp_path)
    assert row.disagreements == []
    assert row.cells == dict.fromkeys(row.cells, "same")
    assert set(row.cells) == tools
    assert row.compared > 50


@pytest.mark.parametrize(
    ("one", "other", "tolerance", "found"),
    [
        ({"y": np.float32([1, 2])}, {"y": np.float32([1, 2])}, EXACT, ""),
        ({"y": np.float32([1])}, {"y": np.float32([1.001])}, EXACT, "y: 1 became 1.001"),
        ({"y": np.float32([1])}, {"y": np.float32([1.001])}, WITHIN, ""),
        ({"y": np.float32([1])}, {"z": np.float32([1])}, WITHIN, "['y'] became ['z']"),
        ({"y": np.float32([1])}, {"y": np.float64([1])}, WITHIN, "y: float32[1] became float64[1]"),
        ({"y": np.int64([1, 2])}, {"y": np.int64([1, 3])}, WITHIN, "y: 1 of 2 values differ"),
        ({"y": np.float32([np.nan])}, {"y": np.float32([np.nan])}, EXACT, ""),
        ({"y": np.float32([1])}, {"y": np.float32([np.nan])}, WITHIN, "y: 1 became nan"),
        ({"outputs": [[1.0, "a"]]}, {"outputs": [[1.0001, "a"]]}, WITHIN, ""),
        ({"outputs": [[1.0, "a"]]}, {"outputs": [[1.0, "b"]]}, WITHIN, "outputs: 'a' became 'b'"),
        ({"outputs": [1.0]}, {"outputs": [1.0, 2.0]}, WITHIN, "outputs: [1.0] became [1.0, 2.0]"),
    ],
)
def test_a_difference_is_told(one, other, tolerance, found):
    assert difference(one, other, tolerance) == found


def test_what_inspect_says_otherwise_than_tensorflow_is_told():
    graph = {
        "tags": ["serve"],
        "facts": {"producer": 1},
        "signatures": {},
        "hidden": [],
        "assets": [],
        "nodes": 2,
        "functions": 0,
        "ops": {"ReadFile": 1},
        "unsafe": [],
    }
    view = {"graphs": [{**graph, "nodes": 3}], "variables": {}, "denied": ["ReadFile"]}
    document = {
        "summary": {
            "graphs": [graph],
            "variables": [{"key": "w", "dtype": "float32", "shape": [2], "size": 8}],
        }
    }
    assert list(disagreements(document, view)) == [
        "graph 0: nodes is 2, TensorFlow has 3",
        "graph 0: not called unsafe: ReadFile",
        "variables: w is ['float32', [2], 8], TensorFlow has None",
    ]


@pytest.fixture
def row():
    """A graph of which one tool's result is the same, one's is not, and a third declined."""
    row = Row("iris/1", ("serve",), cells={"clean": "same", "int8": "same"})
    row.judge("clean", "tf2", [], 7)
    row.judge("int8", "tf2", ["serving_default: one: 1 became 2"], 7)
    row.decline("compile", "litert: it keeps state | or so")
    return row


def test_the_summary_has_a_line_for_each_model_and_for_each_tool(row):
    told = summary([row], ("clean", "int8", "compile", "export"), ("tf2", "v1")).splitlines()
    assert told[0] == "1 graphs, 14 answers compared, 1 disagreement."
    assert "| model | clean | int8 | compile | compared |" in told
    assert "| iris/1 [serve] | same | DIFFERS | declined | 14 |" in told
    assert "| iris/1 [serve] | clean | same |  |" in told
    assert "| iris/1 [serve] | compile | – | declined: litert: it keeps state \\| or so |" in told
    assert "* iris/1 [serve]: int8: tf2: serving_default: one: 1 became 2" in told


def test_a_run_goes_on_with_what_was_saved(row, tmp_path):
    row.save(tmp_path / "row.json")
    assert load_row(tmp_path / "row.json") == row
