"""What was seen of all models, as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rows import Row

_LONGEST = 400


def summary(rows: Sequence[Row], tools: Sequence[str], ways: Sequence[str]) -> str:
    """Models by tools; then each result in each way it was asked; then what is to be known."""
    tools = [tool for tool in tools if any(tool in row.cells for row in rows)]
    ways = [way for way in ways if any(way in one for row in rows for one in row.ways.values())]
    count = sum(len(row.disagreements) for row in rows)
    parts = [
        f"{len(rows)} graphs, {sum(row.compared for row in rows):,} answers compared, "
        f"{count or 'no'} disagreement{'' if count == 1 else 's'}.",
        *_table(["model", *tools, "compared"], (_by_tool(row, tools) for row in rows)),
        "",
        *_table(["model", "tool", *ways, "why"], _by_way(rows, tools, ways)),
    ]
    for title, of in (("Notes", "notes"), ("DISAGREE", "disagreements")):
        told = [(row, text) for row in rows for text in getattr(row, of)]
        if told:
            parts += ["", f"{title}:", ""]
            parts += [f"* {row.label}: {_one_line(text)}" for row, text in told]
    return "\n".join(parts) + "\n"


def _by_tool(row: Row, tools: Sequence[str]) -> list[str]:
    return [row.label, *(row.cells.get(tool, "–") for tool in tools), f"{row.compared:,}"]


def _by_way(rows: Sequence[Row], tools: Sequence[str], ways: Sequence[str]) -> Iterator[list[str]]:
    for row in rows:
        for tool in tools:
            if tool in row.ways or tool in row.reasons:
                asked = row.ways.get(tool, {})
                cells = [asked.get(way, "–") for way in ways]
                reason = row.reasons.get(tool, "")
                if not asked:
                    reason = f"declined: {reason}"
                yield [row.label, tool, *cells, _one_line(reason)]


def _table(titles: Sequence[str], lines: Iterable[Sequence[str]]) -> Iterator[str]:
    yield ""
    for line in (titles, ["---"] * len(titles), *lines):
        yield f"| {' | '.join(line)} |"


def _one_line(text: str) -> str:
    """A text that is one cell of a table."""
    flat = " ".join(text.split()).replace("|", "\\|")
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1] + "…"
