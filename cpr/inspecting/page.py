"""An inspection as one self-contained page: a map of its bytes, cards of signatures, tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cpr.inspecting.cards import signature_cards
from cpr.inspecting.inspection import Graph, Inspection, Variable
from cpr.inspecting.marks import marks_of
from cpr.inspecting.treemap import Part, treemap
from cpr.inspecting.wording import count, shape_text, size_text, yes_no
from cpr.reports.columns import names, numbers
from cpr.reports.html import Markup, element, join, page, visible
from cpr.reports.parts import (
    Heading,
    Tone,
    data_table,
    document,
    fixed_table,
    legend,
    section,
    tiles,
    verdict,
)

_MOST_CONTENTS = 500
_KEYS = {
    "weight": "weights",
    "copy": "stored again",
    "spare": "not needed for serving",
    "constant": "constants",
    "file": "other files",
}


def render(found: Inspection) -> str:
    """The page, as text."""
    title = f"{_name(found.path)}: {found.format}"
    shown = [item for item in found.variables if item.role != "bookkeeping"]
    sections = [
        _problems(found),
        tiles(_figures(found)),
        _bytes(found),
        *(_graph(graph, number, len(found.graphs)) for number, graph in enumerate(found.graphs)),
        _variables(shown),
        *_contents(found),
        _files(found),
    ]
    context = [found.path, *(f"{key}: {_text(value)}" for key, value in found.facts.items())]
    body = document("inspect", title, _verdict(found), context, sections)
    data: dict[str, Any] = {"variables": _variable_data(shown)} if shown else {}
    for number, graph in enumerate(found.graphs):
        if graph.ops:
            data[f"ops-{number}"] = _operation_data(graph)
    return page(title, body, data={"tables": data})


def _name(path: str) -> str:
    """What a model is called: its file or folder, of a version that above it too."""
    *above, name = [part for part in path.split("/") if part] or [path]
    return "/".join([*above[-1:], name]) if name.isdigit() else name


def _verdict(found: Inspection) -> Markup:
    errors = sum(problem.severity == "error" for problem in found.problems)
    warnings = sum(problem.severity == "warning" for problem in found.problems)
    if errors:
        return verdict("failed", f"It cannot be served as it is: {count(errors, 'error')}.")
    if warnings:
        return verdict("mismatched", f"It can be served; {count(warnings, 'warning')}.")
    return verdict("ok", "Nothing stands in the way of serving it.")


def _problems(found: Inspection) -> Markup | None:
    if not found.problems:
        return None
    tones = {"error": "failed", "warning": "mismatched", "note": "plain"}
    items = (
        element(
            "li",
            element("p", element("strong", problem.severity), " ", _prose(problem.message)),
            element("p", _prose(problem.fix), class_="note") if problem.fix else None,
            class_=f"problem {tones[problem.severity]}",
        )
        for problem in found.problems
    )
    return section("problems", "What was found", element("ul", join(items), class_="problems"))


def _prose(text: str) -> Markup:
    """A message, with what stands between backquotes as code."""
    parts = text.split("`")
    return join(element("code", part) if at % 2 else part for at, part in enumerate(parts))


def _figures(found: Inspection) -> Iterator[tuple[str, str, Tone]]:
    yield "size", size_text(found.size), "plain"
    for limit in found.limits:
        share = f"{100 * found.size / limit.bytes:.2g} % of {size_text(limit.bytes)}"
        yield limit.platform, share, "failed" if limit.is_exceeded else "plain"
    if found.graphs:
        yield "signatures", f"{sum(len(graph.signatures) for graph in found.graphs)}", "plain"
    weights = [item for item in found.variables if item.role != "bookkeeping"]
    if weights:
        yield "variables", f"{len(weights):,}", "plain"
        copies = sum(item.size for item in weights if item.duplicate_of)
        yield "stored again", size_text(copies), "mismatched" if copies else "plain"
    if any(graph.ops for graph in found.graphs):
        yield "operations", f"{sum(sum(g.ops.values()) for g in found.graphs):,}", "plain"


def _bytes(found: Inspection) -> Markup | None:
    parts = list(_parts(found))
    if not parts:
        return None
    used = {part.class_ for part in parts}
    keys = [(f"part {name}", text) for name, text in _KEYS.items() if name in used]
    return section(
        "bytes",
        "Where the bytes are",
        element(
            "div",
            treemap(parts, f"A map of {size_text(found.size)}: variables, constants and files."),
            class_="scroll",
            tabindex="0",
            role="region",
            aria_label="Where the bytes are",
        ),
        legend(keys),
        note="Areas are in proportion to bytes. Point at one for its name and size.",
    )


def _parts(found: Inspection) -> Iterator[Part]:
    """What the bytes of the files are: variables and constants where they are known."""
    for item in found.variables:
        yield Part(item.name, item.size, _class_of(item))
    constants = [item for graph in found.graphs for item in graph.constants]
    for constant in constants:
        yield Part(constant.name, constant.size, "constant")
    inside = sum(item.size for item in found.variables)
    for file in found.files:
        held = {"variables": inside, "graph": sum(item.size for item in constants)}
        size = file.size
        if file.role == "graph" or (file.role == "model" and inside):
            size = max(size - (held["graph"] if file.role == "graph" else inside), 0)
        if file.role != "variables" or not found.variables:
            yield Part(file.path, size, "file")


def _class_of(item: Variable) -> str:
    if item.role != "weight" or item.is_reached is False:
        return "spare"
    return "copy" if item.duplicate_of else "weight"


def _graph(graph: Graph, number: int, graphs: int) -> Markup:
    name = ", ".join(graph.tags)
    title = f"Graph {name}" if name else ("Graph" if graphs == 1 else f"Graph {number + 1}")
    title = title if graph.ops else "Signatures"
    facts = (element("li", f"{key}: {_text(value)}") for key, value in graph.facts.items())
    return section(
        f"graph-{number}",
        title,
        element("ul", join(facts), class_="context") if graph.facts else None,
        signature_cards(graph.signatures) if graph.signatures else None,
        _assets(graph),
        _unsafe(graph),
        _training(graph),
        _operations(graph, number),
    )


def _assets(graph: Graph) -> Markup | None:
    sizes = {item.filename: item.size for item in graph.assets}
    rows = [(name, "missing" if size is None else size_text(size)) for name, size in sizes.items()]
    return fixed_table("Assets", ("file", "size"), rows) if rows else None


def _unsafe(graph: Graph) -> Markup | None:
    rows = [(op.op, op.reason, f"{op.count:,}", op.places[0]) for op in graph.unsafe]
    headings = ("operation", "it", "nodes", "first")
    if not rows:
        return None
    return fixed_table("Unsafe operations", headings, rows, texts={"it", "first"})


def _training(graph: Graph) -> Markup | None:
    rows = [(op.op, op.reason, f"{op.count:,}", f"{op.reached:,}") for op in graph.training]
    headings = ("operation", "is for", "nodes", "reached by a signature")
    if not rows:
        return None
    return fixed_table("Operations for training", headings, rows, texts={"is for"})


def _operations(graph: Graph, number: int) -> Markup | None:
    if not graph.ops:
        return None
    headings = [Heading("op", "Operation"), Heading("nodes", "Nodes", "number")]
    table = data_table(f"ops-{number}", "operation", headings)
    summary = f"{count(len(graph.ops), 'operation')} in {count(sum(graph.ops.values()), 'node')}"
    return element("details", element("summary", summary), table)


def _operation_data(graph: Graph) -> dict[str, Any]:
    return {
        "rows": len(graph.ops),
        "search": ["op"],
        "columns": {
            "op": names([visible(name) for name in graph.ops]),
            "nodes": numbers(list(graph.ops.values()), digits=12),
        },
    }


def _variables(variables: Sequence[Variable]) -> Markup | None:
    if not variables:
        return None
    headings = [
        Heading("name", "Variable", "place"),
        Heading("dtype", "Type", is_minor=True),
        Heading("shape", "Shape"),
        Heading("size", "Bytes", "number"),
        Heading("marks", "", is_minor=True),
    ]
    return section("variables", "Variables", data_table("variables", "variable", headings))


def _variable_data(variables: Sequence[Variable]) -> dict[str, Any]:
    return {
        "rows": len(variables),
        "search": ["name", "key", "marks"],
        "details": [["key", "Stored as"], ["dtype", "Type"], ["marks", "Marks"]],
        "columns": {
            "name": names([visible(item.name) for item in variables]),
            "dtype": names([item.dtype for item in variables]),
            "shape": names([shape_text(item.shape) for item in variables]),
            "size": numbers([item.size for item in variables], digits=15),
            "marks": names(list(map(visible, marks_of(variables)))),
            "key": names([visible(item.key or item.name) for item in variables]),
        },
    }


def _contents(found: Inspection) -> Iterator[Markup]:
    for number, (title, items) in enumerate(found.contents.items()):
        rows = [tuple(item.values()) for item in items[:_MOST_CONTENTS]]
        caption = (
            f"{len(items):,} in all"
            if len(items) == len(rows)
            else (f"The first {len(rows):,} of {len(items):,}")
        )
        headings = tuple(items[0])
        listed = fixed_table(caption, headings, rows, texts=headings)
        yield section(f"contents-{number}", title, listed)


def _files(found: Inspection) -> Markup:
    rows = [(file.path, file.role, size_text(file.size)) for file in found.files[:_MOST_CONTENTS]]
    listed = fixed_table("The largest first", ("path", "is", "size"), rows, texts={"is"})
    return section("files", "Files", listed)


def _text(value: str | bool | int) -> str:
    return yes_no(value) if isinstance(value, bool) else str(value)
