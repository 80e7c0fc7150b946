"""Leaves of a MetaGraph what some of its signatures need."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from cpr.savedmodel import protos
from cpr.savedmodel.cleaning.graph_cut import cut_graph
from cpr.savedmodel.cleaning.graph_plan import plan_graph
from cpr.savedmodel.cleaning.object_cut import cut_objects
from cpr.savedmodel.cleaning.object_plan import plan_objects
from cpr.savedmodel.reach import INIT_SIGNATURE
from cpr.savedmodel.restores import Unclear


@dataclass(frozen=True)
class Kept:
    """What a MetaGraph still reads of ``variables/``.

    Attributes:
        names: The names in the bundle.
        trackables: The bundle's graph of objects, cut to fit; None for TensorFlow 1.
    """

    names: frozenset[str]
    trackables: protos.Message | None


def cut_meta_graph(
    meta_graph: protos.Message,
    signatures: Collection[str],
    *,
    names: Collection[str],
    trackables: protos.Message | None,
) -> Kept:
    """Take out of a MetaGraph what none of the signatures needs.

    Args:
        meta_graph: Changed in place; where this raises, it may be half changed.
        signatures: The names of the signatures that stay.
        names: The names in the bundle's index.
        trackables: The bundle's graph of objects; it is only read.

    Raises:
        Unclear: What is needed cannot be told; then nothing may be taken out.
    """
    _cut_signatures(meta_graph, signatures)
    has_objects = bool(meta_graph.object_graph_def.nodes)
    if has_objects and trackables is None:
        raise Unclear("the variables hold no graph of objects")
    if not has_objects and names and not meta_graph.saver_def.restore_op_name:
        raise Unclear("the graph has no operation that restores the variables")
    if not has_objects or trackables is None:
        plan = plan_graph(meta_graph, signatures)
        cut_graph(meta_graph, plan)
        return Kept(frozenset(plan.keys), None)
    objects = plan_objects(meta_graph, trackables, signatures, names)
    plan = plan_graph(meta_graph, signatures, nodes=objects.nodes, keys=objects.keys)
    made = cut_objects(meta_graph, trackables, objects)
    cut_graph(meta_graph, plan, functions=objects.functions)
    return Kept(frozenset(plan.keys | objects.keys), made)


def _cut_signatures(meta_graph: protos.Message, signatures: Collection[str]) -> None:
    for name in list(meta_graph.signature_def):
        if name not in signatures and name != INIT_SIGNATURE:
            del meta_graph.signature_def[name]
