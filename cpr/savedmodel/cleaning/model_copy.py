"""Writes the graph and the variables of a SavedModel anew, with what serving needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cpr.errors import LoadError, shorten
from cpr.savedmodel import protos
from cpr.savedmodel.bundle import Bundle, Entry
from cpr.savedmodel.bundle_writer import BundleWriter
from cpr.savedmodel.cleaning.choosing import choose_graphs, choose_signatures
from cpr.savedmodel.cleaning.cleaned import Removed
from cpr.savedmodel.cleaning.gaps import gaps
from cpr.savedmodel.cleaning.graph_cut import drop
from cpr.savedmodel.cleaning.meta_graph_cut import cut_meta_graph
from cpr.savedmodel.meta_graph import assets, signatures, tags
from cpr.savedmodel.optimizer_state import is_optimizer_state
from cpr.savedmodel.reader import model_file, read_saved_model, write_saved_model
from cpr.savedmodel.restores import Unclear
from cpr.savedmodel.trackables import OBJECT_GRAPH_KEY, read_trackables

VARIABLES = Path("variables", "variables")
_UNREAD = "nodes for training and saving"
AGAIN = "Copy the model again, whole, or export it again."

# Given the number of variables, yields what is called after each.
Progress = Callable[[int], AbstractContextManager[Callable[[], None]]]


@dataclass(frozen=True)
class ModelCopy:
    """What of the model is in the copy.

    Attributes:
        tags: The tags of each graph.
        signatures: The signatures.
        assets: The files of ``assets/`` that its graphs read.
        removed: What went out of the graph and the variables.
        notes: What a reader should know besides.
        is_understood: Whether graph and variables were cut; else they are whole.
    """

    tags: tuple[tuple[str, ...], ...]
    signatures: tuple[str, ...]
    assets: tuple[str, ...]
    removed: tuple[Removed, ...]
    notes: tuple[str, ...]
    is_understood: bool


def copy_model(
    export: Path,
    folder: Path,
    *,
    tag_sets: Sequence[Collection[str]],
    wanted: Sequence[str],
    progress: Progress,
) -> ModelCopy:
    """Write ``saved_model.pb`` and ``variables/`` of a SavedModel into another folder.

    Raises:
        LoadError: A file is missing or damaged.
        UsageError: There are no such tags or signatures.
    """
    with _variables(export) as bundle:
        names = frozenset(bundle.entries) if bundle else frozenset()
        trackables = read_trackables(bundle) if bundle else None
        notes: tuple[str, ...] = ()
        model, chosen, removed = _chosen(export, tag_sets, wanted)
        nodes = _count(model)
        for gap in (gap for graph in model.meta_graphs for gap in gaps(graph)):
            raise LoadError(f"{model_file(export)} is damaged: {gap}.", hint=AGAIN)
        try:
            left = [
                cut_meta_graph(graph, chosen, names=names, trackables=trackables)
                for graph in model.meta_graphs
            ]
            kept = {name for item in left for name in item.names}
            trackables = _the_one([item.trackables for item in left if item.trackables])
        except Unclear as unclear:
            model, _, removed = _chosen(export, tag_sets, ())
            kept = set(names) - {OBJECT_GRAPH_KEY}
            chosen = sorted({name for graph in model.meta_graphs for name in signatures(graph)})
            notes = (f"Nothing was taken out of the graph and the variables: {unclear}.",)
        _check_there(export, kept, names)
        write_saved_model(model, folder)
        before = model_file(export).stat().st_size
        shrunk = before - sum(item.size for item in removed) - model_file(folder).stat().st_size
        removed.append(Removed(_UNREAD, nodes - _count(model), shrunk, ()))
        if bundle and (kept or trackables is not None):
            removed += _write_variables(bundle, folder, kept, trackables, progress)
        elif bundle:
            removed += _unread(bundle.entries.values())
    used = {asset.filename for graph in model.meta_graphs for asset in assets(graph)}
    return ModelCopy(
        tuple(tags(graph) for graph in model.meta_graphs), tuple(chosen), tuple(sorted(used)),
        tuple(removed), notes, not notes,
    )  # fmt: skip


@contextmanager
def _variables(export: Path) -> Iterator[Bundle | None]:
    prefix = export / VARIABLES
    if not prefix.with_name("variables.index").is_file():
        shards = sorted(prefix.parent.glob("variables.data-*"))
        if shards:
            raise LoadError(f"{prefix}.index is missing beside {shards[0].name}.", hint=AGAIN)
        yield None
        return
    with Bundle(prefix) as bundle:
        yield bundle


def _chosen(
    export: Path, tag_sets: Sequence[Collection[str]], wanted: Sequence[str]
) -> tuple[protos.Message, list[str], list[Removed]]:
    """The model with the graphs that stay, the signatures that stay, and what that leaves out."""
    model = read_saved_model(export)
    graphs = choose_graphs(model, tag_sets, where=export)
    chosen = choose_signatures(graphs, wanted, where=export)
    kept = {tags(graph) for graph in graphs}
    removed = []
    others = [graph for graph in model.meta_graphs if tags(graph) not in kept]
    if others:
        listed = tuple(",".join(tags(graph)) or "(none)" for graph in others)
        size = sum(graph.ByteSize() for graph in others)
        removed.append(Removed("graphs of other tags", len(others), size, listed))
    there = {name for graph in graphs for name in signatures(graph)} - set(chosen)
    if there:
        removed.append(Removed("signatures", len(there), 0, tuple(sorted(there))))
    drop(model.meta_graphs, lambda graph: tags(graph) not in kept)
    return model, chosen, removed


def _count(model: protos.Message) -> int:
    graphs = [graph.graph_def for graph in model.meta_graphs]
    return sum(len(graph.node) + len(graph.library.function) for graph in graphs)


def _the_one(trackables: list[protos.Message]) -> protos.Message | None:
    if len(trackables) > 1:
        raise Unclear(f"{len(trackables)} graphs share one graph of objects")
    return trackables[0] if trackables else None


def _check_there(export: Path, kept: Collection[str], names: Collection[str]) -> None:
    missing = sorted(set(kept) - set(names))
    if missing:
        index = export / "variables" / "variables.index"
        said = f"{index} has no {shorten(missing[0])}" if names else f"{index} is missing"
        raise LoadError(
            f"{said}, which the graph restores"
            + (f", and {len(missing) - 1} more." if len(missing) > 1 else "."),
            hint=AGAIN,
        )


def _write_variables(
    bundle: Bundle,
    folder: Path,
    kept: Collection[str],
    trackables: protos.Message | None,
    progress: Progress,
) -> Iterator[Removed]:
    with BundleWriter(folder / VARIABLES) as writer, progress(len(kept)) as advance:
        for name in sorted(kept):
            writer.copy(bundle, bundle.entries[name])
            advance()
        if trackables is not None:
            writer.add_string(OBJECT_GRAPH_KEY, trackables.SerializeToString(deterministic=True))
        writer.finish()
    gone = [entry for name, entry in bundle.entries.items() if name not in kept]
    yield from _unread([entry for entry in gone if entry.name != OBJECT_GRAPH_KEY])
    if writer.shared_bytes:
        yield Removed("second copies of the same weights", 1, writer.shared_bytes, ())


def _unread(entries: Collection[Entry]) -> Iterator[Removed]:
    for what, is_wanted in (
        ("variables of the optimizer", True),
        ("variables that nothing reads", False),
    ):
        some = [entry for entry in entries if is_optimizer_state(entry.name) is is_wanted]
        if some:
            size = sum(entry.total_size for entry in some)
            yield Removed(what, len(some), size, tuple(sorted(entry.name for entry in some)))
