"""Which of the exports in a directory is meant: one rule for all that read them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cpr.errors import UsageError
from cpr.savedmodel.layout import holds_model, version_number

# What a training directory holds exports of: model_dir/export/best/1700000000/saved_model.pb.
_DEPTH = 5


@dataclass(frozen=True)
class Exports:
    """The SavedModel that is meant, and all that there are."""

    chosen: Path
    all: tuple[Path, ...]


def find_exports(source: Path, version: int | None = None) -> Exports | None:
    """The SavedModel that a directory means, None if there is none in it.

    A directory that is a SavedModel is meant itself. Else those below it are
    looked for, five levels deep and not in hidden directories; of numbered
    ones, as exporters write them, the highest is the newest and meant. Of
    exports in several places none is.

    Args:
        source: A directory.
        version: The number of the one that is meant.

    Raises:
        UsageError: There are several, and which is meant cannot be told; or
            `version` is none of them.
    """
    found = tuple(_exports(source))
    if not found:
        return None
    if source in found:
        if version is not None and str(version) != source.name:
            raise UsageError(
                f"{source} is a SavedModel itself, and none of several versions.",
                hint="Leave --version out, or name the directory above.",
            )
        return Exports(source, found)
    wanted = [path for path in found if version is None or version_number(path) == version]
    if not wanted:
        listed = ", ".join(str(path.relative_to(source)) for path in found)
        raise UsageError(f"{source} has no export {version}; it has {listed}.")
    places = {path.parent if version_number(path) is not None else path for path in wanted}
    if len(places) > 1:
        listed = ", ".join(sorted(str(path.relative_to(source)) for path in wanted))
        raise UsageError(
            f"{source} has exports in {len(places)} places: {listed}.",
            hint="Name the directory of the one that you mean in place of "
            f"{source}, such as {min(wanted)}.",
        )
    return Exports(max(wanted, key=lambda path: version_number(path) or 0), found)


def _exports(source: Path) -> Iterator[Path]:
    for top, folders, _ in os.walk(source):
        here = Path(top)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if holds_model(here):
            folders.clear()
            yield here
        elif len(here.relative_to(source).parts) >= _DEPTH:
            folders.clear()
