"""Names of nodes and functions in a graph that nothing has."""

from __future__ import annotations

from collections.abc import Iterator

from cpr.errors import shorten
from cpr.savedmodel import protos
from cpr.savedmodel.reach import initializers, node_of, signature_nodes


def gaps(graph: protos.Message) -> Iterator[str]:
    """What is lacking, a sentence's end each; TensorFlow refuses a graph with such."""
    nodes = {node.name for node in graph.graph_def.node}
    functions = {function.signature.name for function in graph.graph_def.library.function}
    for node in graph.graph_def.node:
        for text in node.input:
            if node_of(text) not in nodes:
                yield f"the node {shorten(node.name)} lacks its input {shorten(text)}"
        if "f" in node.attr and node.attr["f"].func.name not in functions:
            yield f"the function {shorten(node.attr['f'].func.name)} is missing"
    for name in [*signature_nodes(graph), *initializers(graph)]:
        if name not in nodes:
            yield f"the node {shorten(name)}, of a signature, is missing"
