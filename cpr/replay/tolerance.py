"""How far an answer may be from what was expected, and what is not looked at.

A number agrees when ``|actual - expected| <= atol + rtol * |expected|``, as in
``numpy.isclose``. A path may have a tolerance of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cpr.errors import UsageError, shorten
from cpr.replay.paths import Pattern, Steps, parse_pattern

ATOL = 1e-8
RTOL = 1e-5
_FORM = "Write it like predictions[*].score=1e-3, or =ATOL:RTOL for a relative part too."


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one number may differ by; `is_default` leaves two integers no room at all."""

    atol: float
    rtol: float
    is_default: bool = False

    def of(self, expected: float) -> float:
        """The greatest absolute difference from `expected` that is allowed."""
        return self.atol + self.rtol * abs(expected)


@dataclass(frozen=True)
class Tolerance:
    """What is allowed everywhere, by path, and what is ignored."""

    everywhere: Allowance = Allowance(ATOL, RTOL, is_default=True)
    by_path: Sequence[tuple[Pattern, Allowance]] = ()
    ignored: Sequence[Pattern] = ()

    def at(self, path: Steps) -> tuple[Pattern | None, Allowance]:
        """What holds at a place: the longest pattern that reaches it; of two, the later."""
        best: tuple[Pattern | None, Allowance] = (None, self.everywhere)
        length = 0
        for pattern, allowance in self.by_path:
            if len(pattern.steps) >= length and pattern.reaches(path):
                best, length = (pattern, allowance), len(pattern.steps)
        return best

    def ignores(self, path: Steps) -> Pattern | None:
        """The pattern by which this place is ignored, if it is."""
        return next((pattern for pattern in self.ignored if pattern.matches(path)), None)

    def __str__(self) -> str:
        parts = [f"atol {self.everywhere.atol:g}", f"rtol {self.everywhere.rtol:g}"]
        for pattern, allowance in self.by_path:
            relative = f":{allowance.rtol:g}" if allowance.rtol else ""
            parts.append(f"{pattern.text}={allowance.atol:g}{relative}")
        parts += [f"ignoring {pattern.text}" for pattern in self.ignored]
        return ", ".join(parts)


def make_tolerance(
    *,
    atol: float | None = None,
    rtol: float | None = None,
    by_path: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> Tolerance:
    """Read a tolerance from its parts, as flags and settings give them.

    Args:
        atol: The absolute part; `ATOL` by default.
        rtol: The relative part; `RTOL` by default. With neither, integers must
            be equal.
        by_path: ``PATTERN=ATOL`` or ``PATTERN=ATOL:RTOL``; the relative part
            is 0 where it is not given. ``atol=X`` and ``rtol=X`` stand for
            `atol` and `rtol`, where those are None.
        ignore: Patterns of what is not compared.

    Raises:
        UsageError: A pattern or number is wrong.
    """
    named: dict[str, float] = {}
    paths = []
    for text in by_path:
        name, _, number = text.partition("=")
        if name.strip() in ("atol", "rtol"):
            named[name.strip()] = _number(number, text)
        else:
            paths.append(_assignment(text))
    everywhere = _everywhere(
        named.get("atol") if atol is None else atol, named.get("rtol") if rtol is None else rtol
    )
    return Tolerance(everywhere, tuple(paths), tuple(map(parse_pattern, ignore)))


def _everywhere(atol: float | None, rtol: float | None) -> Allowance:
    return Allowance(
        _checked(ATOL if atol is None else atol, "atol"),
        _checked(RTOL if rtol is None else rtol, "rtol"),
        is_default=atol is None and rtol is None,
    )


def _assignment(text: str) -> tuple[Pattern, Allowance]:
    path, _, number = text.rpartition("=")
    absolute, _, relative = number.partition(":")
    allowance = Allowance(_number(absolute, text), _number(relative or "0", text))
    return parse_pattern(path), allowance


def _number(number: str, text: str) -> float:
    try:
        return _checked(float(number), text)
    except ValueError as error:
        raise UsageError(f"the tolerance {shorten(text)} cannot be read.", hint=_FORM) from error


def _checked(number: float, text: str) -> float:
    if number >= 0:
        return number
    raise UsageError(f"the tolerance {shorten(text)} is not 0 or more.", hint=_FORM)
