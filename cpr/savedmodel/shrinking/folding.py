"""Folds graphs of TensorFlow 1 with Grappler, in a process that does nothing else.

Run as ``python -m cpr.savedmodel.shrinking.folding TASK MADE``, both files of
JSON. It does what the Graph Transform Tool was for: what is constant is
computed, what is computed twice is computed once, what changes nothing goes.
Only passes run that do not depend on the machine.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cpr.savedmodel.tensorflow_library import import_tensorflow

_PASSES = (
    "pruning",
    "function",
    "constfold",
    "arithmetic",
    "dependency",
    "constfold",
    "dependency",
)


def main(task: Path, made: Path) -> None:
    """Fold all graphs of the SavedModel that the task names, in place."""
    folder = json.loads(task.read_text(encoding="utf-8"))["folder"]
    tf = import_tensorflow()
    # Optional extra; and TensorFlow has no public name for them.
    from tensorflow.core.protobuf import saved_model_pb2
    from tensorflow.python.grappler import tf_optimizer

    path = Path(folder, "saved_model.pb")
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    before = sum(len(one.graph_def.node) for one in model.meta_graphs)
    for meta_graph in model.meta_graphs:
        _optimize(tf, tf_optimizer, meta_graph, _kept(meta_graph))
    path.write_bytes(model.SerializeToString(deterministic=True))
    after = sum(len(one.graph_def.node) for one in model.meta_graphs)
    made.write_text(json.dumps({"before": before, "after": after}), encoding="utf-8")


def _kept(meta_graph: Any) -> list[str]:
    """The nodes that must keep their names: what the parts beside the graph refer to."""
    names = {tensor for some in meta_graph.signature_def.values() for tensor in _tensors(some)}
    saver = meta_graph.saver_def
    names |= {saver.filename_tensor_name, saver.save_tensor_name, saver.restore_op_name}
    names |= {one.tensor_info.name for one in meta_graph.asset_file_def}
    for name, collection in meta_graph.collection_def.items():
        names |= set(collection.node_list.value)
        if "variables" in name:
            names |= {one for value in collection.bytes_list.value for one in _of_variable(value)}
        names |= {one for value in collection.any_list.value for one in _of_asset(value)}
    there = {node.name for node in meta_graph.graph_def.node}
    return sorted({name.split(":")[0].removeprefix("^") for name in names} & there)


def _tensors(signature: Any) -> Iterator[str]:
    for info in [*signature.inputs.values(), *signature.outputs.values()]:
        sparse = info.coo_sparse
        yield from (info.name, sparse.values_tensor_name)
        yield from (sparse.indices_tensor_name, sparse.dense_shape_tensor_name)
        yield from (one.name for one in info.composite_tensor.components)


def _of_variable(value: bytes) -> Iterator[str]:
    # Optional extra.
    from tensorflow.core.framework import variable_pb2

    found = variable_pb2.VariableDef.FromString(value)
    yield from (found.variable_name, found.initializer_name, found.snapshot_name)
    yield found.initial_value_name


def _of_asset(value: Any) -> Iterator[str]:
    # Optional extra.
    from tensorflow.core.protobuf import meta_graph_pb2

    asset = meta_graph_pb2.AssetFileDef()
    if value.Unpack(asset):
        yield asset.tensor_info.name


def _optimize(tf: Any, optimizer: Any, meta_graph: Any, kept: list[str]) -> None:
    """Run the passes over a graph, which keeps the nodes `kept`."""
    config = tf.compat.v1.ConfigProto()
    options = config.graph_options.rewrite_options
    options.min_graph_nodes = -1
    options.meta_optimizer_iterations = options.ONE
    options.fail_on_optimizer_errors = True
    options.optimizers.extend(_PASSES)
    work = type(meta_graph)()
    work.CopyFrom(meta_graph)
    # What Grappler takes for the ends of a graph; of a saver it wants the saving too.
    work.ClearField("saver_def")
    work.collection_def["train_op"].node_list.value[:] = kept
    graph = optimizer.OptimizeGraph(config, work, strip_default_attributes=True)
    meta_graph.graph_def.CopyFrom(graph)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
