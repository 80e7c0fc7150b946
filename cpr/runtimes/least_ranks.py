"""How many dimensions a convolution needs: of fewer TensorFlow makes no error but ends the process.

Of shapes nothing else is refused here: whether they fit is for the graph to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cpr.errors import BadInput
from cpr.runtimes.signatures import Signature
from cpr.savedmodel.reach import reach, signature_nodes
from cpr.wire.tensors import Array

LeastRanks = Mapping[str, int]
"""By input, the least number of dimensions."""
# Tried in TensorFlow 2.21 with every rank, beside some fifty other operations.
_FATAL = {"Conv2D", "Conv3D", "DepthwiseConv2dNative", "MaxPool3D"}
_RANK_OF_IMAGES = 4


def least_ranks(
    graph: Any, meta_graph: Any, signatures: Mapping[str, Signature]
) -> dict[str, LeastRanks]:
    """Of each signature that reaches a convolution, what its images need.

    Args:
        graph: Where the MetaGraph is loaded: its tensors know their ranks, and
            what old exporters wrote into signatures does not count.
        meta_graph: The MetaGraph.
        signatures: Its signatures.
    """
    definition = meta_graph.graph_def
    bodies = {
        function.signature.name: function.node_def for function in definition.library.function
    }
    if not _is_fatal(definition.node) and not any(map(_is_fatal, bodies.values())):
        return {}
    found = {}
    for name, signature in signatures.items():
        reached = reach(meta_graph, signature_nodes(meta_graph, [name]))
        nodes = (node for node in definition.node if node.name in reached.nodes)
        if _is_fatal(nodes) or any(_is_fatal(bodies[body]) for body in reached.functions):
            ranks = {
                alias: graph.get_tensor_by_name(spec.name).shape.rank or 0
                for alias, spec in signature.inputs.items()
                if spec.name
            }
            found[name] = {alias: n for alias, n in ranks.items() if n >= _RANK_OF_IMAGES}
    return {name: ranks for name, ranks in found.items() if ranks}


def check_ranks(feeds: Mapping[str, Array], least: LeastRanks) -> None:
    """Refuse an array of too few dimensions.

    Raises:
        BadInput: There is one; the message names it.
    """
    for alias, rank in least.items():
        if feeds[alias].ndim < rank:
            raise BadInput(
                f"The model refuses these instances: input {alias} has the shape "
                f"{list(feeds[alias].shape)}, and a convolution needs {rank} dimensions.",
                hint="The first one counts the instances.",
            )


def _is_fatal(nodes: Iterable[Any]) -> bool:
    return any(node.op in _FATAL for node in nodes)
