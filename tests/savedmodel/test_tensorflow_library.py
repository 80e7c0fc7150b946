"""What of TensorFlow's errors is told, however long they are."""

import subprocess
import sys
from pathlib import Path

import pytest

from cpr.savedmodel.tensorflow_library import first_line

FOLDER = Path("/models/m")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("plain\nmore", "plain"),
        ("\n\n  late  \n", "late"),
        ("a stack\n  bad shape\n\t [[{{node x}}]]\nbelow", "bad shape"),
        ("bad shape [[{{node x}}]]", "bad shape"),
        ("[[{{node x}}]] then", "[[{{node x}}]] then"),
        ("(1) Invalid argument: bad\n\t [[{{node x}}]]", "bad"),
        ("no file /models/m/variables", "no file the model directory/variables"),
        ("", ""),
    ],
)
def test_the_line_that_says_something_is_told(text, told):
    assert first_line(ValueError(text), FOLDER) == told


def test_a_long_name_is_told_in_part():
    told = first_line(ValueError("x" * 100_000), FOLDER)
    assert told == "x" * 1000 + "…"


@pytest.mark.parametrize("text", ["x", " ", "x ", "["])
def test_long_names_take_no_longer_than_their_length(text):
    # Where the time grew with the square of it, 2 MB took hours.
    code = (
        "from pathlib import Path; from cpr.savedmodel.tensorflow_library import first_line;"
        f"first_line(ValueError({text!r} * 2_000_000), Path('m'))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
