"""Says when the files of a project or model have changed, for ``--watch``.

The system wakes us (through watchfiles, or a timer where that fails); what
has changed is told by comparing names, sizes and times, so that nothing is
missed and nothing is told twice.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path

from cpr.errors import EnvironmentProblem
from cpr.extras import import_extra
from cpr.server.options import ServeOptions

logger = logging.getLogger(__name__)

# What is written while nobody looks: by editors, Python, tools and version control.
_IGNORED = re.compile(r"\..*|__pycache__|node_modules|.*\.egg-info|.*~|.*\.py[co]|#.*#|4913")
# Of a project only what people write, and its sample requests: a routine, or a log, that writes
# other files there would reload for ever.
_WRITTEN = frozenset({".py", ".toml", ".yaml", ".yml"})
_REQUESTS = "requests"

_POLL_S = 0.3
_STEP_MS = 40
# Also without being woken: networks and mounts of containers tell nothing, and a change
# may have come just before we listened.
_LOOK_MS = 500
# A file is complete when nothing has changed for so long; models take longer to be copied.
_QUIET_S, _MODEL_QUIET_S = 0.05, 1.0

_State = dict[str, tuple[int, int, int]]


def changes(options: ServeOptions) -> AsyncGenerator[list[str], None]:
    """Yield the paths that have changed, sorted, whenever some have and all is quiet again.

    Call it before the files are read: what changes from then on is told. It
    never ends by itself; changes made while the caller is busy with the last
    ones are told next.
    """
    seen = _Watched(options)
    return _changes(seen, seen.state())


async def _changes(seen: _Watched, known: _State) -> AsyncGenerator[list[str], None]:
    while True:
        folders = seen.folders()
        async with aclosing(_wakes(folders)) as wakes:
            async for _ in wakes:
                found = await _settled(seen, known)
                changed = _differences(known, found)
                known = found
                if changed:
                    yield changed
                if seen.folders() != folders:
                    break  # listen in the folder that has come


class _Watched:
    """The files whose changes count."""

    def __init__(self, options: ServeOptions) -> None:
        named = {path for version in options.versions for path in version.watch}
        self._models = {options.base_dir} & named
        self._paths = sorted(named | ({options.samples} - {""}))
        self._access_log = options.access_log
        # Where a redirection sends what the server says, which would reload for ever too.
        self._outputs = {_identity(os.fstat(descriptor)) for descriptor in (1, 2)}

    def state(self) -> _State:
        """Every file with its size, time and identity."""
        found = {}
        for path in self._files():
            try:
                stat = os.stat(path)  # noqa: PTH116 - thousands of them
            except OSError:
                continue  # gone since it was listed, or a dangling link
            if _identity(stat) not in self._outputs and path != self._access_log:
                found[path] = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
        return found

    def folders(self) -> list[str]:
        """The folders in which files may come, change and go."""
        found: set[str] = set()
        for path in self._paths:
            if Path(path).is_dir():
                found.update(folder for folder, _ in _walk(path))
            elif Path(path).parent.is_dir():
                found.add(str(Path(path).parent))
        return sorted(found)

    def is_of_model(self, path: str) -> bool:
        """Whether a file is of the model directory."""
        return any(path.startswith(f"{model}/") for model in self._models)

    def _files(self) -> Iterator[str]:
        for path in self._paths:
            if not Path(path).is_dir():
                yield path
                continue
            is_model = path in self._models
            for folder, names in _walk(path):
                is_all = is_model or os.path.basename(folder) == _REQUESTS  # noqa: PTH119
                yield from (
                    f"{folder}/{name}"
                    for name in names
                    if is_all or os.path.splitext(name)[1] in _WRITTEN  # noqa: PTH122
                )


def _identity(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_dev, stat.st_ino


def _walk(path: str) -> Iterator[tuple[str, list[str]]]:
    """Each folder below a path with the names of its files; what is ignored left out."""
    for folder, folders, files in os.walk(path):
        folders[:] = [
            name
            for name in folders
            if not _IGNORED.fullmatch(name) and not os.path.exists(f"{folder}/{name}/pyvenv.cfg")  # noqa: PTH110
        ]
        yield folder, [name for name in files if not _IGNORED.fullmatch(name)]


async def _settled(seen: _Watched, known: _State) -> _State:
    """The state once it has stopped changing."""
    found = seen.state()
    while changed := _differences(known, found):
        is_model = any(map(seen.is_of_model, changed))
        await asyncio.sleep(_MODEL_QUIET_S if is_model else _QUIET_S)
        before, found = found, seen.state()
        if found == before:
            break
    return found


def _differences(before: _State, after: _State) -> list[str]:
    paths = before.keys() | after.keys()
    return sorted(path for path in paths if before.get(path) != after.get(path))


async def _wakes(folders: list[str]) -> AsyncGenerator[None, None]:
    """Yield at once, then whenever something may have changed in one of the folders."""
    yield None
    try:
        watchfiles = import_extra("watchfiles", "serve")
        woken = watchfiles.awatch(
            *folders,
            watch_filter=None,
            recursive=False,
            step=_STEP_MS,
            rust_timeout=_LOOK_MS,
            yield_on_timeout=True,
        )
        async with aclosing(woken):
            async for _ in woken:
                yield None
    except (EnvironmentProblem, OSError, RuntimeError) as error:
        logger.info("files are looked at every %g s: %s", _POLL_S, error)
    while True:
        await asyncio.sleep(_POLL_S)
        yield None
