"""Which graphs and signatures of a SavedModel the copy is to have."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cpr.errors import LoadError, UsageError
from cpr.savedmodel import protos
from cpr.savedmodel.meta_graph import choose_meta_graph, signatures, tags
from cpr.suggest import did_you_mean


def choose_graphs(
    model: protos.Message, wanted: Sequence[Collection[str]], *, where: object
) -> list[protos.Message]:
    """The graphs with the tags that are wanted; by default the one to serve.

    Raises:
        UsageError: There is none with these tags.
        LoadError: None is to be served by default.
    """
    try:
        chosen = [choose_meta_graph(model, some, where=where) for some in wanted]
    except LoadError as error:
        raise UsageError(error.problem, hint="Name all tags of a graph: --tag serve,gpu") from error
    chosen = chosen or [choose_meta_graph(model, where=where)]
    kept = {tags(graph) for graph in chosen}
    return [graph for graph in model.meta_graphs if tags(graph) in kept]


def choose_signatures(
    graphs: Sequence[protos.Message], wanted: Sequence[str], *, where: object
) -> list[str]:
    """The signatures that are wanted; by default all that can be called.

    Raises:
        UsageError: There is no such signature.
    """
    there = sorted({name for graph in graphs for name in signatures(graph)})
    for name in wanted:
        if name not in there:
            raise UsageError(
                f"{where} has no signature {name!r} in {_tags_of(graphs)}; it has "
                f"{', '.join(there) or 'none'}.",
                hint=did_you_mean(name, there),
            )
    return [name for name in there if not wanted or name in wanted]


def _tags_of(graphs: Sequence[protos.Message]) -> str:
    listed = " or ".join(",".join(tags(graph)) or "(none)" for graph in graphs)
    return f"the graph tagged {listed}"
