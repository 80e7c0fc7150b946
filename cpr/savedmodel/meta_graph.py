"""What a ``MetaGraphDef`` declares: its tags, signatures and assets."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from cpr.errors import LoadError
from cpr.savedmodel import protos
from cpr.savedmodel.dtypes import dtype_name

SERVE = "serve"
# TensorFlow keeps its initializer and trainer among the signatures.
HIDDEN_PREFIX = "__saved_model_"
_FED = ("Placeholder", "PlaceholderV2", "PlaceholderWithDefault")
_ASSETS = "saved_model_assets"


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of a signature.

    Attributes:
        dtype: ``float32``, ``string``…
        shape: The sizes, None for one that varies; None where even their number does.
        name: The tensor in the graph, ``dense/BiasAdd:0``; for a sparse one that
            of its values, "" for a composite one.
        encoding: ``dense``, ``sparse`` or ``composite``.
    """

    dtype: str
    shape: tuple[int | None, ...] | None
    name: str = ""
    encoding: str = "dense"


@dataclass(frozen=True)
class Signature:
    """A signature: its inputs and outputs by alias, in alphabetical order."""

    name: str
    method_name: str
    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]


@dataclass(frozen=True)
class Asset:
    """A file of ``assets/``, and the tensor that holds its path when the graph runs."""

    filename: str
    tensor: str


def tags(meta_graph: protos.Message) -> tuple[str, ...]:
    """The tags, sorted."""
    return tuple(sorted(set(meta_graph.meta_info_def.tags)))


def signatures(meta_graph: protos.Message) -> dict[str, Signature]:
    """The signatures by name, sorted, without those that TensorFlow keeps for itself."""
    return {
        name: _signature(name, proto)
        for name, proto in sorted(meta_graph.signature_def.items())
        if not name.startswith(HIDDEN_PREFIX)
    }


def as_fed(meta_graph: protos.Message) -> dict[str, Signature]:
    """The signatures, of which the inputs have the types that the graph itself takes.

    Old exporters wrote wrong ones into signatures; TensorFlow goes by the graph.
    """
    types = {
        f"{node.name}:0": dtype_name(node.attr["dtype"].type)
        for node in meta_graph.graph_def.node
        if node.op in _FED and "dtype" in node.attr
    }
    return {
        name: replace(
            signature,
            inputs={
                alias: replace(spec, dtype=types.get(spec.name, spec.dtype))
                for alias, spec in signature.inputs.items()
            },
        )
        for name, signature in signatures(meta_graph).items()
    }


def assets(meta_graph: protos.Message) -> tuple[Asset, ...]:
    """The assets that the graph names; old exporters listed them in a collection."""
    found = list(meta_graph.asset_file_def)
    # Looked up only if it is there: a map of messages makes what it is asked for.
    if _ASSETS in meta_graph.collection_def:
        for packed in meta_graph.collection_def[_ASSETS].any_list.value:
            asset = packed_asset(packed)
            if asset is not None:
                found.append(asset)
    return tuple(dict.fromkeys(Asset(item.filename, item.tensor_info.name) for item in found))


def packed_asset(packed: protos.Message) -> protos.Message | None:
    """The asset that an entry of a collection holds; None if it is another or damaged one."""
    asset = protos.AssetFileDef()
    try:
        return asset if packed.Unpack(asset) else None
    except protos.DecodeError:
        return None


def leads_out(filename: str) -> bool:
    """Whether an asset's name leads out of ``assets/``, where a model's own lie."""
    path = PurePosixPath(filename.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or not path.name or "\0" in filename


def find_asset(folder: Path, filename: str) -> Path | None:
    """The file of an asset of the SavedModel in `folder`; None if it is missing or leads out."""
    path = folder / "assets" / filename
    # Longer than any file's name may be, it is missing; `Path.is_file` would raise.
    is_there = not leads_out(filename) and os.path.isfile(path)  # noqa: PTH113
    return path if is_there else None


def choose_meta_graph(
    model: protos.Message, wanted: Iterable[str] | None = None, *, where: object = "the SavedModel"
) -> protos.Message:
    """The ``MetaGraphDef`` with exactly these tags; by default the one to serve.

    That is the one tagged ``serve`` alone, else the only one there is.

    Raises:
        LoadError: There is none; the message says which tags there are.
    """
    wanted_tags = {SERVE} if wanted is None else set(wanted)
    for graph in model.meta_graphs:
        if set(tags(graph)) == wanted_tags:
            return graph
    if wanted is None and len(model.meta_graphs) == 1:
        return model.meta_graphs[0]
    there = "; ".join(",".join(tags(graph)) or "(none)" for graph in model.meta_graphs)
    raise LoadError(
        f"{where} has no graph with the tags {','.join(sorted(wanted_tags)) or '(none)'}; "
        f"its graphs have: {there}.",
        hint="Name the tags of one of them, or export the model with the tag serve.",
    )


def _signature(name: str, proto: protos.Message) -> Signature:
    return Signature(
        name,
        proto.method_name,
        {alias: tensor_spec(info) for alias, info in sorted(proto.inputs.items())},
        {alias: tensor_spec(info) for alias, info in sorted(proto.outputs.items())},
    )


def tensor_spec(info: protos.Message) -> TensorSpec:
    """What a ``TensorInfo`` says."""
    encoding = info.WhichOneof("encoding")
    name = info.coo_sparse.values_tensor_name if encoding == "coo_sparse" else info.name
    words = {"coo_sparse": "sparse", "composite_tensor": "composite"}
    return TensorSpec(
        dtype_name(info.dtype), shape_of(info.tensor_shape), name, words.get(encoding, "dense")
    )


def shape_of(shape: protos.Message) -> tuple[int | None, ...] | None:
    """The sizes of a ``TensorShapeProto``, None for one that varies, None for any rank."""
    if shape.unknown_rank:
        return None
    return tuple(None if dim.size < 0 else dim.size for dim in shape.dim)
