"""What a tensor of a graph is where no input has a part in it."""

from __future__ import annotations

from typing import Any

import numpy as np

from cpr.extras import import_extra


def constant(tf: Any, graph: Any, name: str) -> Any:
    """The array that a tensor always is; None if that depends on an input or on a table.

    Args:
        tf: TensorFlow.
        graph: A GraphDef without variables.
        name: Of the tensor.
    """
    util = import_extra("tensorflow.python.framework.graph_util_impl", "tensorflow")
    node, _, place = name.partition(":")
    needed = util.extract_sub_graph(graph, [node])
    if any("Placeholder" in one.op or "Table" in one.op for one in needed.node):
        return None
    with tf.Graph().as_default() as scratch:
        tf.graph_util.import_graph_def(needed, name="")
        with tf.compat.v1.Session(graph=scratch) as session:
            found = session.run(f"{node}:{place or 0}")
            return np.array(found, dtype=object if isinstance(found, bytes) else None)
