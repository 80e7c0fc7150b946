"""The steps of shrinking: each makes one directory of another, and is taken if smaller."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cpr.savedmodel.shrinking.packing import Array, Packed, Precision, pack_float, pack_integer
from cpr.savedmodel.shrinking.result import Step
from cpr.savedmodel.shrinking.rewriting import Rewritten, write_packed

Work = Callable[[Path, Path], tuple[str, ...]]
"""Writes the second directory, which is new, from the first; says what it did."""


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
        after = size_of(made)
        if after >= size:
            shutil.rmtree(made)
            told = (*details, "not taken: it makes the model no smaller")
            yield Taken(Step(name, size, size, False, told), None)
            continue
        yield Taken(Step(name, size, after, True, details), made)
        current, size = made, after


def duplicates(source: Path, target: Path) -> tuple[str, ...]:
    """Store weights of the same bytes once."""
    write_packed(source, target, lambda values, dtype: None)
    return ("weights of the same bytes stored once",)


def integers(source: Path, target: Path) -> tuple[str, ...]:
    """Store int64 variables as int32 where every value fits."""
    return _told(write_packed(source, target, _integer), "int64 weights stored as int32")


def weights(precision: Precision) -> Work:
    """The step that stores float weights as `precision`."""

    def make(source: Path, target: Path) -> tuple[str, ...]:
        def pack(values: Array, dtype: int) -> Packed | None:
            return pack_float(values, dtype, precision) if values.dtype.kind == "f" else None

        return _told(write_packed(source, target, pack), f"float weights stored as {precision}")

    return make


def _integer(values: Array, dtype: int) -> Packed | None:
    return pack_integer(values, dtype) if values.dtype.kind == "i" else None


def _told(made: Rewritten, what: str) -> tuple[str, ...]:
    count = len(made.packed)
    told = [f"{what}: {count}, at most {made.worst:.3g} from what they were"] if count else []
    told += [f"{size:,} bytes left as they are: {why}" for why, size in made.left.items()]
    if made.is_keras_no_more:
        told.append("Keras's own records dropped: the result is for serving, not for Keras")
    return tuple(told or [f"{what}: none"])
