"""What compiling and shrinking gain, for eight architectures: `python benchmarks/compiling`.

Each model is built, compiled with `cpr compile`, and called through its
predictor, original and compiled in turns; for SavedModels the plain signature
of ``tf.saved_model.load`` beside them, from lists to lists as a server would.
A cold start is a fresh process from its first line to its first answer. The
table goes to docs/savedmodel.md between its two marks, or to standard output.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from architectures import ARCHITECTURES, Architecture, plain_signature
from runtimes import runtime_table, try_each
from sizes import shrink_each, size_table

from cpr.artifacts.compiled import FOLDER, read_record
from cpr.compiling import CompileReport, CompileTerms, compile_model
from cpr.compiling.subject import Subject
from cpr.compiling.timing import time_in_turns
from cpr.savedmodel import Shrunk

PAGE = Path(__file__).resolve().parents[2] / "docs" / "savedmodel.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
SIZES = (1, 64)
COLD = """
import time; start = time.perf_counter()
import json, re, sys
import cpr
from cpr.messages import Call
with cpr.open_routine(None, sys.argv[1]) as routine:
    reply = routine.answer([Call(sys.stdin.buffer.read())])[0]
seconds = time.perf_counter() - start
assert reply.status == 200, reply.body
peak = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]
print(json.dumps([seconds, int(peak) / 1024]))
"""


@dataclass(frozen=True)
class Row:
    """One architecture's figures."""

    name: str
    report: CompileReport
    size_bytes: int
    us: Mapping[int, Mapping[str, float]]
    cold: Mapping[str, tuple[float, float]]
    shrunk: Mapping[str, Shrunk]
    each: CompileReport | None


def main() -> int:
    """Build, compile, measure and write; exit 1 if something compiled is slower anywhere."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=list(ARCHITECTURES), action="append")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--write", action="store_true", help=f"write into {PAGE.name}")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            measure(item, Path(folder) / name, arguments.rounds)
            for name, item in ARCHITECTURES.items()
            if not arguments.only or name in arguments.only
        ]
    tables = [table(rows), runtime_table({row.name: row.each for row in rows})]
    text = "\n\n".join([*tables, size_table({row.name: row.shrunk for row in rows})])
    print(text)
    if arguments.json:
        arguments.json.write_text(json.dumps([to_json(row) for row in rows], indent=1) + "\n")
    if arguments.write:
        write(text)
    pairs = [(us.get("compiled", 0), us["original"]) for row in rows for us in row.us.values()]
    return 1 if any(compiled > original for compiled, original in pairs) else 0


def measure(item: Architecture, folder: Path, rounds: int) -> Row:
    """The figures of one architecture."""
    folder.mkdir(parents=True)
    print(f"{item.name}: building", file=sys.stderr)
    instances = item.build(folder)
    shrunk = shrink_each(folder)
    print(f"{item.name}: compiling", file=sys.stderr)
    each = try_each(folder)
    report = compile_model(folder, terms=CompileTerms(batch_sizes=SIZES))
    subject = Subject(folder, report.kind)
    predictors = {"original": subject.open(runtime="native")}
    if report.is_compiled:
        predictors["compiled"] = subject.open(runtime="auto")
    us = {}
    for size in SIZES:
        batch = (instances * size)[:size]
        calls: dict[str, Callable[[], Any]] = {
            name: partial(predictor.predict, batch) for name, predictor in predictors.items()
        }
        if report.kind == "tensorflow":
            calls["signature"] = plain_signature(subject.artifact.path, batch)
        us[size] = time_in_turns(calls, rounds=rounds)
    body = json.dumps({"instances": instances[:1]})
    cold = {name: cold_start(folder, body, name) for name in predictors}
    return Row(item.name, report, size_of(subject), us, cold, shrunk, each)


def cold_start(folder: Path, body: str, name: str) -> tuple[float, float]:
    """Seconds to the first answer and the peak memory in MB: the best of five fresh processes."""
    runtime = "native" if name == "original" else "auto"
    command = ["env", f"CPR_PREDICTOR_RUNTIME={runtime}", sys.executable, "-c", COLD]
    found = []
    for _ in range(5):
        done = subprocess.run(
            [*command, str(folder)], input=body, capture_output=True, text=True, check=True
        )
        found.append(tuple(json.loads(done.stdout.splitlines()[-1])))
    return min(found)


def size_of(subject: Subject) -> int:
    """The bytes of the original's files."""
    path = subject.artifact.path
    files = [item for item in path.rglob("*") if item.is_file()] if path.is_dir() else [path]
    return sum(item.stat().st_size for item in files if FOLDER not in item.parts)


def table(rows: list[Row]) -> str:
    """The figures as a Markdown table."""
    heads = ["model", "runs on", "bytes", "compiled", "deviation"]
    heads += [f"{name}, {size}" for size in SIZES for name in ("signature", "original", "compiled")]
    heads += ["cold start", "compiled"]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    lines += [f"| {' | '.join(cells(row))} |" for row in rows]
    lines += [
        f"\n{row.name} was not compiled: {row.report.reason}."
        for row in rows
        if not row.report.is_compiled
    ]
    return "\n".join(lines)


def cells(row: Row) -> list[str]:
    """The cells of a row, in the order of the headings."""
    chosen = row.report.chosen
    found = [row.name, chosen.name if chosen else "the original", f"{row.size_bytes:,}"]
    found += [f"{chosen.size_bytes:,}", f"{chosen.deviation:.1g}"] if chosen else ["–", "–"]
    for us in row.us.values():
        found += [microseconds(us.get(name)) for name in ("signature", "original", "compiled")]
    for name in ("original", "compiled"):
        start = row.cold.get(name)
        found.append(f"{start[0]:.2f} s, {start[1]:.0f} MB" if start else "–")
    return found


def microseconds(value: float | None) -> str:
    """A time, to three digits."""
    if value is None:
        return "–"
    return f"{value:.1f} µs" if value < 100 else f"{value:,.0f} µs"


def to_json(row: Row) -> dict[str, Any]:
    """All that is known of a row."""
    told = {"name": row.name, "report": row.report.to_json(), "size_bytes": row.size_bytes}
    if row.report.folder and (row.report.folder / "compiled.json").exists():
        told["record"] = read_record(row.report.folder)
    told["each"] = row.each.to_json() if row.each else None
    told["shrunk"] = {weights: one.to_json() for weights, one in row.shrunk.items()}
    return {**told, "us": {str(n): dict(us) for n, us in row.us.items()}, "cold": dict(row.cold)}


def write(text: str) -> None:
    """Put the table between the marks of the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{PAGE} has no lines {BEGIN} and {END}")
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
