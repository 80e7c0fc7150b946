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

from commands import Written, graphs_of
from comparing import INSPECT, SHRINK, TOOLS, WAYS, compare
from keras_files import SUFFIXES, compare_keras
from rows import Row, load_row
from servers import SERVING
from summary import summary

from cpr.savedmodel.layout import BINARY, TEXT

HERE = Path(__file__).resolve().parent
_ROW = "row.json"


def main() -> int:
    """Compare all models; 1 if anything disagrees."""
    arguments = _arguments()
    rows: list[Row] = []
    with _workspace(arguments.out) as work:
        for name, path in _models(arguments.folders, arguments.fresh, work):
            for row in _rows(name, path, arguments.only, work):
                rows.append(row)
                print(_in_short(row), file=sys.stderr, flush=True)
            if not arguments.out:
                for place in work.glob(f"{_flat(name)}-*"):
                    shutil.rmtree(place)
        told = summary(rows, (INSPECT, *TOOLS), WAYS)
        (work / "summary.md").write_text(told, encoding="utf-8")
    print(told)
    if shutil.which(SERVING) is None:
        print(f"{SERVING} is not on the PATH: nothing was asked through TensorFlow Serving.")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return 1 if not rows or any(row.disagreements for row in rows) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "folders", nargs="*", type=Path, help="with SavedModels or Keras files somewhere below"
    )
    parser.add_argument("--fresh", nargs="?", const="all", help="make some too: all, or names")
    parser.add_argument("--out", type=Path, help="keep what is written, and summary.md, here")
    parser.add_argument("--resume", action="store_true", help="leave out what is done in --out")
    parser.add_argument("--only", default="inspect,clean,shrink,compile,export", metavar="TOOL,…")
    parser.add_argument("--json", type=Path, help="also write what was seen here")
    arguments = parser.parse_args()
    if not arguments.folders and not arguments.fresh:
        parser.error("name folders with SavedModels, or --fresh")
    if arguments.resume and not arguments.out:
        parser.error("--resume needs the --out of the run that it goes on with")
    if (
        arguments.out
        and not arguments.resume
        and arguments.out.is_dir()
        and any(arguments.out.iterdir())
    ):
        parser.error(f"--out {arguments.out} is not empty; --resume goes on with it")
    wanted = arguments.only.split(",")
    arguments.only = {one for word in wanted for one in (SHRINK if word == "shrink" else (word,))}
    if unknown := arguments.only - {INSPECT, *TOOLS}:
        parser.error(f"--only does not know {', '.join(sorted(unknown))}")
    return arguments


def _rows(name: str, path: Path, only: set[str], work: Path) -> Iterator[Row]:
    """What is seen of the graphs of a SavedModel, or of a Keras file, or was before."""
    shrunk: dict[str, Written] = {}
    for number, tags in enumerate(graphs_of(path) if path.is_dir() else [()]):
        place = work / f"{_flat(name)}-{number}"
        if (place / _ROW).is_file():
            yield load_row(place / _ROW)
            continue
        shutil.rmtree(place, ignore_errors=True)
        if path.is_dir():
            row = compare(name, path, tags, only, place, shrunk=shrunk)
        else:
            row = compare_keras(name, path, only, place)
        row.save(place / _ROW)
        yield row


def _flat(name: str) -> str:
    return name.replace("/", "-")


@contextmanager
def _workspace(out: Path | None) -> Iterator[Path]:
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="savedmodels-") as folder:
        yield Path(folder)


def _models(folders: list[Path], fresh: str | None, work: Path) -> Iterator[tuple[str, Path]]:
    """The name and directory of each SavedModel, and the name and path of each Keras file."""
    for top in map(Path.resolve, folders):
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.name in (BINARY, TEXT):
                yield path.parent.relative_to(top.parent).as_posix(), path.parent
            elif path.suffix in SUFFIXES and not path.name.endswith(".weights.h5"):
                yield path.relative_to(top.parent).as_posix(), path
    if fresh:
        made = work / "fresh"
        names = [] if fresh == "all" else fresh.split(",")
        command = [sys.executable, str(HERE / "fresh_models.py"), str(made), *names]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for path in sorted(made.iterdir()):
            yield path.name, path / "1"


def _in_short(row: Row) -> str:
    cells = ", ".join(f"{tool} {cell}" for tool, cell in row.cells.items())
    lines = [f"{row.label}: {cells}", *(f"{key}: {text}" for key, text in row.reasons.items())]
    return "\n    ".join([*lines, *row.notes, *row.disagreements])


if __name__ == "__main__":
    sys.exit(main())
