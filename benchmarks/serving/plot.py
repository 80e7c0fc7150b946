"""The picture of a run: a row for each cell, a dot for each server, as SVG for light and dark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from goals import Cell, Medians
from report import title
from servers import SERVERS

WIDTH, LEFT, RIGHT, TOP, ROW, BOTTOM = 960, 400, 90, 62, 34, 38
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .quiet { fill: #656d76; font-size: 11px; }
  .ratio { font-weight: 600; fill: #0550ae; }
  .grid { stroke: #d8dee4; }
  .reach { stroke: #0969da; stroke-width: 2; opacity: .35; }
  .peer { fill: #8c959f; }
  .best { fill: #57606a; }
  .ours { fill: #0969da; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .quiet { fill: #9198a1; }
    .ratio { fill: #79c0ff; }
    .grid { stroke: #30363d; }
    .reach { stroke: #58a6ff; }
    .peer { fill: #6e7681; }
    .best { fill: #c9d1d9; }
    .ours { fill: #58a6ff; }
  }
"""


def svg(results: Mapping[str, Any]) -> str:
    """Requests per second on a logarithmic scale; ours, the best peer and all others."""
    medians = Medians(results["turns"])
    cells = medians.cells()
    scale = _Scale(_values(medians, cells))
    height = TOP + ROW * len(cells) + BOTTOM
    body = [
        *_legend(),
        *scale.grid(height),
        *(part for i, cell in enumerate(cells) for part in _row(medians, cell, scale, i)),
    ]
    said = "Requests per second of cpr serve and of other Python model servers, by work"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img" aria-label="{said}">',
            f"<title>{said}</title>",
            f"<style>{STYLE}</style>",
            *body,
            "</svg>\n",
        ]
    )


class _Scale:
    """From requests per second to a place, powers of ten apart."""

    def __init__(self, values: list[float]) -> None:
        self._low = math.floor(math.log10(min(values)))
        self._high = math.ceil(math.log10(max(values)))

    def at(self, value: float) -> float:
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def grid(self, height: int) -> Iterator[str]:
        for power in range(self._low, self._high + 1):
            x = self.at(10**power)
            yield f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP - 10}" y2="{height - BOTTOM}"/>'
            yield _text(x, height - BOTTOM + 18, f"{10**power:,}", "quiet", "middle")
        yield _text(WIDTH - RIGHT, height - 3, "requests per second", "quiet", "end")


def _values(medians: Medians, cells: Iterable[Cell]) -> list[float]:
    names = [name for name in medians.servers() if SERVERS[name].kind != "ceiling"]
    found = [medians.of(name, cell, "rps") for name in names for cell in cells]
    return [value for value in found if value]


def _row(medians: Medians, cell: Cell, scale: _Scale, index: int) -> Iterator[str]:
    y = TOP + ROW * index + ROW // 2
    yield _text(LEFT - 16, y + 4, title(cell), "", "end")
    best = medians.best_peer(cell, "rps")
    ours = medians.of("ours", cell, "rps")
    if ours and best:
        ends = scale.at(best[1]), scale.at(ours)
        yield f'<line class="reach" x1="{ends[0]}" x2="{ends[1]}" y1="{y}" y2="{y}"/>'
        yield _text(WIDTH - RIGHT + 16, y + 4, f"{ours / best[1]:.1f}×", "ratio", "start")
    for name in medians.servers():
        value = medians.of(name, cell, "rps")
        if value and SERVERS[name].kind == "peer":
            yield _dot(scale.at(value), y, "peer", name, value)
    if best:
        yield _dot(scale.at(best[1]), y, "best", *best)
    if ours:
        yield _dot(scale.at(ours), y, "ours", "ours", ours)


def _legend() -> Iterator[str]:
    words = (("ours", "cpr serve"), ("best", "the best other server"), ("peer", "the others"))
    x = LEFT
    for kind, word in words:
        yield f'<circle class="{kind}" cx="{x}" cy="20" r="5"/>'
        yield _text(x + 12, 24, word, "", "start")
        x += 40 + 7 * len(word)


def _dot(x: float, y: float, kind: str, name: str, value: float) -> str:
    radius = 6 if kind == "ours" else 5 if kind == "best" else 4
    told = escape(f"{SERVERS[name].title}: {value:,.0f} requests/s")
    return f'<circle class="{kind}" cx="{x}" cy="{y}" r="{radius}"><title>{told}</title></circle>'


def _text(x: float, y: float, content: str, kind: str, anchor: str) -> str:
    mark = f' class="{kind}"' if kind else ""
    return f'<text{mark} x="{x}" y="{y}" text-anchor="{anchor}">{escape(content)}</text>'
