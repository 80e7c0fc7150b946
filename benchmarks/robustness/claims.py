"""What a script set out to show, what it saw, and the exit code that follows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """One promise: `seen` beside `wanted`, and whether they agree."""

    text: str
    seen: str
    wanted: str
    is_met: bool


def exactly(text: str, seen: object, wanted: object) -> Claim:
    """A claim that holds when both are equal."""
    return Claim(text, str(seen), str(wanted), seen == wanted)


def at_most(text: str, seen: float, bound: float, unit: str = "") -> Claim:
    """A claim that holds up to a bound."""
    return Claim(text, _number(seen, unit), f"<= {_number(bound, unit)}", seen <= bound)


def at_least(text: str, seen: float, bound: float, unit: str = "") -> Claim:
    """A claim that holds from a bound on."""
    return Claim(text, _number(seen, unit), f">= {_number(bound, unit)}", seen >= bound)


def timed(claims: list[Claim], *, is_judged: bool) -> list[Claim]:
    """Claims about time; figures only where a busy machine makes them meaningless."""
    return claims if is_judged else [note(claim.text, claim.seen) for claim in claims]


def note(text: str, seen: object) -> Claim:
    """A figure for the reader, which nothing is required of."""
    return Claim(text, str(seen), "-", True)


def conclude(title: str, claims: list[Claim]) -> int:
    """Print the table; the exit code is 0 when every claim holds."""
    rows = [("", title, "seen", "wanted")]
    rows += [("ok" if c.is_met else "FAILED", c.text, c.seen, c.wanted) for c in claims]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    return 0 if all(claim.is_met for claim in claims) else 1


def _number(value: float, unit: str) -> str:
    text = f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
    return f"{text} {unit}".rstrip()
