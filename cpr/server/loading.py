"""Which versions have to be loaded: all at the start, at a reload what may have changed."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from cpr.server.line_up import LineUp
from cpr.server.options import ServeOptions, VersionSource
from cpr.server.samples import samples_of
from cpr.server.served_version import ServedVersion

Mark = tuple[object, ...]
_MOST_FILES = 10_000


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
        mark = await asyncio.to_thread(mark_of, source)
        served = line_up.versions.get(source.name)
        if len(options.versions) > 1 and served is not None and mark and served.mark == mark:
            continue
        samples = await asyncio.to_thread(samples_of, source, options.samples)
        generation, tally = line_up.next_generation(source.name), line_up.tally(source.name)
        fresh.append(ServedVersion(source, generation, options, samples, tally, mark))
    return fresh


def mark_of(source: VersionSource) -> Mark:
    """What changes when the files of a version do; () where that cannot be told."""
    target, model_dir = source.open_with.get("target"), source.open_with.get("model_dir")
    places = [Path(str(place)) for place in (target, model_dir) if place]
    if not places or not all(place.exists() for place in places):
        return ()
    files = [file for place in places for file in _files(place)]
    if len(files) > _MOST_FILES:
        return ()
    described = [(str(file), *_state(file)) for file in files]
    return (repr(sorted(source.open_with.items())), tuple(described))


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    return sorted(Path(folder) / name for folder, _, names in os.walk(place) for name in names)


def _state(file: Path) -> tuple[int, ...]:
    try:
        found = file.stat()
    except OSError:
        return ()
    return (found.st_size, found.st_mtime_ns, found.st_ino)
