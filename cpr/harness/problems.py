"""What a failed assertion about a routine says."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cpr.findings import Finding
from cpr.replay.report import count, render
from cpr.replay.results import ReplayResult


def replay_problem(result: ReplayResult, *, refresh: str = "") -> str:
    """Why a replay is not as expected; "" if every answer is.

    Args:
        result: What came back.
        refresh: The command that writes the expected responses anew.
    """
    if result.is_ok and result.compared:
        return ""
    total = count(len(result.requests), "request")
    if result.is_ok:
        said = f"{result.name} answered {total}, but no response is expected of any."
        return "\n".join([said, *_advice("Write what it answers now to golden files", refresh)])
    wrong = []
    if result.failed:
        wrong.append(f"{result.failed} failed")
    if result.mismatched:
        wrong.append(f"{result.mismatched} answered otherwise than expected")
    lines = [f"{result.name}: of {total}, {' and '.join(wrong)}.", "", render(result)]
    if result.mismatched and not result.failed:
        lines += _advice("If the answers of now are right", refresh)
    return "\n".join(lines)


def refresh_command(path: Path, target: str | None, model_dir: str | None, golden: Path) -> str:
    """The command that writes golden files from the answers of now."""
    words = ["cpr", "replay", str(path)]
    words += [str(nearby(Path(target)))] if target else []
    words += ["--model-dir", model_dir] if model_dir else []
    return shlex.join([*words, "--golden", str(golden), "--update"])


def nearby(path: Path) -> Path:
    """A path as one would type it: from the current directory, if it lies there."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_absolute() and path.is_relative_to(here) else path


def findings_problem(name: str, findings: Sequence[Finding]) -> str:
    """The findings about a routine, each with its place and its cure."""
    head = f"{name} has {count(len(findings), 'finding')}:"
    return "\n".join([head, *finding_lines(findings)])


def finding_lines(findings: Iterable[Finding]) -> Iterator[str]:
    """A paragraph for each finding."""
    for item in findings:
        place = f"{item.file}:{item.line}: " if item.line else f"{item.file}: " * bool(item.file)
        yield ""
        yield f"{item.id} {item.severity}: {place}{item.message}"
        yield from (f"    {line}" for line in (item.fix or item.rule.cure).splitlines())


def _advice(words: str, command: str) -> list[str]:
    return ["", f"{words}: {command}"] if command else []
