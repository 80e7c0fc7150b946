"""A MetaGraph: what it declares, and what is in its graph and functions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from cpr.inspecting.inspection import (
    AssetView,
    Constant,
    Graph,
    Problem,
    SignatureView,
    Tensor,
    TrainingOp,
)
from cpr.inspecting.reaching import Flow, flow_of, reached_keys, unrestored
from cpr.inspecting.wording import count
from cpr.savedmodel import audit, protos
from cpr.savedmodel.dtypes import dtype_name, item_bytes
from cpr.savedmodel.meta_graph import (
    HIDDEN_PREFIX,
    Signature,
    TensorSpec,
    as_fed,
    assets,
    find_asset,
    leads_out,
    shape_of,
    signatures,
    tags,
)
from cpr.savedmodel.reach import Reach, node_of
from cpr.savedmodel.samples.requests import NoSample, sample_request
from cpr.savedmodel.unwanted_ops import training_reason

_MOST_CONSTANTS = 20
_SMALL_BYTES = 1024


def view_of(
    meta_graph: protos.Message,
    folder: Path,
    elided: Mapping[str, int],
    objects: protos.Message | None,
) -> Graph:
    """Everything about a graph.

    Args:
        meta_graph: The graph; large values may be left out of it.
        folder: The SavedModel's directory, where the assets are.
        elided: The bytes that were left out, by the node's place.
        objects: The ``TrackableObjectGraph`` among the variables, if there is one.
    """
    flow = flow_of(meta_graph)
    constants = sorted(_constants(meta_graph, elided), key=lambda item: (-item.size, item.name))
    return Graph(
        tags=tags(meta_graph),
        facts=_facts(meta_graph),
        signatures=tuple(_views(meta_graph)),
        hidden=tuple(
            name for name in sorted(meta_graph.signature_def) if name.startswith(HIDDEN_PREFIX)
        ),
        assets=tuple(_assets(meta_graph, folder, flow)),
        nodes=len(meta_graph.graph_def.node),
        functions=len(meta_graph.graph_def.library.function),
        ops=audit.op_histogram(meta_graph),
        unsafe=audit.unsafe_ops(meta_graph),
        training=tuple(_training(meta_graph, flow.signatures)),
        constant_bytes=sum(item.size for item in constants),
        constants=tuple(item for item in constants if item.size >= _SMALL_BYTES)[:_MOST_CONSTANTS],
        reached=reached_keys(meta_graph, flow, objects),
        unrestored=unrestored(meta_graph, flow),
    )


def problems_of(graph: Graph, label: str) -> Iterator[Problem]:
    """What is wrong with a graph, or worth knowing; `label` says which graph it is."""
    for asset in graph.assets:
        if leads_out(asset.filename):
            yield Problem(
                "error",
                "asset-escapes",
                f"{label} reads the asset {asset.filename!r}, which leads out of assets/.",
                "Do not load this model: it reads files of the machine that serves it.",
            )
        elif asset.size is None:
            yield Problem(
                "error" if asset.is_read else "warning",
                "asset-missing",
                f"{label} {'reads' if asset.is_read else 'names'} assets/{asset.filename}, "
                f"which is missing{'' if asset.is_read else '; nothing that is served reads it'}.",
                "Copy the whole directory of the model, or export it again.",
            )
    for op in graph.unsafe:
        yield Problem(
            "warning",
            "unsafe-operation",
            f"{label} has {op.count} × {op.op}, which {op.reason}: {op.places[0]}.",
            "Load the model only if you trust who made it.",
        )
    for training in graph.training:
        if training.reached and "serve" in graph.tags:
            yield Problem(
                "warning",
                "training-operation",
                f"A signature of {label} reaches {training.reached} × {training.op} "
                f"({training.reason}).",
                "Export a graph that is built for serving.",
            )
    if graph.unrestored:
        yield Problem(
            "warning",
            "not-restored",
            f"{label} has no restore for {count(len(graph.unrestored), 'variable')} that its "
            f"signatures reach, such as {graph.unrestored[0]}: TensorFlow Serving and the loader "
            "of TensorFlow 1 fail at the first request; tf.saved_model.load does not.",
            "Export it with `cpr export-model`; a Keras model also with model.export(…).",
        )
    yield from _other_types(graph, label)
    if not graph.signatures:
        yield Problem(
            "warning",
            "no-signature",
            f"{label} has no signature: nothing says what it takes.",
            "Export the model with signatures.",
        )


def _other_types(graph: Graph, label: str) -> Iterator[Problem]:
    for signature in graph.signatures:
        for tensor in signature.inputs:
            if tensor.taken is not None:
                yield Problem(
                    "warning",
                    "other-type",
                    f"Signature {signature.name} of {label} calls its input {tensor.alias} "
                    f"{tensor.dtype}, and its graph takes {tensor.taken}: `cpr serve` and the "
                    "loaders of TensorFlow go by the graph, TensorFlow Serving by the signature.",
                    f"Send {tensor.taken}, as the sample request does.",
                )


def _facts(meta_graph: protos.Message) -> dict[str, str | bool | int]:
    info = meta_graph.meta_info_def
    is_second = bool(meta_graph.object_graph_def.nodes)
    facts: dict[str, str | bool | int] = {
        "TensorFlow": info.tensorflow_version or "unknown",
        "exported by": "TensorFlow 2" if is_second else "TensorFlow 1",
        "strip_default_attrs": info.stripped_default_attrs,
        "producer": meta_graph.graph_def.versions.producer,
        "min_consumer": meta_graph.graph_def.versions.min_consumer,
    }
    if info.tensorflow_git_version:
        facts["git"] = info.tensorflow_git_version
    if is_second and (name := meta_graph.object_graph_def.nodes[0].user_object.identifier):
        facts["root object"] = name
    return facts


def _views(meta_graph: protos.Message) -> Iterator[SignatureView]:
    found, fed = signatures(meta_graph), as_fed(meta_graph)
    for signature in found.values():
        yield SignatureView(
            signature.name,
            signature.method_name,
            _tensors(signature.inputs, fed[signature.name].inputs),
            _tensors(signature.outputs, signature.outputs),
            _sample(fed[signature.name], meta_graph, is_only=len(found) == 1),
        )


def _sample(
    signature: Signature, meta_graph: protos.Message, *, is_only: bool
) -> Mapping[str, object] | None:
    """A request for a signature; None where no JSON says what it takes."""
    try:
        return sample_request(signature, meta_graph, is_only=is_only)
    except NoSample:
        return None


def _tensors(specs: Mapping[str, TensorSpec], fed: Mapping[str, TensorSpec]) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(
            *(alias, spec.dtype, spec.shape, spec.name, spec.encoding),
            taken=None if fed[alias].dtype == spec.dtype else fed[alias].dtype,
        )
        for alias, spec in specs.items()
    )


def _assets(meta_graph: protos.Message, folder: Path, flow: Flow) -> Iterator[AssetView]:
    for asset in assets(meta_graph):
        path = find_asset(folder, asset.filename)
        size = None if path is None else path.stat().st_size
        yield AssetView(asset.filename, asset.tensor, size, node_of(asset.tensor) in flow.nodes)


def _training(meta_graph: protos.Message, reached: Reach) -> Iterator[TrainingOp]:
    counts: dict[tuple[str, str], int] = {}
    for node in audit.nodes(meta_graph):
        names, name = (
            (reached.functions, node.function)
            if node.function
            else (reached.nodes, node.proto.name)
        )
        if name in names and (reason := training_reason(node.proto)):
            key = (str(node.proto.op), reason)
            counts[key] = counts.get(key, 0) + 1
    for op in audit.training_ops(meta_graph):
        found = counts.get((op.op, op.reason), 0)
        yield TrainingOp(op.op, op.reason, op.count, op.places, found)


def _constants(meta_graph: protos.Message, elided: Mapping[str, int]) -> Iterator[Constant]:
    for node in audit.nodes(meta_graph):
        if node.proto.op == "Const" and "value" in node.proto.attr:
            tensor = node.proto.attr["value"].tensor
            shape = shape_of(tensor.tensor_shape)
            size = elided.get(node.place, 0) or tensor.ByteSize()
            dtype = dtype_name(tensor.dtype)
            if item_bytes(dtype) and shape is not None:
                # A constant of one value all over holds it once; its size here is the file's.
                size = min(size, math.ceil(item_bytes(dtype) * math.prod(n or 0 for n in shape)))
            yield Constant(node.place, dtype, shape, size)
