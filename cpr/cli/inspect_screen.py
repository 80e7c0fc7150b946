"""What ``cpr inspect`` prints for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cpr.cli.output import console, print_table
from cpr.inspecting.marks import marks_of
from cpr.inspecting.sample_text import sample_text
from cpr.inspecting.wording import count, shape_text, size_text, yes_no
from cpr.reports.html import visible

if TYPE_CHECKING:
    from rich.console import Console

    from cpr.inspecting import Inspection
    from cpr.inspecting.inspection import Graph, SignatureView, Variable

_STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}
# Where no terminal folds the lines: names stay whole.
_WIDTH = 1000
_MOST_ROWS = 20
_MOST_SAMPLE = 2000


def print_inspection(found: Inspection, *, shows_all: bool) -> None:
    """Print it on standard output; `shows_all` lists every row of each table."""
    _Screen(console(), shows_all=shows_all).show(found)


class _Screen:
    def __init__(self, out: Console, *, shows_all: bool) -> None:
        if not out.is_terminal:
            out.width = _WIDTH
        self._out = out
        self._most = None if shows_all else _MOST_ROWS

    def show(self, found: Inspection) -> None:
        self._line((found.path, "bold"))
        self._facts(
            {"format": f"{found.format}, {found.kind}", "size": _size(found), **found.facts}
        )
        for graph in found.graphs:
            self._graph(graph, is_named=bool(graph.tags) or len(found.graphs) > 1)
        self._variables(found.variables)
        for title, items in found.contents.items():
            self._table(title, tuple(items[0]), [tuple(item.values()) for item in items])
        self._files(found)
        for problem in found.problems:
            style = _STYLES[problem.severity]
            self._line((f"{problem.severity:<8}", style), problem.message)
            if problem.fix:
                self._line(" " * 8, (problem.fix, "dim"))
        if not found.problems:
            self._line("Nothing stands in the way of serving it.")

    def _graph(self, graph: Graph, *, is_named: bool) -> None:
        if is_named:
            self._line()
            self._line((f"Graph {', '.join(graph.tags) or 'without tags'}", "bold underline"))
        self._facts({**graph.facts, "operations": _operations(graph)} if graph.ops else graph.facts)
        for signature in graph.signatures:
            self._signature(signature)
        if graph.hidden:
            self._line(("  hidden signatures  ", "dim"), ", ".join(graph.hidden))
        for name, size in {asset.filename: asset.size for asset in graph.assets}.items():
            self._line("  asset  ", f"{name} ({'missing' if size is None else size_text(size)})")
        if graph.ops:
            rows = [(name, f"{number:,}") for name, number in graph.ops.items()]
            self._table("Operations", ("operation", "nodes"), rows, numbers={1})
        unwanted = [(op.op, op.reason, f"{op.count:,}", op.places[0]) for op in graph.unsafe]
        self._table("Unsafe operations", ("operation", "it", "nodes", "first"), unwanted)
        training = [
            (op.op, op.reason, f"{op.count:,}", f"{op.reached:,}", op.places[0])
            for op in graph.training
        ]
        headings = ("operation", "is for", "nodes", "reached", "first")
        self._table("Operations for training", headings, training, numbers={2, 3})
        constants = [
            (item.name, item.dtype, shape_text(item.shape), size_text(item.size))
            for item in graph.constants
        ]
        title = f"Constants, {size_text(graph.constant_bytes)} in all; the largest"
        self._table(title, ("name", "type", "shape", "size"), constants, numbers={3})

    def _signature(self, signature: SignatureView) -> None:
        self._line()
        method = f"  {signature.method}" if signature.method else ""
        self._line(("Signature ", "bold"), (signature.name, "bold"), (method, "dim"))
        for word, tensors in (("in", signature.inputs), ("out", signature.outputs)):
            for tensor in tensors:
                what = f"{tensor.dtype} {shape_text(tensor.shape)}"
                place = f"  {tensor.tensor}" if tensor.tensor else ""
                if tensor.encoding != "dense":
                    what = f"{tensor.encoding} {what}"
                self._line(f"  {word:<4}", (tensor.alias, "bold"), f"  {what}", (place, "dim"))
        if signature.sample is not None:
            text = sample_text(signature.sample)
            if len(text) > _MOST_SAMPLE and self._most:
                text = f"{text[:60]}… ({len(text):,} characters; --json has it whole)"
            self._line("  request  ", text)

    def _variables(self, variables: Sequence[Variable]) -> None:
        if not variables:
            return
        rows = [
            (item.name, item.dtype, shape_text(item.shape), size_text(item.size), marks)
            for item, marks in zip(variables, marks_of(variables), strict=True)
            if item.role != "bookkeeping"
        ]
        whole = sum(item.size for item in variables)
        title = f"{count(len(rows), 'variable')}, {size_text(whole)}"
        self._table(title, ("name", "type", "shape", "size", ""), rows, numbers={3})

    def _files(self, found: Inspection) -> None:
        rows = [(file.path, file.role, size_text(file.size)) for file in found.files]
        self._table("Files", ("path", "", "size"), rows, numbers={2})
        limits = [
            f"{limit.platform} takes {size_text(limit.bytes)}"
            f"{' — it is too large' if limit.is_exceeded else ''}"
            for limit in found.limits
        ]
        if limits:
            self._line(f"Limits: {'; '.join(limits)}.")
        self._line()

    def _facts(self, facts: Mapping[str, Any]) -> None:
        for key, value in facts.items():
            text = yes_no(value) if isinstance(value, bool) else str(value)
            self._line((f"  {key:<20}", "dim"), text)

    def _table(
        self,
        title: str,
        headings: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        numbers: Iterable[int] = (),
    ) -> None:
        if not rows:
            return
        # CLI start-up time: rich is imported only when something is drawn.
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, show_header=any(headings), header_style="dim", pad_edge=False)
        for place, heading in enumerate(headings):
            justify: Any = "right" if place in set(numbers) else "left"
            # As far in as the rows.
            text = f"  {heading}" if heading and not place else heading
            table.add_column(text, justify=justify, overflow="fold")
        for row in rows[: self._most]:
            shown = [_plain(cell) for cell in row]
            table.add_row(
                *(Text(f"  {cell}" if not place else cell) for place, cell in enumerate(shown))
            )
        self._line()
        self._line((title, "bold"))
        print_table(self._out, table)
        if self._most and len(rows) > self._most:
            self._line((f"  … and {len(rows) - self._most:,} more: --all lists them", "dim"))

    def _line(self, *parts: str | tuple[str, str]) -> None:
        # CLI start-up time: rich is imported only when something is drawn.
        from rich.text import Text

        shown = (
            _plain(part) if isinstance(part, str) else (_plain(part[0]), part[1]) for part in parts
        )
        self._out.print(Text.assemble(*shown), soft_wrap=True)


def _plain(text: str) -> str:
    """The text on its line, without what a terminal obeys: names in a model may hold it."""
    return visible(text).replace("\n", "␊")


def _size(found: Inspection) -> str:
    return f"{size_text(found.size)} in {count(len(found.files), 'file')}"


def _operations(graph: Graph) -> str:
    nodes = sum(graph.ops.values())
    functions = f", {count(graph.functions, 'function')}" if graph.functions else ""
    return f"{count(len(graph.ops), 'kind')} in {count(nodes, 'node')}{functions}"
