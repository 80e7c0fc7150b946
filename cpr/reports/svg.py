"""What every plot has: a frame with axes and room for text, and where values fall in it.

A plot is drawn once, in a box of 440 by 250 units that the page scales; the
style sheet sets the size of its text by the width of the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cpr.reports.figures import Scale, tick
from cpr.reports.html import Markup, element, join

WIDTH, HEIGHT = 440, 250
LEFT, RIGHT, TOP, BOTTOM = 54, 432, 12, 212


@dataclass(frozen=True)
class Axis:
    """One axis: its scale, its name, and how its ticks are written."""

    scale: Scale
    name: str
    write: Callable[[float], str] = tick
    ticks: int = 5


def across(low: float, high: float, *, is_log: bool = False) -> Scale:
    """A scale from the left of the plot to its right."""
    return Scale(low, high, LEFT, RIGHT, is_log)


def upwards(low: float, high: float, *, is_log: bool = False, top: float = TOP) -> Scale:
    """A scale from the bottom of the plot to its top."""
    return Scale(low, high, BOTTOM, top, is_log)


def plot(summary: str, x: Axis, y: Axis, shapes: Iterable[Markup]) -> Markup:
    """A whole plot.

    Args:
        summary: What the plot shows, in words, for those who do not see it.
        x: The horizontal axis.
        y: The vertical axis.
        shapes: What is drawn in the plot, from back to front.
    """
    return element(
        "svg",
        element("g", _grid(y), class_="grid", aria_hidden="true"),
        join(shapes),
        element("g", _labels(x, y), class_="labels", aria_hidden="true"),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=summary,
    )


def _grid(y: Axis) -> Markup:
    heights = (y.scale.at(value) for value in y.scale.ticks(y.ticks))
    lines = "".join(f"M{LEFT} {height:g}H{RIGHT}" for height in heights)
    return join(
        [element("path", d=lines), element("path", d=f"M{LEFT} {BOTTOM}H{RIGHT}", class_="base")]
    )


def _labels(x: Axis, y: Axis) -> Markup:
    marks = [
        element("text", x.write(value), x=x.scale.at(value), y=BOTTOM + 16, text_anchor="middle")
        for value in x.scale.ticks(x.ticks)
    ]
    marks += [
        element("text", y.write(value), x=LEFT - 6, y=y.scale.at(value) + 4, text_anchor="end")
        for value in y.scale.ticks(y.ticks)
    ]
    names = [
        element("text", x.name, x=(LEFT + RIGHT) / 2, y=HEIGHT - 4, text_anchor="middle"),
        element(
            "text",
            y.name,
            transform=f"translate(12 {(TOP + BOTTOM) / 2:g}) rotate(-90)",
            text_anchor="middle",
        ),
    ]
    return join([*marks, *names])


def bar(
    left: float, right: float, top: float, tip: str, *, class_: str, bottom: float = BOTTOM
) -> Markup:
    """One bar that stands on the axis, with what it says when it is pointed at."""
    return element(
        "rect",
        x=f"{left:.4g}",
        y=f"{top:.4g}",
        width=f"{max(right - left, 0.5):.3g}",
        height=f"{max(bottom - top, 0):.4g}",
        class_=class_,
        data_tip=tip,
    )


def marker(x: float, label: str, row: int, *, class_: str) -> Markup:
    """A labelled vertical line; rows keep the labels of near lines apart."""
    is_right = x > LEFT + (RIGHT - LEFT) * 0.6
    height = TOP + 4 + row * 15
    return join(
        [
            element("path", d=f"M{x:g} {height - 8}V{BOTTOM}", class_=f"marker {class_}"),
            element(
                "text",
                label,
                x=f"{x + (-5 if is_right else 5):g}",
                y=height,
                text_anchor="end" if is_right else "start",
                class_="mark-label",
            ),
        ]
    )
