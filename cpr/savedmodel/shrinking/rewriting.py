"""Writes a SavedModel anew with some weights packed, without TensorFlow."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cpr.savedmodel.bundle import Bundle, Entry
from cpr.savedmodel.bundle_writer import BundleWriter
from cpr.savedmodel.layout import BINARY, TEXT
from cpr.savedmodel.protos import Message
from cpr.savedmodel.reader import model_file, read_saved_model, write_saved_model
from cpr.savedmodel.shrinking.objects import forget_keras, object_values, unpack_when_loaded
from cpr.savedmodel.shrinking.packing import (
    DT_DOUBLE,
    DT_FLOAT,
    DT_INT64,
    SMALLEST,
    Array,
    Packed,
)
from cpr.savedmodel.shrinking.restoring import (
    has_opaque_restores,
    is_packed_name,
    packed_names,
    restored_names,
    unpack_when_restored,
)
from cpr.savedmodel.shrinking.storing import Pack, held_by_functions, store_constants
from cpr.savedmodel.trackables import OBJECT_GRAPH_KEY, read_trackables

_NUMBERS = {
    "float32": (DT_FLOAT, "<f4"),
    "float64": (DT_DOUBLE, "<f8"),
    "int64": (DT_INT64, "<i8"),
}
# What Keras reads of a SavedModel that is Keras's, and a checksum that is not true any more.
_LEFT_BEHIND = {"keras_metadata.pb", "fingerprint.pb"}

Edit = Callable[[Message], int]


@dataclass(frozen=True)
class Rewritten:
    """What was packed, and what could not be."""

    packed: tuple[str, ...]
    left: Mapping[str, int]
    """Why weights that could have been packed were not, and how many bytes those have."""
    worst: float
    """The largest difference of a weight's element from what it was."""
    is_keras_no_more: bool = False
    edits: int = 0
    """How much `edit` did."""


def write_packed(source: Path, target: Path, pack: Pack, edit: Edit = lambda _: 0) -> Rewritten:
    """Write the SavedModel `source` to the new directory `target`, weights packed.

    Args:
        source: The model.
        target: A directory that does not exist yet.
        pack: Is given every weight that may be packed.
        edit: What else to do to each MetaGraph; says how much it did.

    Raises:
        LoadError: The model is damaged.
    """
    model = read_saved_model(source)
    edits = sum(edit(one) for one in model.meta_graphs)
    copy_rest(source, target)
    prefix = Path("variables", "variables")
    bundle, trackables = None, None
    constants = store_constants(model, pack)
    packed: dict[str, Packed] = {}
    left: dict[str, int] = {}
    is_keras = False
    with ExitStack() as files:
        if (source / "variables" / "variables.index").is_file():
            bundle = files.enter_context(Bundle(source / prefix))
            trackables = read_trackables(bundle)
            packed, left = _pack_all(model, bundle, trackables, pack)
            is_keras = _edit(model, trackables, packed)
        if bundle or constants:
            writer = files.enter_context(BundleWriter(target / prefix))
            if bundle:
                _write_all(writer, bundle, packed, trackables)
            for name, one in constants.items():
                _write(writer, name, one)
            writer.finish()
    write_saved_model(model, target)
    if held := sum(held_by_functions(one, pack) for one in model.meta_graphs):
        left["functions hold it as constants, which --freeze takes out of them"] = held
    worst = max((one.error for one in (*packed.values(), *constants.values())), default=0.0)
    return Rewritten((*packed, *constants), left, worst, is_keras, edits)


def _write_all(
    writer: BundleWriter, bundle: Bundle, packed: Mapping[str, Packed], trackables: Message | None
) -> None:
    """Write all that `bundle` holds, weights packed."""
    for name, entry in bundle.entries.items():
        if name in packed:
            _write(writer, name, packed[name])
        elif name == OBJECT_GRAPH_KEY and packed and trackables is not None:
            writer.add_string(name, trackables.SerializeToString(deterministic=True))
        else:
            writer.copy(bundle, entry)


def copy_rest(source: Path, target: Path) -> None:
    """Copy all but the graph and the variables, and keep the form of the graph's file."""
    target.mkdir()
    for path in sorted(source.iterdir()):
        if path.name in _LEFT_BEHIND | {BINARY, TEXT, "variables"}:
            continue
        if path.is_dir():
            shutil.copytree(path, target / path.name, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(path, target / path.name)
    if model_file(source).name == TEXT:
        (target / TEXT).touch()


def _pack_all(
    model: Message, bundle: Bundle, trackables: Message | None, pack: Pack
) -> tuple[dict[str, Packed], dict[str, int]]:
    """Each weight that can be packed, packed, and why others were not."""
    allowed, reason = _editable(model, trackables)
    packed: dict[str, Packed] = {}
    left: dict[str, int] = {}
    for name, entry in bundle.entries.items():
        if entry.dtype not in _NUMBERS or is_packed_name(name):
            continue
        dtype, form = _NUMBERS[entry.dtype]
        if not _is_whole(entry):
            if pack(np.ones(SMALLEST, form), dtype):  # it would, if it were whole
                _count(left, "it is stored in parts", entry)
            continue
        one = pack(_values(bundle, entry), dtype)
        if one is None or one.size >= entry.total_size:
            continue
        if name in allowed:
            packed[name] = one
        else:
            _count(left, reason(name), entry)
    return packed, left


def _count(left: dict[str, int], reason: str, entry: Entry) -> None:
    left[reason] = left.get(reason, 0) + entry.total_size


def _is_whole(entry: Entry) -> bool:
    """Whether all of a variable is in one place; it may be its own only part."""
    return len(entry.pieces) == 1 and entry.pieces[0].shape == entry.shape


def _editable(model: Message, trackables: Message | None) -> tuple[set[str], Callable[[str], str]]:
    """The names whose every restore can be edited, and why another cannot."""
    plain: set[str] = set()
    sliced: set[str] = set()
    for meta_graph in model.meta_graphs:
        if has_opaque_restores(meta_graph):
            return set(), lambda _: "the graph restores it by a name that it computes"
        some, others = restored_names(meta_graph)
        plain, sliced = plain | some, sliced | others
    allowed = plain - sliced
    objects = model.meta_graphs[0].object_graph_def
    if trackables is not None and objects.nodes:
        named = {item.checkpoint_key for node in trackables.nodes for item in node.attributes}
        allowed -= named - object_values(objects, trackables).keys()
    return (
        allowed,
        lambda name: (
            "a slice of it is read" if name in sliced else "it is not the value of one variable"
        ),
    )


def _values(bundle: Bundle, entry: Entry) -> Array:
    (piece,) = entry.pieces
    bundle.check(piece)
    return np.frombuffer(bundle.data(piece), _NUMBERS[entry.dtype][1]).reshape(entry.shape)


def _edit(model: Message, trackables: Message | None, packed: Mapping[str, Packed]) -> bool:
    if not packed:
        return False
    for meta_graph in model.meta_graphs:
        unpack_when_restored(meta_graph, packed)
    objects = model.meta_graphs[0].object_graph_def
    if trackables is None or not objects.nodes:
        return False
    unpack_when_loaded(model.meta_graphs[0], trackables, packed)
    return forget_keras(objects)


def _write(writer: BundleWriter, name: str, packed: Packed) -> None:
    stored, scale = packed_names(name)
    writer.add(stored, packed.dtype, packed.shape, packed.data)
    if packed.scale:
        writer.add(scale, packed.unpacked_dtype, packed.scale_shape, packed.scale)
