"""Reads a written SavedModel back, without TensorFlow, and looks whether it is whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cpr.errors import CprError, LoadError, shorten
from cpr.savedmodel import protos
from cpr.savedmodel.bundle import Bundle
from cpr.savedmodel.cleaning.gaps import gaps
from cpr.savedmodel.cleaning.model_copy import AGAIN, VARIABLES, ModelCopy
from cpr.savedmodel.meta_graph import assets, find_asset, signatures, tags
from cpr.savedmodel.reader import model_file, read_saved_model
from cpr.savedmodel.restores import Unclear, restorations
from cpr.savedmodel.trackables import read_trackables, same_objects


def verify_copy(folder: Path, expected: ModelCopy, source: Path) -> None:
    """See that a copy has all that its graphs name, and every byte its checksum.

    Raises:
        CprError: It has not, which is a bug.
        LoadError: The source has not either; or the copy cannot even be read.
    """
    for fault in _faults(folder, expected):
        if fault in _gaps(source, *_stored(source)):
            raise LoadError(f"{model_file(source)} is damaged: {fault}.", hint=AGAIN)
        raise CprError(
            f"the clean copy would not be whole: {fault}. Nothing was put in place.",
            hint="This is a bug of cpr; please report it with the model, or its graph.",
        )


def _faults(folder: Path, expected: ModelCopy) -> Iterator[str]:
    model = read_saved_model(folder)
    if tuple(tags(graph) for graph in model.meta_graphs) != expected.tags:
        yield "its graphs are not those that were chosen"
    there = {name for graph in model.meta_graphs for name in signatures(graph)}
    if there != set(expected.signatures):
        yield f"its signatures are {', '.join(sorted(there)) or 'none'}"
    names, trackables = _stored(folder)
    # What could not be understood was taken over as it is, gaps included.
    if expected.is_understood:
        yield from _gaps(folder, names, trackables)


def _stored(folder: Path) -> tuple[set[str], protos.Message | None]:
    """The names in a model's bundle, and its graph of objects; its checksums are right."""
    if not folder.joinpath(VARIABLES).with_name("variables.index").is_file():
        return set(), None
    with Bundle(folder / VARIABLES) as bundle:
        for entry in bundle.entries.values():
            for piece in entry.pieces:
                bundle.check(piece)
        return set(bundle.entries), read_trackables(bundle)


def _gaps(folder: Path, names: set[str], trackables: protos.Message | None) -> Iterator[str]:
    """What the graphs of a model name and is not there."""
    for graph in read_saved_model(folder).meta_graphs:
        yield from gaps(graph)
        yield from _missing_functions(graph)
        yield from _unsaved(graph, names)
        yield from _lost_objects(graph, trackables)
        for asset in assets(graph):
            if find_asset(folder, asset.filename) is None:
                yield f"the asset {shorten(asset.filename)} is missing"


def _missing_functions(graph: protos.Message) -> Iterator[str]:
    functions = {function.signature.name for function in graph.graph_def.library.function}
    bodies = [graph.graph_def.node, *(item.node_def for item in graph.graph_def.library.function)]
    for body in bodies:
        for node in body:
            for value in node.attr.values():
                if value.WhichOneof("value") == "func" and value.func.name not in functions:
                    yield f"the function {shorten(value.func.name)} is missing"


def _unsaved(graph: protos.Message, names: set[str]) -> Iterator[str]:
    try:
        every = restorations(graph)
    except Unclear:
        return  # everything was kept
    for key in sorted({key for item in every for key in item.keys} - names):
        yield f"the variable {shorten(key)} is missing"


def _lost_objects(graph: protos.Message, trackables: protos.Message | None) -> Iterator[str]:
    objects = graph.object_graph_def
    if not objects.nodes or trackables is None:
        return
    twins = same_objects(objects, trackables)
    functions = {function.signature.name for function in graph.graph_def.library.function}
    for name in objects.concrete_functions:
        if name not in functions:
            yield f"the function {shorten(name)}, of an object, is missing"
    for here, node in enumerate(objects.nodes):
        if node.WhichOneof("kind") == "variable" and here not in twins:
            yield f"the variable {shorten(node.variable.name)} has no value"
