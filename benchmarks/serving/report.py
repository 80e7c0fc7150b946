"""The results of a run as Markdown: goals, tables, machine."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from goals import NAMES, Cell, Measure, Medians, outcomes
from items import ITEMS
from servers import SERVERS

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def markdown(results: Mapping[str, Any]) -> str:
    """Everything that a run has to say, as sections."""
    medians = Medians(results["turns"])
    parts = [
        *_section("Goals", _goals(medians)),
        *_section("Requests per second", _throughput(medians)),
        *_section("Latency", _latency(medians)),
        *_section("Processor time of the server for a request", _cost(medians)),
        *_section("Memory and start", _starts(results["starts"])),
        *_section("Share of nginx", [_share(medians)]),
        *_section("Not timed", _refused(results["refused"])),
        *_section("Machine and versions", _facts(results)),
    ]
    return "\n".join(parts)


def replaced(page: str, figures: str) -> str:
    """The page with new figures between its two marks."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{figures}\n{END}{rest.partition(END)[2]}"


def title(cell: Cell) -> str:
    """A cell in words."""
    connections = "1 connection" if cell[1] == 1 else f"{cell[1]} connections"
    return f"{ITEMS[cell[0]].title}, {connections}"


def _section(heading: str, lines: Iterable[str]) -> list[str]:
    lines = [line for line in lines if line]
    return [f"## {heading}", "", *lines, ""] if lines else []


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], *, words: int = 1) -> list[str]:
    """A table whose first `words` columns are text, the others numbers."""
    head = list(head)
    rule = ["---"] * words + ["--:"] * (len(head) - words)
    return ["| " + " | ".join(row) + " |" for row in (head, rule, *rows)]


def _goals(medians: Medians) -> list[str]:
    rows = []
    for one in outcomes(medians):
        measure = one.goal.measure
        rows.append(
            (
                title((one.goal.item, one.goal.connections))
                + (", compiled" if one.goal.server == "ours-compiled" else ""),
                NAMES[measure],
                f"{SERVERS[one.best_server].title}",
                _number(one.best, measure),
                _number(one.ours, measure),
                f"{one.ratio:.2f}×",
                f"{one.goal.times:g}×",
                "met" if one.is_met else "**missed**",
            )
        )
    head = ("work", "measure", "best peer", "best peer's", "ours", "better", "goal", "")
    return _table(head, rows, words=3) if rows else []


def _throughput(medians: Medians) -> list[str]:
    def show(server: str, cell: Cell) -> str:
        rps = medians.of(server, cell, "rps")
        return "–" if rps is None else _number(rps, "rps")

    return _matrix(medians, show)


def _latency(medians: Medians) -> list[str]:
    def show(server: str, cell: Cell) -> str:
        p50, p99 = (medians.of(server, cell, name) for name in ("p50_ms", "p99_ms"))
        return "–" if p50 is None or p99 is None else f"{p50:.2f} / {p99:.1f}"

    return [
        "Milliseconds, p50 / p99.",
        "\n" + _matrix(medians, show)[0],
        *_matrix(medians, show)[1:],
    ]


def _cost(medians: Medians) -> list[str]:
    def show(server: str, cell: Cell) -> str:
        cpu = medians.of(server, cell, "cpu_us")
        return "–" if cpu is None else _number(cpu, "rps")

    rows = _matrix(medians, show)
    said = "Microseconds, user and system, of all processes of the server."
    return [said, "\n" + rows[0], *rows[1:]] if rows else []


def _matrix(medians: Medians, show: Callable[[str, Cell], str]) -> list[str]:
    cells = medians.cells()
    head = ["server", *(f"{ITEMS[item].name} · {count}" for item, count in cells)]
    rows = [
        [SERVERS[name].title, *(show(name, cell) for cell in cells)] for name in medians.servers()
    ]
    return _table(head, rows)


def _starts(starts: list[Mapping[str, Any]]) -> list[str]:
    rows = []
    for name in SERVERS:
        cells = []
        for work in dict.fromkeys(start["work"] for start in starts):
            own = [s for s in starts if (s["server"], s["work"]) == (name, work)]
            if own:
                seconds, rss, pss = (
                    statistics.median(s[key] for s in own)
                    for key in ("seconds", "rss_mb", "pss_mb")
                )
                cells.append(f"{seconds:.1f} s, {rss:,.0f} / {pss:,.0f} MB")
            else:
                cells.append("–")
        if set(cells) - {"–"}:
            rows.append([SERVERS[name].title, *cells])
    if not rows:
        return []
    said = (
        "Seconds from the start of the command to the first right answer; "
        "then RSS / PSS of all processes (PSS counts shared pages once)."
    )
    head, *rest = _table(["server", *dict.fromkeys(s["work"] for s in starts)], rows)
    return [said, "\n" + head, *rest]


def _share(medians: Medians) -> str:
    shares = []
    for cell in medians.cells():
        ours, most = (medians.of(name, cell, "rps") for name in ("ours", "nginx"))
        if ours and most and ITEMS[cell[0]].rows == 1:
            shares.append(f"{ours / most:.0%} at {title(cell).rpartition(', ')[2]}")
    if not shares:
        return ""
    return (
        "Of the requests that nginx answers with a fixed body, ours answers with a prediction of "
        f"the scikit-learn pipeline: {', '.join(shares)}."
    )


def _refused(refused: list[Mapping[str, str]]) -> list[str]:
    return [f"* {SERVERS[r['server']].title}, {r['work']}: {r['why']}" for r in refused]


def _facts(results: Mapping[str, Any]) -> list[str]:
    disturbed = statistics.median(turn["foreign_cores"] for turn in results["turns"])
    facts = {
        **results["machine"],
        "rounds": f"{results['plan']['rounds']} of {results['plan']['seconds']:g} s a turn",
        "used by others": f"{disturbed:.2f} cores (median over the turns)",
    }
    return _table(("", "value"), facts.items(), words=2)


def _number(value: float, measure: Measure) -> str:
    if measure != "rps":
        return f"{value:.2f} ms"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
