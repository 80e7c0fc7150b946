"""What the files of a SavedModel say: tags, signatures, size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cpr.errors import LoadError
from cpr.runtimes.signatures import Signature, TensorSpec
from cpr.savedmodel.loadable import refuse_unloadable
from cpr.savedmodel.meta_graph import tags as tags_of
from cpr.savedmodel.reader import skim_saved_model


def choose_tags(folder: Path, tags: tuple[str, ...]) -> frozenset[str]:
    """The tags of the MetaGraph to load: exactly these, else ``serve``, else the only ones.

    Raises:
        LoadError: No MetaGraph has them, or the file is damaged, or one that
            TensorFlow cannot take.
    """
    available = _tag_sets(folder)
    wanted = frozenset(tags or ("serve",))
    if wanted in available:
        return wanted
    if not tags and len(available) == 1:
        return available[0]
    raise LoadError(
        f"{folder} has no MetaGraph with exactly the tags {_listed(wanted)}; "
        f"it has {' and '.join(map(_listed, available)) or 'none'}.",
        hint="Choose one with the setting predictor.tags, for cpr run-signature with --tags.",
    )


def read_signatures(graph: Any, meta_graph: Any) -> dict[str, Signature]:
    """The signatures of a MetaGraph that was loaded into `graph`, sorted by name."""
    return {
        name: Signature(
            name,
            proto.method_name,
            {alias: _spec(graph, info) for alias, info in sorted(proto.inputs.items())},
            {alias: _spec(graph, info) for alias, info in sorted(proto.outputs.items())},
        )
        for name, proto in sorted(meta_graph.signature_def.items())
        # TensorFlow 2 keeps its initializer and trainer among the signatures.
        if not name.startswith("__saved_model_")
    }


def size_bytes(folder: Path) -> int:
    """The size of everything in a directory."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _tag_sets(folder: Path) -> list[frozenset[str]]:
    model = skim_saved_model(folder).model
    refuse_unloadable(model, folder)
    return [frozenset(tags_of(graph)) for graph in model.meta_graphs]


def _spec(graph: Any, info: Any) -> TensorSpec:
    shape = None
    if not info.tensor_shape.unknown_rank:
        shape = tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim)
    if info.WhichOneof("encoding") not in ("name", None):
        return TensorSpec("", "sparse or composite", shape)
    # Old exporters wrote wrong types into signatures; the graph knows its own.
    dtype = graph.get_tensor_by_name(info.name).dtype.base_dtype.name
    return TensorSpec(info.name, dtype, shape)


def _listed(tags: frozenset[str]) -> str:
    return "{" + ", ".join(sorted(tags)) + "}"
