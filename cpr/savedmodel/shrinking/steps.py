"""The steps of shrinking: each makes one directory of another, and is taken if smaller."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpr.errors import EnvironmentProblem
from cpr.savedmodel.bundle import Bundle
from cpr.savedmodel.cleaning import clean
from cpr.savedmodel.meta_graph import SERVE, tags
from cpr.savedmodel.reader import read_saved_model, write_saved_model
from cpr.savedmodel.shrinking.asking import run_child
from cpr.savedmodel.shrinking.constants import narrow_constants
from cpr.savedmodel.shrinking.packing import Array, Packed, Precision, pack_float, pack_integer
from cpr.savedmodel.shrinking.rejoining import read_restored
from cpr.savedmodel.shrinking.result import Step
from cpr.savedmodel.shrinking.rewriting import Rewritten, write_packed
from cpr.savedmodel.shrinking.row_variables import write_without_rows
from cpr.savedmodel.shrinking.vocabulary import prune_vocabularies
from cpr.savedmodel.trackables import read_trackables

Work = Callable[[Path, Path], tuple[str, ...]]
"""Writes the second directory, which is new, from the first; says what it did.

Where there is nothing to do it leaves no second directory.
"""


_FOLDING = "cpr.savedmodel.shrinking.folding"


@dataclass(frozen=True)
class Taken:
    """A step, and the directory with its result if it was taken."""

    step: Step
    folder: Path | None


def size_of(folder: Path) -> int:
    """The bytes of all files below a directory."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def take_steps(source: Path, work: Path, steps: list[tuple[str, Work]]) -> Iterator[Taken]:
    """Take each step that makes the model smaller, from what the last one left.

    Args:
        source: The model, which is not written to.
        work: An empty directory for what the steps write.
        steps: Their names and what they do.
    """
    current, size = source, size_of(source)
    for name, make in steps:
        made = work / name
        details = make(current, made)
        if not made.exists():
            yield Taken(Step(name, size, size, False, details), None)
            continue
        after = size_of(made)
        if after >= size:
            shutil.rmtree(made)
            told = (*details, "not taken: it makes the model no smaller")
            yield Taken(Step(name, size, size, False, told), None)
            continue
        yield Taken(Step(name, size, after, True, details), made)
        current, size = made, after


def cleaned(source: Path, target: Path) -> tuple[str, ...]:
    """Leave out what no signature of a graph to serve reaches, and store duplicates once."""
    graphs = read_saved_model(source).meta_graphs
    served = [one for one in graphs if SERVE in tags(one)] or list(graphs)
    made = clean(source, target, tags=[tags(one) for one in served])
    told = [f"{one.count} {one.what} ({one.size:,} bytes)" for one in made.removed]
    if count := _rejoined(target):
        told.append(f"restored in the graph too, for TensorFlow Serving: {count} variables")
    return (*told, *made.notes)


def _rejoined(folder: Path) -> int:
    """Have the graphs of a SavedModel read what they restore; how many variables did not."""
    if not (folder / "variables" / "variables.index").is_file():
        return 0
    with Bundle(folder / "variables" / "variables") as bundle:
        trackables = read_trackables(bundle)
    if trackables is None:
        return 0
    model = read_saved_model(folder)
    count = sum(read_restored(one, trackables) for one in model.meta_graphs)
    if count:
        write_saved_model(model, folder)
    return count


def vocabularies(keep: Mapping[str, Collection[bytes]]) -> Work:
    """The step that prunes vocabularies to the words given, by the vocabulary's name."""

    def make(source: Path, target: Path) -> tuple[str, ...]:
        shutil.copytree(source, target, copy_function=shutil.copyfile)
        model = read_saved_model(target)
        is_only = len(model.meta_graphs) == 1
        done = [prune_vocabularies(one, target, keep, is_only=is_only) for one in model.meta_graphs]
        write_saved_model(model, target)
        if gone := {name: rows for one in done for name, rows in one.gone.items()}:
            shutil.rmtree(target / "variables")
            write_without_rows(source, target, gone)
        return tuple(dict.fromkeys(line for one in done for line in one.told))

    return make


