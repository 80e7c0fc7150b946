"""Which versions have to be loaded: all at the start, at a reload what may have changed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from cpr.archive import is_package_file
from cpr.server.aside import run_aside
from cpr.server.line_up import LineUp
from cpr.server.options import ServeOptions, VersionSource
from cpr.server.samples import samples_of
from cpr.server.served_version import ServedVersion

Mark = tuple[object, ...]
_MOST_FILES = 10_000
_FOR_ALL = re.compile(r"labels\.txt|classes\.json|preprocessor\..*")


async def prepare(options: ServeOptions, line_up: LineUp) -> list[ServedVersion]:
    """The versions to load, not started yet; in a thread it reads files.

    A version is loaded anew unless its files are as they were. A server with
    one version always loads it: what its class reads is not known.

    Raises:
        BadFile: The samples that were named cannot be used.
        NoFile: They are not there.
    """
    fresh = []
    for source in options.versions:
        mark = await run_aside(mark_of, source)
        served = line_up.versions.get(source.name)
        if len(options.versions) > 1 and served is not None and mark and served.mark == mark:
            continue
        samples = await run_aside(samples_of, source, options.samples)
        generation, tally = line_up.next_generation(source.name), line_up.tally(source.name)
        fresh.append(ServedVersion(source, generation, options, samples, tally, mark))
    return fresh


def mark_of(source: VersionSource) -> Mark:
    """What changes when the files of a version do; () where that cannot be told.

    It can be of packages and model directories; a class in a project may
    import and read anything.
    """
    target, model_dir = source.open_with.get("target"), source.open_with.get("model_dir")
    places = [Path(str(place)) for place in (target, model_dir) if place]
    if not all(place.exists() for place in places) or (target and not is_package_file(places[0])):
        return ()
    found = chain(*map(_files, places), _for_all(Path(str(model_dir))) if model_dir else ())
    files = list(islice(found, _MOST_FILES + 1))
    if len(files) > _MOST_FILES:
        return ()
    described = sorted((str(file), *_state(file)) for file in files)
    return (repr(sorted(source.open_with.items())), tuple(described))


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    for folder, _, names in os.walk(place):
        yield from (Path(folder) / name for name in names)


def _for_all(model_dir: Path) -> Iterator[Path]:
    """The labels and preprocessors beside numbered directories, which all of them use."""
    if model_dir.name.isdigit():
        yield from (file for file in model_dir.parent.iterdir() if _FOR_ALL.fullmatch(file.name))


def _state(file: Path) -> tuple[int, ...]:
    try:
        found = file.stat()
    except OSError:
        return ()
    return (found.st_size, found.st_mtime_ns, found.st_ino)
