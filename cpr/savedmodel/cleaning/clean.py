"""Makes the clean copy: finds the export, cuts it, copies, verifies, puts in place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cpr.errors import EnvironmentProblem, UsageError
from cpr.publishing import ANOTHER_PLACE, publish, publish_new, unfinished_folder
from cpr.savedmodel.cleaning.cleaned import Cleaned, Removed
from cpr.savedmodel.cleaning.exports import find_export
from cpr.savedmodel.cleaning.files import chosen_files, files_below, left_behind
from cpr.savedmodel.cleaning.model_copy import VARIABLES, Progress, copy_model
from cpr.savedmodel.cleaning.verifying import verify_copy
from cpr.savedmodel.cleaning.warmup import keep_answerable
from cpr.savedmodel.reader import model_file
from cpr.savedmodel.warmup_file import FILE as WARMUP


@contextmanager
def _no_progress(_: int) -> Iterator[Callable[[], None]]:
    yield lambda: None


def clean(
    source: Path,
    out: Path,
    *,
    version: int | None = None,
    tags: Sequence[Collection[str]] = (),
    signatures: Sequence[str] = (),
    keep: Sequence[str] = (),
    force: bool = False,
    progress: Progress = _no_progress,
) -> Cleaned:
    """Make a deployable copy of a training directory or SavedModel, without TensorFlow.

    The copy has the graph for serving, its signatures and what they reach: the
    variables, tables, functions and assets, each once. `source` is only read; `out`
    appears whole or not at all.

    Args:
        source: A SavedModel, or a directory with exports in it.
        out: The directory to make.
        version: The number of the export to take; by default the highest.
        tags: The tags of each graph to keep; by default the one to serve.
        signatures: The signatures to keep; by default all.
        keep: Glob patterns of further files to keep, below `source`.
        force: Replace `out` if it is there.
        progress: Given the number of variables, yields what is called after each.

    Raises:
        LoadError: There is no export in `source`, or it is damaged.
        UsageError: `out` is there already or within `source`, or there is no such
            version, graph, signature or file.
        EnvironmentProblem: A file cannot be read or written.
    """
    source, out = source.absolute(), out.absolute()
    with _told(source, out):
        exports = find_export(source, version)
        export = exports.chosen
        _check_place(source, out, force=force)
        with _finished(out, force=force) as folder:
            copied = copy_model(export, folder, tag_sets=tags, wanted=signatures, progress=progress)
            files = chosen_files(source, export, copied.assets, keep)
            for name, path in files.items():
                _copy(path, folder / name)
            removed, notes = list(copied.removed), list(copied.notes)
            warmup = folder / WARMUP
            if warmup.is_file() and (count := keep_answerable(warmup, copied.signatures)):
                removed.append(
                    Removed("warm-up requests to signatures that are gone", count, 0, ())
                )
            verify_copy(folder, copied, export)
            size = sum(path.stat().st_size for path in files_below(folder).values())
        taken = {*files.values(), model_file(export), *_of_variables(export)}
        removed += left_behind(source, export, exports.all, taken)
        ordered = sorted(removed, key=lambda item: (-item.size, item.what))
        before = sum(path.lstat().st_size for path in files_below(source).values())
        return Cleaned(
            source, export, out, copied.tags, copied.signatures, before, size,
            tuple(item for item in ordered if item.size > 0 or item.names), tuple(notes),
        )  # fmt: skip


def _of_variables(export: Path) -> Iterator[Path]:
    yield from (export / VARIABLES.parent).glob("variables.*")


def _check_place(source: Path, out: Path, *, force: bool) -> None:
    inside, place = source.resolve(), out.resolve()
    if place.is_relative_to(inside) or inside.is_relative_to(place):
        raise UsageError(
            f"{source} and its copy {out} lie within each other; the source is never changed.",
            hint="Name a directory elsewhere.",
        )
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise UsageError(f"{out} is there and is no directory.", hint="Name another place.")
    if out.is_dir() and any(out.iterdir()) and not force:
        raise _taken(out)


def _taken(out: Path) -> UsageError:
    return UsageError(
        f"{out} is there already and not empty.",
        hint="Name a new directory, or replace this one with --force.",
    )


@contextmanager
def _finished(out: Path, *, force: bool) -> Iterator[Path]:
    """A hidden folder beside `out`, which gets its name when all went well."""
    with unfinished_folder(out) as folder:
        yield folder
        if force:
            publish(folder, out)
            return
        try:
            publish_new(folder, out)
        except FileExistsError as error:
            raise _taken(out) from error


@contextmanager
def _told(source: Path, out: Path) -> Iterator[None]:
    """Tells whether a file of the source cannot be read, or the copy cannot be written."""
    try:
        yield
    except OSError as error:
        named = Path(os.fsdecode(error.filename or out))
        problem = error.strerror or error
        if named.is_relative_to(source):
            raise EnvironmentProblem(
                f"{named} cannot be read: {problem}.",
                hint="Let your user read the whole directory, or remove what is not needed.",
            ) from error
        raise EnvironmentProblem(
            f"{out} cannot be written: {problem}.", hint=ANOTHER_PLACE
        ) from error


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as file:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as copy:
            shutil.copyfileobj(file, copy)
