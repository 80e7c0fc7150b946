"""Each runtime beside the original, the losers too."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cpr.artifacts.compiled import FOLDER
from cpr.compiling import Candidate, CompileReport, CompileTerms, compile_model

RUNTIMES = ("litert", "onnx", "xla")
SIZES = (1, 8, 64)


def try_each(folder: Path) -> CompileReport | None:
    """All runtimes on a copy of a model with signatures; None for another one."""
    if not list(folder.glob("*/saved_model.pb")):
        return None
    print("trying each runtime", file=sys.stderr)
    with tempfile.TemporaryDirectory() as there:
        copy = Path(there) / "model"
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(FOLDER))
        return compile_model(copy, terms=CompileTerms(batch_sizes=SIZES, runtimes=RUNTIMES))


def runtime_table(reports: Mapping[str, CompileReport | None]) -> str:
    """The figures as a Markdown table, for models by name: microseconds of 1, 8 and 64."""
    heads = ["model", "original", *RUNTIMES]
    lines = [f"| {' | '.join(heads)} |", f"|---{'|--:' * (len(heads) - 1)}|"]
    for name, report in reports.items():
        if report is not None:
            by_runtime = {item.runtime: item for item in report.candidates}
            cells = [_times(by_runtime[runtime]) for runtime in RUNTIMES]
            lines.append(f"| {' | '.join([name, _originals(report), *cells])} |")
    return "\n".join(lines)


def _times(item: Candidate) -> str:
    found = {(part.name, f.batch_size): f.us for part in item.parts for f in part.figures}
    first = next((name for name, _ in found), "")
    return _joined([found.get((first, size)) for size in SIZES]) if found else "–"


def _originals(report: CompileReport) -> str:
    figures = [f for item in report.candidates for part in item.parts for f in part.figures]
    found = [[f.original_us for f in figures if f.batch_size == size] for size in SIZES]
    return _joined([min(times) if times else None for times in found])


def _joined(times: list[float | None]) -> str:
    return " / ".join("–" if us is None else _short(us) for us in times) + " µs"


def _short(us: float) -> str:
    return f"{us:.1f}" if us < 100 else f"{us:,.0f}"
