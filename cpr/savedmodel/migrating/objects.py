"""What a TF1 graph reads, variables, tables and assets, as objects of TensorFlow 2."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from cpr.errors import LoadError
from cpr.savedmodel.migrating.graph_cut import cut
from cpr.savedmodel.migrating.graph_questions import ancestors, leaves
from cpr.savedmodel.migrating.model import V1Model
from cpr.savedmodel.migrating.parts import Part
from cpr.savedmodel.migrating.references import VARIABLES
from cpr.savedmodel.migrating.resources import running, tracked_resource
from cpr.wire.tensors import Array


class FoundObjects:
    """The objects of TensorFlow 2 that stand for what the graph reads, as they are made."""

    def __init__(self, tf: Any, model: V1Model, definition: Any) -> None:
        self._tf, self._model, self._definition = tf, model, definition
        self._graph = model.session.graph
        self._owners: dict[str, Any] = {}
        self.values: dict[str, Any] = {}

    def variables(self, nodes: list[Any]) -> dict[str, Any]:
        """A variable for each handle, with the value that the session has; by name."""
        trainable = {
            item.name.partition(":")[0]
            for item in self._graph.get_collection("trainable_variables")
        }
        shared: dict[bytes, Any] = {}
        for node in nodes:
            key = node.attr["shared_name"].s or node.name.encode()
            if key not in shared:
                shared[key] = self._tf.Variable(
                    self._value_of(node.name),
                    trainable=node.name in trainable,
                    name=node.name.rpartition("/")[2],
                    dtype=node.attr["dtype"].type,
                )
            self.values[f"{node.name}:0"] = shared[key].handle
            self._owners[node.name] = shared[key]
        return {key.decode(): variable for key, variable in shared.items()}

    def assets(self, nodes: Iterable[str], fills: Mapping[str, list[str]]) -> list[Any]:
        """A tracked asset for each file whose path the functions or the tables read.

        Raises:
            LoadError: Such a file is missing.
        """
        read = set(nodes)
        read |= ancestors(self._graph, [op for ops in fills.values() for op in ops])
        made = []
        for tensor, path in self._model.assets.items():
            if tensor.partition(":")[0] not in read:
                continue
            if not path.is_file():
                raise LoadError(
                    f"{self._model.source}: the asset {path.name!r} is missing.",
                    hint=f"Copy it to {path}.",
                )
            asset = self._tf.saved_model.Asset(str(path))
            self.values[tensor] = asset.asset_path
            self._owners[tensor.partition(":")[0]] = asset
            made.append(asset)
        return made

    def tables(self, nodes: list[Any], fills: Mapping[str, list[str]]) -> dict[str, Any]:
        """A tracked resource for each other handle, filled as in the session; by name."""
        made = {}
        for node in nodes:
            read = ancestors(self._graph, fills[node.name])
            needs = [item for name, item in self._owners.items() if name in read]
            filling: list[Callable[[], Any]] = []
            graph = Part.made(self._graph, self._definition, [node.name]).graph
            resource = tracked_resource(self._tf, graph, node, _runs(filling), needs)
            self.values[f"{node.name}:0"] = resource.resource_handle
            made[node.name] = resource
            filling += [self._filler(op) for op in fills[node.name]]
        for resource in made.values():
            resource._initialize()
        return made

    def fills(self, handles: set[str]) -> dict[str, list[str]]:
        """The initializers of each table: the operations whose ancestors include it."""
        fills: dict[str, list[str]] = {name: [] for name in handles}
        restore = self._model.restore
        restores = leaves(self._graph, [restore.op]) if restore and handles else []
        for op in [*leaves(self._graph, self._model.initializers), *restores]:
            for name in handles & ancestors(self._graph, [op]):
                fills[name].append(op)
        return fills

    def nodes_of(self, fills: Mapping[str, list[str]]) -> dict[str, Any]:
        """The nodes that fill the tables, by name."""
        ops = {op for names in fills.values() for op in names}
        parts = [Part.made(self._graph, self._definition, [op]) for op in sorted(ops)]
        return {node.name: node for part in parts for node in part.graph.node}

    def _filler(self, op: str) -> Callable[[], Any]:
        whole = cut(self._definition, [op])
        read = [
            f"{n.name}:{i}" for n in whole.node if n.op == "RestoreV2" for i in range(_count(n))
        ]
        part = Part.made(self._graph, self._definition, [op], read)
        constants = {name: self._restored(name) for name in read}

        def fill() -> Any:
            return running(self._tf, part.graph, op, {**self.values, **constants})()

        return fill

    def _restored(self, tensor: str) -> Array:
        restore = self._model.restore
        assert restore is not None
        feeds = {restore.filename_tensor: restore.checkpoint}
        value: Array = self._model.session.run(tensor, feeds)
        return value

    def _value_of(self, name: str) -> Array:
        tf, output = self._tf, self._graph.get_operation_by_name(name).outputs[0]
        with self._graph.as_default(), tf.control_dependencies(None):
            if output.op.type in VARIABLES:
                reading = output
                is_set = tf.raw_ops.IsVariableInitialized(ref=output)
            else:
                dtype = output.op.get_attr("dtype")
                reading = tf.raw_ops.ReadVariableOp(resource=output, dtype=dtype)
                is_set = tf.raw_ops.VarIsInitializedOp(resource=output)
        if not self._model.session.run(is_set):
            raise LoadError(
                f"{self._model.source}: the variable {name!r} has no value.",
                hint="The checkpoint does not have it; name one that does.",
            )
        value: Array = np.asarray(self._model.session.run(reading))
        return value


def _runs(steps: list[Callable[[], Any]]) -> Callable[[], None]:
    def run() -> None:
        for step in steps:
            step()

    return run


def _count(node: Any) -> int:
    return len(node.attr["dtypes"].list.type)
