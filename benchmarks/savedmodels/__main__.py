"""Every tool on every SavedModel, what it wrote asked beside the original.

What `cpr inspect` says is compared with TensorFlow's own view, field by field.
What `cpr clean`, `shrink`, `compile` and `export-model` write answers beside
the original: through `tf.saved_model.load` and the loader of TensorFlow 1,
each in a fresh process, through `cpr serve` over HTTP, and through TensorFlow
Serving where `tensorflow_model_server` is on the PATH. A tool may decline with
its reason; the exit code is 1 when anything else disagrees.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from commands import graphs_of
from comparing import INSPECT, TOOLS, Row, compare
from servers import SERVING

from cpr.savedmodel.layout import BINARY, TEXT

HERE = Path(__file__).resolve().parent
_GROUPS = {"shrink": ("float32", "float16", "bfloat16", "int8", "frozen")}


def main() -> int:
    """Compare all models; 1 if anything disagrees."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, help="with SavedModels somewhere below")
    parser.add_argument("--fresh", nargs="?", const="all", help="make some too: all, or names")
    parser.add_argument("--out", type=Path, help="keep what is written in this new folder")
    parser.add_argument("--only", default="inspect,clean,shrink,compile,export", metavar="TOOL,…")
    parser.add_argument("--json", type=Path, help="also write what was seen here")
    arguments = parser.parse_args()
    if not arguments.folders and not arguments.fresh:
        parser.error("name folders with SavedModels, or --fresh")
    if arguments.out and arguments.out.is_dir() and any(arguments.out.iterdir()):
        parser.error(f"--out {arguments.out} is not empty")
    only = _only(parser, arguments.only)
    rows = []
    with _workspace(arguments.out) as work:
        for name, folder in _models(arguments.folders, arguments.fresh, work):
            for number, tags in enumerate(graphs_of(folder)):
                place = work / f"{name.replace('/', '-')}-{number}"
                row = compare(name, folder, tags, only, place)
                rows.append(row)
                print(f"{_label(row)}: {_in_short(row)}", file=sys.stderr, flush=True)
                if not arguments.out:
                    shutil.rmtree(place, ignore_errors=True)
    _print(rows)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return 1 if not rows or any(row.disagreements for row in rows) else 0


def _only(parser: argparse.ArgumentParser, text: str) -> set[str]:
    wanted = {one for word in text.split(",") for one in _GROUPS.get(word, (word,))}
    if unknown := wanted - {INSPECT, *TOOLS}:
        parser.error(f"--only does not know {', '.join(sorted(unknown))}")
    return wanted


@contextmanager
def _workspace(out: Path | None) -> Iterator[Path]:
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="savedmodels-") as folder:
        yield Path(folder)


def _models(folders: list[Path], fresh: str | None, work: Path) -> Iterator[tuple[str, Path]]:
    """The name and directory of each SavedModel."""
    for top in folders:
        for path in sorted(top.rglob("saved_model.pb*")):
            if path.name in (BINARY, TEXT):
                yield str(path.parent.relative_to(top)) or top.name, path.parent
    if fresh:
        made = work / "fresh"
        names = [] if fresh == "all" else fresh.split(",")
        command = [sys.executable, str(HERE / "fresh_models.py"), str(made), *names]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for path in sorted(made.iterdir()):
            yield path.name, path / "1"


def _print(rows: list[Row]) -> None:
    """The table, and below it what is to be known of each model."""
    columns = [name for name in (INSPECT, *TOOLS) if any(name in row.cells for row in rows)]
    lines = [["model", *columns, "compared"]]
    for row in rows:
        cells = [row.cells.get(name, "-") for name in columns]
        lines.append([_label(row), *cells, f"{row.compared:,}"])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        print("  ".join(cells).rstrip())
    for title, of in (("declined or not asked", "notes"), ("DISAGREE", "disagreements")):
        told = [(row, getattr(row, of)) for row in rows if getattr(row, of)]
        if told:
            print(f"\n{title}")
        for row, texts in told:
            print(f"  {_label(row)}")
            for text in texts:
                print(f"    {text}")
    if shutil.which(SERVING) is None:
        print(f"\n{SERVING} is not on the PATH: nothing was asked through TensorFlow Serving.")


def _in_short(row: Row) -> str:
    cells = ", ".join(f"{tool} {cell}" for tool, cell in row.cells.items())
    return "\n    ".join([cells, *row.disagreements])


def _label(row: Row) -> str:
    return f"{row.model} [{','.join(row.tags)}]"


if __name__ == "__main__":
    sys.exit(main())
