"""A treemap: where a model's bytes are, as areas of an inline SVG.

Squarified as in Bruls, Huizing and van Wijk (2000): rows are filled along the
shorter side as long as their boxes get no thinner.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cpr.inspecting.wording import size_text
from cpr.reports.html import Markup, element, join

WIDTH, HEIGHT = 960, 420
_MOST_BOXES = 200
_LETTER, _LINE = 6.4, 15


@dataclass(frozen=True)
class Part:
    """What has bytes: its name, size, and the class that its colour is by."""

    name: str
    size: int
    class_: str


@dataclass(frozen=True)
class _Box:
    left: float
    top: float
    width: float
    height: float


def treemap(parts: Iterable[Part], summary: str) -> Markup:
    """The map of all parts; the smallest of many are one.

    Args:
        parts: What has bytes; the empty are left out.
        summary: What the map shows, for those who do not see it.
    """
    found = sorted((part for part in parts if part.size > 0), key=lambda part: -part.size)
    if len(found) > _MOST_BOXES:
        rest = found[_MOST_BOXES - 1 :]
        name = f"{len(rest):,} smaller ones"
        found = [*found[: _MOST_BOXES - 1], Part(name, sum(part.size for part in rest), "rest")]
        found.sort(key=lambda part: -part.size)
    boxes = _squarified([part.size for part in found], _Box(0, 0, WIDTH, HEIGHT))
    whole = sum(part.size for part in found)
    drawn = (_drawn(part, box, whole) for part, box in zip(found, boxes, strict=True))
    return element(
        "svg",
        join(drawn),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=summary,
        class_="treemap",
    )


def _drawn(part: Part, box: _Box, whole: int) -> Markup:
    share = f"{100 * part.size / whole:.3g} %"
    label = element(
        "text", _fitting(part.name, box.width - 8), x=f"{box.left + 5:.5g}", y=f"{box.top + 14:.5g}"
    )
    second = element(
        "text",
        size_text(part.size),
        x=f"{box.left + 5:.5g}",
        y=f"{box.top + 14 + _LINE:.5g}",
        class_="size",
    )
    rect = element(
        "rect",
        x=f"{box.left:.5g}",
        y=f"{box.top:.5g}",
        width=f"{box.width:.5g}",
        height=f"{box.height:.5g}",
        class_=f"part {part.class_}",
        data_tip=f"{part.name}: {size_text(part.size)}, {share}",
    )
    is_wide = box.width > 40
    return join(
        [
            rect,
            label if is_wide and box.height > _LINE + 4 else "",
            second if box.width > 60 and box.height > 2 * _LINE + 6 else "",
        ]
    )


def _fitting(name: str, width: float) -> str:
    """As much of a name's end as fits: that tells variables apart."""
    letters = max(int(width / _LETTER), 1)
    return name if len(name) <= letters else f"…{name[len(name) - letters + 1 :]}"


def _squarified(sizes: Sequence[int], box: _Box) -> list[_Box]:
    """A box for each size, the largest first, in proportion to its area."""
    made: list[_Box] = []
    start = 0
    while start < len(sizes):
        scale = box.width * box.height / max(sum(sizes[start:]), 1)
        side = min(box.width, box.height)
        end = start + 1
        while end < len(sizes) and _worst(sizes[start : end + 1], scale, side) <= _worst(
            sizes[start:end], scale, side
        ):
            end += 1
        made += _row(sizes[start:end], scale, box)
        depth = sum(sizes[start:end]) * scale / side if side else 0
        if box.width >= box.height:
            box = _Box(box.left + depth, box.top, max(box.width - depth, 0), box.height)
        else:
            box = _Box(box.left, box.top + depth, box.width, max(box.height - depth, 0))
        start = end
    return made


def _worst(sizes: Sequence[int], scale: float, side: float) -> float:
    """The most stretched box of a row along a side."""
    if not side:
        return 0
    depth = sum(sizes) * scale / side
    lengths = [size * scale / depth for size in sizes] if depth else []
    return max((max(depth / n, n / depth) for n in lengths if n), default=0)


def _row(sizes: Sequence[int], scale: float, box: _Box) -> list[_Box]:
    """The boxes of a row, along the shorter side."""
    side = min(box.width, box.height)
    depth = sum(sizes) * scale / side if side else 0
    made, at = [], 0.0
    for size in sizes:
        length = size * scale / depth if depth else 0
        if box.width >= box.height:
            made.append(_Box(box.left, box.top + at, depth, length))
        else:
            made.append(_Box(box.left + at, box.top, length, depth))
        at += length
    return made
