"""The graph of objects that TensorFlow 2 keeps among the variables, under a name of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from cpr.savedmodel import protos
from cpr.savedmodel.bundle import Entry
from cpr.savedmodel.trackables import OBJECT_GRAPH_KEY, parse_trackables

_MOST_BYTES = 64_000_000


def read_objects(shards: Mapping[int, Path], entries: Mapping[str, Entry]) -> protos.Message | None:
    """The ``TrackableObjectGraph`` in files of variables; None where there is none.

    Raises:
        DamagedTrackables: It cannot be read.
    """
    entry = entries.get(OBJECT_GRAPH_KEY)
    if entry is None or not 0 < entry.size <= _MOST_BYTES:
        return None
    if entry.shard not in shards:
        return None
    with shards[entry.shard].open("rb") as file:
        file.seek(entry.offset)
        return parse_trackables(file.read(entry.size))


def slot_keys(objects: protos.Message | None) -> Iterator[str]:
    """The keys of the variables that an optimizer keeps for others."""
    if objects is None:
        return
    for node in objects.nodes:
        for slot in node.slot_variables:
            if 0 <= slot.slot_variable_node_id < len(objects.nodes):
                for attribute in objects.nodes[slot.slot_variable_node_id].attributes:
                    yield attribute.checkpoint_key


def full_names(objects: protos.Message | None) -> dict[str, str]:
    """The names that people know variables by, by key."""
    return {
        attribute.checkpoint_key: attribute.full_name
        for node in (objects.nodes if objects is not None else ())
        for attribute in node.attributes
    }
