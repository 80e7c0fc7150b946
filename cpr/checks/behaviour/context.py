"""What a judgement needs besides the observations: the platform's limits, and where files lie."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from cpr.checks.behaviour.observations import Observations, Place
from cpr.checks.profiles import DEFAULT, Profile
from cpr.findings import Finding

_NOWHERE = Place()
_SPOT = re.compile(r"^(\S+\.py):(\d+) in ", re.MULTILINE)


@dataclass(frozen=True)
class Context:
    """The limits that apply, and the import roots that places are relative to."""

    profile: Profile = DEFAULT
    roots: tuple[Path, ...] = ()

    def relative(self, place: Place) -> Place:
        """A place by its path in the first import root, wherever the child had unpacked it."""
        parts = PurePath(place.file).parts
        for start in range(len(parts)):
            for root in self.roots:
                found = root.joinpath(*parts[start:])
                if found.is_file():
                    return Place(self._from_first(found), place.line)
        return Place(PurePath(place.file).name, place.line)

    def finding(
        self, identity: str, message: str, place: Place = _NOWHERE, *, fix: str = "", **data: Any
    ) -> Finding:
        """A finding at a place, whose path is made relative."""
        spot = self.relative(place) if place.file else place
        return Finding(identity, message, spot.file, spot.line, fix, data)

    def _from_first(self, file: Path) -> str:
        base = self.roots[0]
        return (file.relative_to(base) if base in file.parents else file).as_posix()


def place_in(text: str) -> Place:
    """The place that a message names, as in ``predictor.py:11 in predict: …``."""
    found = _SPOT.search(text)
    return Place(found[1], int(found[2])) if found else Place()


def predict_of(seen: Observations) -> Place:
    """The line that defines predict, for what has no better place."""
    return seen.loaded.places.get("predict", Place()) if seen.loaded else Place()


def numbered(numbers: Iterable[int]) -> str:
    """``sample request 3``, or ``sample requests 1, 2 and 5 more``, counted from 1."""
    listed = [str(number + 1) for number in sorted(numbers)]
    if len(listed) == 1:
        return f"sample request {listed[0]}"
    if len(listed) <= 4:
        return f"sample requests {', '.join(listed[:-1])} and {listed[-1]}"
    return f"sample requests {', '.join(listed[:3])} and {len(listed) - 3} more"
