"""Cuts rows of variables: ``variables/`` has their values, and several parts their shape."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from cpr.savedmodel.bundle import Bundle, Entry
from cpr.savedmodel.bundle_writer import BundleWriter
from cpr.savedmodel.dtypes import dtype_number, item_bytes
from cpr.savedmodel.protos import Message
from cpr.savedmodel.restores import Unclear, restorations
from cpr.savedmodel.shrinking.objects import forget_keras, object_values
from cpr.savedmodel.shrinking.rejoining import captured_objects
from cpr.savedmodel.shrinking.restoring import has_opaque_restores, restored_names
from cpr.savedmodel.shrinking.row_weights import RowWeights, Unproven
from cpr.savedmodel.shrinking.spreading import Placed, Spread
from cpr.savedmodel.trackables import read_trackables
from cpr.wire.tensors import Array

_PREFIX = Path("variables", "variables")
# What tells a shape that is another one now; TensorFlow finds it anew.
_TOLD = ("_output_shapes", "_handle_shapes", "_handle_dtypes")


class RowVariables:
    """The variables among the weights of a vocabulary, in all parts of a SavedModel.

    Args:
        meta_graph: The only graph of the model.
        folder: Its directory.
        spread: The graph, spread.
        weights: Weights that only the vocabulary chooses rows of.

    Attributes:
        keys: Their names in ``variables/``, and which nodes of the graph have their values.

    Raises:
        Unproven: It is not told how they are restored; or what restores them
            restores other variables too.
    """

    def __init__(
        self, meta_graph: Message, folder: Path, spread: Spread, weights: RowWeights
    ) -> None:
        self._meta_graph, self._spread = meta_graph, spread
        self.keys: dict[str, set[str]] = {}
        self._handles = {placed.name for placed in weights.variables}
        self._initial = weights.initial
        self._objects: set[int] = set()
        if not self._handles:
            return
        with Bundle(folder / _PREFIX) as bundle:
            trackables = read_trackables(bundle)
            values: dict[str, tuple[int, ...]] = {}
            if trackables is not None:
                values = object_values(meta_graph.object_graph_def, trackables)
            self._find_keys(weights, values)
            for key, handles in self.keys.items():
                self._check_entry(bundle.entries.get(key), handles)
        named = {
            item.checkpoint_key
            for node in (trackables.nodes if trackables is not None else ())
            for item in node.attributes
        }
        if (self.keys.keys() & named) - values.keys():
            raise Unproven("an object that is no variable has the weights")

    def narrow(self, gone: Array) -> None:
        """Have the graph, its functions and objects expect fewer rows, in place."""
        less = len(gone)
        objects = self._meta_graph.object_graph_def
        for name in self._handles:
            self._spread.nodes[name].node.attr["shape"].shape.dim[0].size -= less
            self._forget_shapes(self._spread.nodes[name])
        for node_id in self._objects:
            objects.nodes[node_id].variable.shape.dim[0].size -= less
        library = {one.signature.name: one for one in self._meta_graph.graph_def.library.function}
        for (name, place), given in self._spread.arguments.items():
            if given & self._handles:
                library[name].signature.input_arg[place].ClearField("handle_data")
                if place in library[name].arg_attr:
                    _forget(library[name].arg_attr[place].attr)
        for placed in self._initial.values():
            self._begin_with_zeros(placed)
        if self._handles:
            forget_keras(objects)

    def _find_keys(self, weights: RowWeights, values: Mapping[str, tuple[int, ...]]) -> None:
        """Which names in ``variables/`` the variables have, and which others have them too."""
        try:
            restored = restorations(self._meta_graph)
        except Unclear as error:
            raise Unproven(str(error)) from error
        if has_opaque_restores(self._meta_graph):
            raise Unproven("the graph restores by names that it computes")
        plain, _ = restored_names(self._meta_graph)
        captured = captured_objects(self._meta_graph)
        names = {node_id: key for key, some in values.items() for node_id in some}
        waiting = list(self._handles)
        while waiting:
            name = waiting.pop()
            objects = captured.get(name, set())
            found = [set(one.keys) for one in restored if name in one.targets]
            keys = {names.get(one, "") for one in objects}.union(*found)
            if not found or not keys <= plain or any(len(one) > 1 for one in found):
                raise Unproven(f"{name} is not restored whole by one name")
            for key in keys:
                self.keys.setdefault(key, set()).add(name)
            self._objects |= objects.union(*(values.get(key, ()) for key in keys))
            others = {
                target for one in restored if keys.intersection(one.keys) for target in one.targets
            } | {other for other, some in captured.items() if some & self._objects}
            for other in others - self._handles:
                if not weights.is_only_restored(other):
                    raise Unproven(f"{other} has the same values, and is read otherwise")
                self._handles.add(other)
                waiting.append(other)

    def _check_entry(self, entry: Entry | None, handles: Collection[str]) -> None:
        if entry is None or entry.slices or item_bytes(entry.dtype) < 1:
            raise Unproven("the weights are stored in parts")
        for name in handles:
            dims = self._spread.nodes[name].node.attr["shape"].shape.dim
            if tuple(one.size for one in dims) != entry.shape:
                raise Unproven(f"{name} has another shape than its values")

    def _begin_with_zeros(self, assign: Placed) -> None:
        """Have a variable that is not restored be zeros; it would be given too many rows."""
        variable = self._spread.nodes[assign.inputs[0]].node
        made = assign.body.add("Const", f"{assign.name}/cpr_initial")
        dtype = variable.attr["dtype"].type
        made.attr["dtype"].type = made.attr["value"].tensor.dtype = dtype
        made.attr["value"].tensor.tensor_shape.CopyFrom(variable.attr["shape"].shape)
        assign.node.input[1] = made.name

    def _forget_shapes(self, placed: Placed) -> None:
        _forget(placed.node.attr)
        for reader, _ in self._spread.read(placed.name):
            if reader.op in ("ReadVariableOp", "Identity", "Assign"):
                self._forget_shapes(reader)


def _forget(attributes: Message) -> None:
    for key in _TOLD:
        attributes.pop(key, None)


def write_without_rows(source: Path, target: Path, gone: Mapping[str, Array]) -> None:
    """Write the variables of one SavedModel to another, without some rows.

    Args:
        source: The model to read.
        target: Another, without ``variables/``.
        gone: The numbers of the rows, by the variables' names.
    """
    with Bundle(source / _PREFIX) as bundle, BundleWriter(target / _PREFIX) as writer:
        for name, entry in bundle.entries.items():
            if name not in gone:
                writer.copy(bundle, entry)
                continue
            bundle.check(entry)
            values = np.frombuffer(bundle.data(entry), "u1").reshape(entry.shape[0], -1)
            kept = np.delete(values, gone[name], axis=0)
            shape = (len(kept), *entry.shape[1:])
            writer.add(name, dtype_number(entry.dtype), shape, kept.tobytes())
        writer.finish()
