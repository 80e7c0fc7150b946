"""Finds what of a graph has to stay so that some signatures answer as before.

What a signature reaches needs its variables, and so what restores them and what
fills its tables; those may need more. Hence a search until nothing is added.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from cpr.savedmodel import protos
from cpr.savedmodel.cleaning.collections import needed_by_collections
from cpr.savedmodel.reach import initializers, is_control, node_of, reach, signature_nodes
from cpr.savedmodel.restores import Restoration, restorations, states_of


@dataclass(frozen=True)
class GraphPlan:
    """What stays of a graph.

    Attributes:
        roots: The nodes from which all that stays is reached, but for the groups
            that run initializers and restorations.
        restored: The restorations that stay.
        dropped: Those that go.
        idle: The initializers that go: they fill what nothing reads any more.
    """

    roots: frozenset[str]
    restored: tuple[Restoration, ...]
    dropped: tuple[Restoration, ...]
    idle: frozenset[str]

    @property
    def keys(self) -> set[str]:
        """The names in ``variables/`` that are still restored."""
        return {key for item in self.restored for key in item.keys}


def plan_graph(
    meta_graph: protos.Message,
    signatures: Collection[str],
    *,
    nodes: Iterable[str] = (),
    keys: Collection[str] = (),
) -> GraphPlan:
    """What has to stay for some signatures.

    Args:
        meta_graph: The graph; it is only read.
        signatures: The names of the signatures.
        nodes: Nodes that have to stay besides.
        keys: Names in ``variables/`` whose restorations have to stay besides.

    Raises:
        Unclear: How the variables are restored cannot be told.
    """
    every = restorations(meta_graph)
    touched = _initialized(meta_graph)
    roots = {*signature_nodes(meta_graph, signatures), *nodes}
    while True:
        reached = reach(meta_graph, roots).nodes
        more = {
            leaf for leaf, states in touched.items() if not states or not reached.isdisjoint(states)
        }
        for item in every:
            if not reached.isdisjoint(item.targets) or not set(item.keys).isdisjoint(keys):
                more.update(item.targets)
                more.update(() if item.function else (item.node,))
        more.update(needed_by_collections(meta_graph, reached))
        if more <= roots:
            break
        roots |= more
    restored = tuple(item for item in every if not roots.isdisjoint(item.targets))
    dropped = tuple(item for item in every if item not in restored)
    return GraphPlan(frozenset(roots), restored, dropped, frozenset(touched) - roots)


def _initialized(meta_graph: protos.Message) -> dict[str, list[str]]:
    """What is run when the model is loaded, one by one, with the variables and tables it fills."""
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    found: dict[str, list[str]] = {}
    seen: set[str] = set()
    waiting = [name for name in initializers(meta_graph) if name in nodes]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        node = nodes[name]
        if node.op == "NoOp" and node.input:
            waiting += [node_of(text) for text in node.input if node_of(text) in nodes]
        else:
            data = (text for text in node.input if not is_control(text))
            found[name] = states_of(data, nodes)
    return found
