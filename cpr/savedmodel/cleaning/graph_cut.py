"""Takes out of a graph what a plan does not keep."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from cpr.savedmodel import protos
from cpr.savedmodel.cleaning.collections import cut_collections
from cpr.savedmodel.cleaning.graph_plan import GraphPlan
from cpr.savedmodel.cleaning.restore_cut import cut_restore_function, narrow_restores
from cpr.savedmodel.reach import initializers, is_control, node_of, reach


def cut_graph(
    meta_graph: protos.Message, plan: GraphPlan, *, functions: Iterable[str] = ()
) -> None:
    """Leave what the plan keeps, and the functions that it or `functions` reach."""
    graph = meta_graph.graph_def
    before = {node.name for node in graph.node}
    gone = {item.node for item in plan.dropped if not item.function} | plan.idle
    for node in graph.node:
        drop(node.input, lambda text: is_control(text) and node_of(text) in gone)
    roots = {*plan.roots, *initializers(meta_graph)}
    saver = meta_graph.saver_def
    if plan.restored:
        roots |= {node_of(saver.restore_op_name), node_of(saver.filename_tensor_name)}
        cut_restore_function(meta_graph, plan)
    else:
        meta_graph.ClearField("saver_def")
    reached = reach(meta_graph, roots, functions=functions)
    drop(graph.node, lambda node: node.name not in reached.nodes)
    _cut_library(graph.library, reached.functions)
    narrow_restores(graph.node, lambda name, place: f"{name}:{place}")
    cut_collections(meta_graph, before)
    _cut_assets(meta_graph)
    _cut_information(meta_graph)


def drop(values: Any, is_gone: Callable[[Any], bool]) -> None:
    """Take some elements out of a repeated field."""
    for place in reversed([place for place, value in enumerate(values) if is_gone(value)]):
        del values[place]


def _cut_library(library: protos.Message, kept: Collection[str]) -> None:
    drop(library.function, lambda function: function.signature.name not in kept)
    drop(library.gradient, lambda item: item.function_name not in kept)
    drop(library.registered_gradients, lambda item: item.gradient_func not in kept)


def _cut_assets(meta_graph: protos.Message) -> None:
    """Leave the assets whose tensors are there, and tell objects their new places."""
    nodes = {node.name for node in meta_graph.graph_def.node}
    assets = meta_graph.asset_file_def
    kept = [place for place, item in enumerate(assets) if node_of(item.tensor_info.name) in nodes]
    places = {old: new for new, old in enumerate(kept)}
    for item in meta_graph.object_graph_def.nodes:
        if item.WhichOneof("kind") == "asset":
            item.asset.asset_file_def_index = places[item.asset.asset_file_def_index]
    drop(assets, lambda item: node_of(item.tensor_info.name) not in nodes)


def _cut_information(meta_graph: protos.Message) -> None:
    graph = meta_graph.graph_def
    bodies = [graph.node, *(function.node_def for function in graph.library.function)]
    used = {node.op for body in bodies for node in body}
    information = meta_graph.meta_info_def
    drop(information.stripped_op_list.op, lambda op: op.name not in used)
    there = {function.signature.name for function in graph.library.function}
    for name in [name for name in information.function_aliases if name not in there]:
        del information.function_aliases[name]
