"""The second graph of objects of TensorFlow 2, which ``variables/`` holds as a tensor.

It says under which name the value of an object is saved. Its objects are those of
the SavedModel's own graph of objects: the same names lead to them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from cpr.errors import LoadError
from cpr.savedmodel import protos
from cpr.savedmodel.bundle import Bundle
from cpr.savedmodel.wire_format import read_varint

OBJECT_GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
_CHECKSUM = 4  # between the lengths of strings and the strings


class DamagedTrackables(ValueError):
    """What stands under the name is no graph of objects."""


def read_trackables(bundle: Bundle) -> protos.Message | None:
    """The ``TrackableObjectGraph`` of a bundle, None if it has none, as of TensorFlow 1.

    Raises:
        LoadError: It is damaged.
    """
    entry = bundle.entries.get(OBJECT_GRAPH_KEY)
    if entry is None:
        return None
    bundle.check(entry)
    try:
        return parse_trackables(bytes(bundle.data(entry)))
    except DamagedTrackables as error:
        raise LoadError(
            f"{bundle.index}: {OBJECT_GRAPH_KEY} is not a graph of objects.",
            hint="Export the model again.",
        ) from error


def parse_trackables(data: bytes) -> protos.Message:
    """The ``TrackableObjectGraph`` in the bytes of the one string that a bundle holds it as.

    Raises:
        DamagedTrackables: There is none in them.
    """
    try:
        length, place = read_varint(data, 0)
        start = place + _CHECKSUM
        return protos.TrackableObjectGraph.FromString(data[start : start + length])
    except (IndexError, protos.DecodeError) as error:
        raise DamagedTrackables(str(error)) from error


def same_objects(objects: protos.Message, trackables: protos.Message) -> dict[int, int]:
    """Which object of the SavedModel is which of the bundle, by the names that lead to both."""
    found: dict[int, int] = {}
    waiting = [(0, 0)] if objects.nodes and trackables.nodes else []
    while waiting:
        here, there = waiting.pop()
        is_there = 0 <= here < len(objects.nodes) and 0 <= there < len(trackables.nodes)
        if here in found or not is_there:
            continue
        found[here] = there
        names = {child.local_name: child.node_id for child in trackables.nodes[there].children}
        waiting.extend(
            (child.node_id, names[child.local_name])
            for child in objects.nodes[here].children
            if child.local_name in names
        )
    return found


def names_of(key: str, names: Collection[str]) -> Iterator[str]:
    """The names in ``variables/`` that an object's key stands for: itself, or several for a table.

    A table ``t`` has ``t/.ATTRIBUTES/table-keys`` and ``t/.ATTRIBUTES/table-values``.
    """
    if key in names:
        yield key
    else:
        yield from (name for name in names if name.startswith(f"{key}-"))
