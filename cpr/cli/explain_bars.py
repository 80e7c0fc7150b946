"""Attributions as bars on the terminal, the largest first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from cpr.cli.output import console, print_table
from cpr.errors import shorten
from cpr.explaining.examples import opened
from cpr.explaining.leaves import leaves
from cpr.wire.b64 import decode_b64

MOST_ROWS = 20
# Of a bar to one side, where there is room for it; and what is too little for one.
_WIDTH, _LEAST_WIDTH = 16, 4
# Where no terminal folds the lines: names stay whole.
_PAGE_WIDTH = 1000
_GAP = 2
_TOLD_ERROR = 0.0005
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def draw(response: Mapping[str, Any], instances: Sequence[Any]) -> None:
    """Print a table for each label of each instance.

    Args:
        response: AI Platform's, with ``explanations``.
        instances: Those of the request, whose values stand beside the features.
    """
    screen = console()
    if not screen.is_terminal:
        screen.width = _PAGE_WIDTH
    for number, explanation in enumerate(response["explanations"]):
        for item in explanation["attributions_by_label"]:
            screen.print(_heading(item, number))
            print_table(screen, _table(item, instances[number], screen.width))


def features(attributions: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Attributions by the names of single values, such as ``image[3][4]``."""
    if isinstance(attributions, dict):
        for key, part in attributions.items():
            yield from features(part, f"{name}.{key}" if name else str(key))
    elif isinstance(attributions, list):
        for at, part in enumerate(attributions):
            yield from features(part, f"{name}[{at}]")
    else:
        yield name, attributions


def _heading(item: Mapping[str, Any], number: int) -> Text:
    label = item.get("label_name") or ("" if item["label_index"] < 0 else str(item["label_index"]))
    text = Text(f"instance {number + 1}", style="bold")
    text.append(f"  {item['output_name']}{f' of {label}' if label else ''} ", style="not bold")
    text.append(f"{item['example_score']:.4g}", style="bold")
    text.append(f", baseline {item['baseline_score']:.4g}", style="not bold")
    error = item.get("approx_error") or 0.0
    if error >= _TOLD_ERROR:
        text.append(f", error {100 * error:.2g} %", style="not bold")
    return text


def _table(item: Mapping[str, Any], instance: Any, room: int) -> Table:
    rows = list(features(item["attributions"]))
    # The values of a serialized Example's features, as attributions are told.
    values = leaves(opened(decode_b64(instance))[0])
    told = [
        (name, shorten_value(values[at]) if len(values) == len(rows) else "", added)
        for at, (name, added) in enumerate(rows)
    ]
    told.sort(key=lambda row: -abs(row[2]))
    largest = abs(told[0][2]) if told else 0.0
    shown = [(name, value, f"{added:+.4g}", added) for name, value, added in told[:MOST_ROWS]]
    width = _bar_width(shown, room)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(overflow="fold")
    table.add_column(justify="right", style="dim", overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    for name, value, number, added in shown:
        table.add_row(Text(name), Text(value), number, _bar(added, largest, width))
    rest = told[MOST_ROWS:]
    if rest:
        table.add_row(f"{len(rest):,} others", "", f"{sum(row[2] for row in rest):+.4g}", "")
    return table


def _bar_width(shown: Sequence[tuple[str, str, str, float]], room: int) -> int:
    """How wide a bar to one side may be beside the texts; 0 where there is no room for any."""
    texts = [
        max(map(len, column), default=0) + _GAP
        for column in (
            [row[0] for row in shown],
            [row[1] for row in shown],
            [row[2] for row in shown],
        )
    ]
    left = (room - sum(texts) - 1) // 2
    return min(left, _WIDTH) if left >= _LEAST_WIDTH else 0


def shorten_value(value: Any) -> str:
    """A value of an instance, in a few characters."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return shorten(value, 24) if isinstance(value, str) else json.dumps(value)


def _bar(added: float, largest: float, width: int) -> Text:
    """To the right of the middle what adds, to the left what takes away."""
    if not width:
        return Text()
    share = abs(added) / largest if largest else 0.0
    whole, rest = divmod(round(share * width * 8), 8)
    if added >= 0:
        filled = "█" * whole + (_EIGHTHS[rest] if rest else "")
        return Text(" " * width).append("│", style="dim").append(filled, style="green")
    # Of blocks that end at the right there are halves and eighths.
    part = "▐" if rest >= 4 else "▕" if rest else ""
    filled = part + "█" * whole
    left = Text(" " * (width - len(filled))).append(filled, style="red")
    return left.append("│", style="dim")
