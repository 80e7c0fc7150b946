"""Paths into a JSON document, and patterns that match them.

``predictions[3].score`` is a path; ``predictions[*].score`` a pattern, where
``[*]`` is any index and ``.*`` any key. A key that is no plain word is written
``["a key"]``. A pattern reaches whatever lies below a place that it matches.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from cpr.errors import UsageError, shorten


class Wild(Enum):
    """A step of a pattern that matches every key, or every index."""

    KEY = ".*"
    INDEX = "[*]"


Step = str | int
Steps = tuple[Step, ...]

_PLAIN = re.compile(r"[^\W\d][\w-]*")
_TOKEN = re.compile(
    r'\.?(?P<any_key>\*)|\.?(?P<key>[^.*\[\]"\s][^.\[\]"]*)|\[(?P<index>\d+)\]|'
    r'(?P<any_index>\[\*\])|\[(?P<quoted>"(?:[^"\\]|\\.)*")\]'
)


def format_path(steps: Sequence[Step | Wild]) -> str:
    """The text of a path; ``(response)`` for the document itself."""
    parts = []
    for step in steps:
        if isinstance(step, Wild):
            parts.append(step.value)
        elif isinstance(step, int):
            parts.append(f"[{step}]")
        elif _PLAIN.fullmatch(step):
            parts.append(f".{step}")
        else:
            parts.append(f"[{json.dumps(step, ensure_ascii=False)}]")
    return "".join(parts).removeprefix(".") or "(response)"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A parsed pattern."""

    steps: tuple[Step | Wild, ...]
    text: str

    def matches(self, path: Steps) -> bool:
        """Whether it matches this very place."""
        return len(path) == len(self.steps) and self.reaches(path)

    def reaches(self, path: Steps) -> bool:
        """Whether it matches this place or one above it."""
        return len(path) >= len(self.steps) and all(
            map(_matches, self.steps, path[: len(self.steps)])
        )


def parse_pattern(text: str) -> Pattern:
    """Read a pattern; a leading ``$`` is left out.

    Raises:
        UsageError: It is not one.
    """
    rest = text.strip()
    position = 1 if rest.startswith("$") else 0
    steps: list[Step | Wild] = []
    while position < len(rest):
        found = _TOKEN.match(rest, position)
        if found is None:
            break
        steps.append(_step(found))
        position = found.end()
    if position < len(rest) or not steps:
        raise UsageError(
            f"{shorten(text)} is not a path into a response.",
            hint="Write it like predictions[0].score; [*] is any index, .* any key, "
            'and ["a key"] a key that is no plain word.',
        )
    return Pattern(tuple(steps), text)


def _step(found: re.Match[str]) -> Step | Wild:
    if found["any_key"]:
        return Wild.KEY
    if found["any_index"]:
        return Wild.INDEX
    if found["index"]:
        return int(found["index"])
    return str(json.loads(found["quoted"])) if found["quoted"] else found["key"]


def _matches(wanted: Step | Wild, step: Step) -> bool:
    if isinstance(wanted, Wild):
        return isinstance(step, str) is (wanted is Wild.KEY)
    return wanted == step
