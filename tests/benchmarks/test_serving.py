"""The page of the benchmarks says what was measured."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE, FIGURES, PICTURE = (f"docs/benchmarks.{end}" for end in ("md", "json", "svg"))


@pytest.fixture
def checkout(tmp_path):
    """The benchmark and its page, where they can be written."""
    for folder in ("benchmarks/serving", "docs"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copytree(
        ROOT / "benchmarks/serving", tmp_path / "benchmarks/serving", dirs_exist_ok=True
    )
    for name in (PAGE, FIGURES):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def reported(checkout):
    subprocess.run([sys.executable, "benchmarks/serving", "--report"], cwd=checkout, check=True)
    return (checkout / PAGE).read_text(encoding="utf-8")


def test_page_and_picture_are_made_from_the_figures(checkout):
    assert reported(checkout) == (ROOT / PAGE).read_text(encoding="utf-8")
    assert (checkout / PICTURE).read_text() == (ROOT / PICTURE).read_text()
    ElementTree.fromstring((checkout / PICTURE).read_text())


@pytest.mark.parametrize(
    ("rps", "said"),
    [([700, 900, 800], "8.00× | 8× | met"), ([700, 799, 900], "7.99× | 8× | **missed**")],
    ids=["the median reaches the goal", "the median misses it"],
)
def test_a_goal_is_met_by_the_median_and_not_by_rounding(checkout, rps, said):
    turn = dict.fromkeys(("p50_ms", "p90_ms", "p99_ms", "cpu_us", "rss_mb", "pss_mb"), 1.0)
    turn |= {"item": "sklearn-1", "connections": 64, "errors": 0, "foreign_cores": 0.0}
    turns = [turn | {"server": "kserve", "round": 1, "rps": 100.0}]
    turns += [turn | {"server": "ours", "round": i, "rps": value} for i, value in enumerate(rps)]
    document = {"machine": {}, "plan": {"rounds": 3, "seconds": 1}, "turns": turns}
    (checkout / FIGURES).write_text(json.dumps(document | {"starts": [], "refused": []}))
    assert said in reported(checkout)