def folded(source: Path, target: Path) -> tuple[str, ...]:
    """Fold graphs of TensorFlow 1 by Grappler; those of TensorFlow 2 are left alone."""
    graphs = read_saved_model(source).meta_graphs
    if any(one.object_graph_def.nodes for one in graphs):
        return ("TensorFlow folds functions of TensorFlow 2 when it loads them",)
    shutil.copytree(source, target, copy_function=shutil.copyfile)
    made = _run(target, freeze=False)
    if made["error"]:
        shutil.rmtree(target)
        return (f"not folded: {made['error']}",)
    return (_folded(made),)


def frozen(source: Path, target: Path) -> tuple[str, ...]:
    """Freeze variables into constants, and fold; the graph becomes one of TensorFlow 1."""
    whole = target.with_name(f"{target.name}-whole")
    shutil.copytree(source, whole, copy_function=shutil.copyfile)
    made = _run(whole, freeze=True)
    if made["error"]:
        return (f"not frozen: {made['error']}",)
    if not made["left"]:
        shutil.rmtree(whole / "variables", ignore_errors=True)
    clean(whole, target, tags=[tags(one) for one in read_saved_model(whole).meta_graphs])
    shutil.rmtree(whole)
    told = [f"variables frozen into constants: {made['frozen']}", _folded(made)]
    if made["scales"]:
        told.append(f"scales and shifts folded into weights: {made['scales']}")
    if made["checks"]:
        told.append(f"nodes that check or print numbers removed: {made['checks']}")
    told += [f"kept as variables: {', '.join(names)}: {why}" for why, names in made["left"].items()]
    return tuple(told)


def _run(folder: Path, *, freeze: bool) -> dict[str, Any]:
    """Fold the SavedModel in place, in a process of its own; its ``error`` is why it is not."""
    try:
        made: dict[str, Any] = run_child(_FOLDING, {"folder": str(folder), "freeze": freeze})
    except EnvironmentProblem as error:
        return {"error": error.problem}
    return made


def _folded(made: Mapping[str, int]) -> str:
    return f"graph folded by Grappler: {made['before']:,} nodes became {made['after']:,}"


def integers(source: Path, target: Path) -> tuple[str, ...]:
    """Store int64 weights as int32 where every value fits, and constants in few bytes."""
    what = "int64 weights stored as int32"
    made = write_packed(source, target, _integer, narrow_constants)
    told = _told(made, what, target)
    if made.edits:
        told = (*told, f"constant integers written in fewer bytes: {made.edits}")
    return told


def weights(precision: Precision) -> Work:
    """The step that stores float weights as `precision`."""

    def make(source: Path, target: Path) -> tuple[str, ...]:
        def pack(values: Array, dtype: int) -> Packed | None:
            return pack_float(values, dtype, precision) if values.dtype.kind == "f" else None

        made = write_packed(source, target, pack)
        return _told(made, f"float weights stored as {precision}", target)

    return make


def _integer(values: Array, dtype: int) -> Packed | None:
    return pack_integer(values, dtype) if values.dtype.kind == "i" else None


def _told(made: Rewritten, what: str, target: Path) -> tuple[str, ...]:
    """What was done, in words; where nothing was, the copy goes."""
    left = [f"{size:,} bytes left as they are: {why}" for why, size in made.left.items()]
    if not made.packed:
        if not made.edits:
            shutil.rmtree(target)
        return (f"{what}: none", *left)
    told = f"{what}: {len(made.packed)}"
    if made.worst:
        told += f", values at most {made.worst:.3g} from what they were"
    if made.is_keras_no_more:
        left.append("Keras's own records dropped: the result is for serving, not for Keras")
    return (told, *left)
