"""What a clean copy holds, and what went on the way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Removed:
    """Things of one kind that are not in the copy.

    Attributes:
        what: Their kind, such as ``checkpoints`` or ``variables of the optimizer``.
        count: How many there were.
        size: Their bytes, as far as they can be told apart.
        names: Which: paths below the source, or names.
    """

    what: str
    count: int
    size: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Cleaned:
    """A clean copy of a training directory.

    Attributes:
        source: What was cleaned.
        export: The SavedModel in it that was taken.
        path: The copy.
        tags: The tags of each graph in the copy.
        signatures: The signatures in the copy.
        size_before: The bytes of all files of the source.
        size: The bytes of all files of the copy.
        removed: What went, the largest first.
        notes: What a reader should know besides, in whole sentences.
    """

    source: Path
    export: Path
    path: Path
    tags: tuple[tuple[str, ...], ...]
    signatures: tuple[str, ...]
    size_before: int
    size: int
    removed: tuple[Removed, ...]
    notes: tuple[str, ...] = ()
