"""Runs the commands on a model, and says what became of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from differing import EXACT, Tolerance

from cpr.savedmodel.meta_graph import tags as tags_of
from cpr.savedmodel.reader import read_saved_model
from cpr.savedmodel.shrinking.shrinker import TOLERANCES

_TIME_LIMIT_S = 900
# A documented end of a command that did not do what it was asked; 70 is a bug.
_DECLINED = {1, 2, 3, 10, 11, 12, 13, 14, 20}


@dataclass(frozen=True)
class Written:
    """What a tool made of a model.

    `folder` is None where it declined, for `reason`, with `exit_code`;
    `failure` is not empty where it neither wrote nor declined.
    """

    tool: str
    folder: Path | None
    exit_code: int
    reason: str = ""
    failure: str = ""
    tolerance: Tolerance = EXACT


def graphs_of(folder: Path) -> list[tuple[str, ...]]:
    """The tags of each graph of a SavedModel."""
    return [tags_of(graph) for graph in read_saved_model(folder).meta_graphs]


def inspect(folder: Path) -> tuple[dict[str, Any] | None, str]:
    """What ``cpr inspect --json`` prints, or why there is nothing."""
    done = run("inspect", str(folder))
    if done.returncode not in (0, 1):
        return None, _failure(done) or _reason(done)
    document: dict[str, Any] = json.loads(done.stdout)
    return document, ""


def write(tool: str, source: Path, tags: Sequence[str], out: Path) -> Written:
    """Run one tool on a model, into `out`."""
    written = _compile(source, tags, out) if tool == "compile" else _others(tool, source, tags, out)
    if written.folder is None:
        shutil.rmtree(out, ignore_errors=True)
    return written


def with_graph(written: Written, tags: Sequence[str]) -> Written:
    """What a tool made of one graph: nothing where that is not in what it wrote."""
    if written.folder is None or tuple(tags) in graphs_of(written.folder):
        return written
    return Written(written.tool, None, 0, f"it leaves the graph {','.join(tags)} out")


def run(
    *words: str, tags: Sequence[str] = (), time_limit_s: float = _TIME_LIMIT_S
) -> subprocess.CompletedProcess[str]:
    """Run ``cpr`` with these words and ``--json``; exit code 124 when it takes too long."""
    command = [sys.executable, "-m", "cpr", *words, "--json"]
    variables = ["env", f"CPR_PREDICTOR_TAGS={','.join(tags)}"] if tags else []
    try:
        return subprocess.run(
            [*variables, *command], capture_output=True, text=True, timeout=time_limit_s
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"took more than {time_limit_s} s")


def _others(tool: str, source: Path, tags: Sequence[str], out: Path) -> Written:
    named = ",".join(tags)
    words, tolerance = {
        "clean": (["clean", str(source), str(out), "--tag", named], EXACT),
        "export": (
            [
                *("export-model", str(source), str(out), "--version", "none"),
                *(("--source-tags", named, "--tags", named) if tags else ()),
            ],
            Tolerance(1e-6, 1e-5),
        ),
        "frozen": (
            ["shrink", str(source), str(out), "--weights", "float32", "--freeze"],
            Tolerance(1e-5, 1e-4),
        ),
    }.get(tool) or (
        ["shrink", str(source), str(out), "--weights", tool],
        Tolerance(*TOLERANCES[tool]),
    )
    done = run(*words)
    if done.returncode == 0:
        return Written(tool, out, 0, _kept(done.stdout), tolerance=tolerance)
    return _not_written(tool, done)


def _compile(source: Path, tags: Sequence[str], out: Path) -> Written:
    """A copy of the model with what ``cpr compile`` puts beside it."""
    shutil.copytree(source, out)
    done = run("compile", str(out), "--batch-sizes", "1", tags=tags)
    if done.returncode:
        return _not_written("compile", done)
    summary = json.loads(done.stdout)["summary"]
    if not summary["compiled"]:
        found: dict[str, list[str]] = {}
        for item in summary["candidates"]:
            found.setdefault(item["why_not"], []).append(item["runtime"])
        reasons = [f"{', '.join(runtimes)}: {reason}" for reason, runtimes in found.items()]
        return Written("compile", None, 0, "; ".join(reasons))
    return Written("compile", out, 0, summary["runtime"], tolerance=Tolerance(1e-5, 1e-4))


def _kept(stdout: str) -> str:
    """Why a copy of the original was written, if it was."""
    summary = json.loads(stdout)["summary"]
    return f"kept: {summary['reason']}" if summary.get("outcome") == "kept" else ""


def _not_written(tool: str, done: subprocess.CompletedProcess[str]) -> Written:
    return Written(tool, None, done.returncode, _reason(done), _failure(done))


def _failure(done: subprocess.CompletedProcess[str]) -> str:
    """Why this is no orderly end; "" if it is one."""
    if done.returncode in _DECLINED and "Traceback" not in done.stderr and _reason(done):
        return ""
    said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
    return f"ended with {done.returncode}, saying {said}"


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    try:
        document = json.loads(done.stdout)
    except ValueError:
        return done.stderr.strip()
    found = [item["message"] for item in document["findings"]]
    return str(document["summary"].get("reason") or " ".join(found))
