"""Sizes, shapes and counts as people read them."""

from __future__ import annotations

from collections.abc import Sequence

_UNITS = ("B", "kB", "MB", "GB", "TB")


def size_text(size: float) -> str:
    """Bytes in the unit that fits: ``19.1 MB``; a thousand to a unit, as platforms count."""
    for unit in _UNITS[:-1]:
        if size < 999.5:
            return f"{size:.0f} B" if unit == "B" else f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} {_UNITS[-1]}"


def shape_text(shape: Sequence[int | None] | None) -> str:
    """A shape with a question mark for a size that varies: ``(?, 224, 224, 3)``."""
    if shape is None:
        return "of any rank"
    return f"({', '.join('?' if size is None else str(size) for size in shape)})"


def count(number: int, noun: str) -> str:
    """A number with its noun, in the plural where it is not one."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def yes_no(value: bool) -> str:
    """A claim's truth in a word."""
    return "yes" if value else "no"
