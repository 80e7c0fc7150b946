"""Numbered version directories: chosen and published at once, old ones collected."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cpr.errors import EnvironmentProblem, UsageError
from cpr.publishing import publish_new, unfinished_folder
from cpr.savedmodel.layout import holds_model, version_number

# The number itself, the next free one, the time in seconds; None for no number.
Version = int | Literal["next", "time"] | None
_ANOTHER_PLACE = "Check the path and its permissions, or name another directory."


@dataclass(frozen=True)
class Retention:
    """Which exports to keep.

    Attributes:
        newest: So many of the highest numbers.
        every: Also each whose number is divisible by this; 0 keeps none so.
    """

    newest: int
    every: int = 0

    def __post_init__(self) -> None:
        if self.newest < 1 or self.every < 0:
            raise UsageError(
                f"cannot keep {self.newest} exports, and every {self.every}th.",
                hint="Keep at least 1: the one that is written.",
            )

    def doomed(self, versions: Sequence[int]) -> list[int]:
        """The versions that go, lowest first."""
        ordered = sorted(versions)
        kept = set(ordered[-self.newest :])
        kept |= {version for version in ordered if self.every and version % self.every == 0}
        return [version for version in ordered if version not in kept]


def versions_in(base: Path) -> list[int]:
    """The numbers of the directories in `base`, whatever they hold, lowest first."""
    if not base.is_dir():
        return []
    return sorted(number for item in base.iterdir() if (number := version_number(item)) is not None)


@contextmanager
def staged(target: Path, version: Version) -> Iterator[Path]:
    """An empty hidden folder on the target's file system; gone at the end, whatever happens.

    No server takes it for a version, since its name is not a number.

    Raises:
        UsageError: The version, or the directory itself, is there already.
        EnvironmentProblem: The folder cannot be made.
    """
    _refuse_taken(target, version)
    within = None if version is None else target
    with unfinished_folder(target, within=within, hint=_ANOTHER_PLACE) as folder:
        inner = folder / "model"
        inner.mkdir()
        yield inner


def publish(folder: Path, target: Path, version: Version) -> Path:
    """Rename a finished folder to its final name, at once; returns the name.

    Where two exports want the next number, one gets it and the other the one
    after: a directory that holds something is never replaced.

    Raises:
        UsageError: The version, or the directory itself, is there already.
        EnvironmentProblem: It cannot be renamed.
    """
    while True:
        place = _place(target, version)
        _refuse_taken(target, version)
        try:
            publish_new(folder, place, hint=_ANOTHER_PLACE)
        except FileExistsError as error:
            if version not in ("next", "time"):
                raise _taken(place) from error
        else:
            return place


def collect(base: Path, retention: Retention, *, sparing: Path) -> tuple[list[Path], list[str]]:
    """Remove the exports in `base` that the policy does not keep.

    Only directories that hold a SavedModel count and go. Each is moved into a
    hidden folder first, so that no reader meets half of one.

    Returns:
        Those that went, and a sentence about each that could not be removed:
        the new export is there all the same.
    """
    exports = [n for n in versions_in(base) if holds_model(base / str(n))]
    doomed = [path for n in retention.doomed(exports) if (path := base / str(n)) != sparing]
    removed: list[Path] = []
    left: list[str] = []
    if not doomed:
        return removed, left
    try:
        with unfinished_folder(base, within=base, hint=_ANOTHER_PLACE) as grave:
            for path in doomed:
                try:
                    path.rename(grave / path.name)
                except FileNotFoundError:
                    continue  # another export collects as well
                except OSError as error:
                    left.append(f"{path} could not be removed: {error.strerror}.")
                else:
                    removed.append(path)
    except EnvironmentProblem as problem:
        left.append(f"no older export could be removed: {problem.problem}.")
    return removed, left


def _place(target: Path, version: Version) -> Path:
    if version is None:
        return target
    if version == "next":
        return target / str(max(versions_in(target), default=0) + 1)
    if version == "time":
        # As Estimators named exports; a second that is taken gives way to the next.
        now = int(time.time())
        return target / str(max(now, max(versions_in(target), default=0) + 1))
    return target / str(version)


def _refuse_taken(target: Path, version: Version) -> None:
    if isinstance(version, int) and version < 0:
        raise UsageError(f"the version is {version}; expected a number of at least 0.")
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target} is a file.", hint="Name a directory.")
    if version is None and target.is_dir() and any(target.iterdir()):
        raise UsageError(
            f"{target} is not empty.", hint="Name another directory, or let versions be numbered."
        )
    if isinstance(version, int) and (target / str(version)).exists():
        raise _taken(target / str(version))


def _taken(place: Path) -> UsageError:
    return UsageError(
        f"{place} is there already.", hint="A version is never overwritten: choose another number."
    )
