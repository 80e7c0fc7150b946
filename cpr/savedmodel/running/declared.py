"""What a SavedModel declares of its signatures, and inputs checked against that.

Told from its files: a wrong input is refused before TensorFlow is imported,
which takes seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cpr.errors import BadInput
from cpr.savedmodel.dtypes import dtype_name
from cpr.savedmodel.meta_graph import Signature, TensorSpec, choose_meta_graph, signatures
from cpr.savedmodel.reach import node_of
from cpr.savedmodel.reader import skim_saved_model
from cpr.wire.tensors import check_names, dense


def read_signatures(folder: Path, tags: Sequence[str]) -> dict[str, Signature]:
    """The signatures of the graph with these tags, or of the one to serve.

    Raises:
        LoadError: There is none, or the model is damaged.
    """
    graph = choose_meta_graph(skim_saved_model(folder).model, tags or None, where=folder)
    own = {
        node.name: dtype_name(node.attr["dtype"].type)
        for node in graph.graph_def.node
        if "dtype" in node.attr
    }
    return {name: _with_own_types(item, own) for name, item in signatures(graph).items()}


def _with_own_types(signature: Signature, own: Mapping[str, str]) -> Signature:
    """Old exporters wrote wrong types into signatures; the placeholders know their own."""
    inputs = {
        alias: replace(spec, dtype=own.get(node_of(spec.name), spec.dtype))
        for alias, spec in signature.inputs.items()
    }
    return replace(signature, inputs=inputs)


def check_inputs(values: Mapping[str, Any], signature: Signature) -> None:
    """Refuse values that the signature does not take.

    Raises:
        BadInput: One is missing, or of another type or shape.
    """
    check_names(values, signature.inputs, signature.name)
    for name, spec in signature.inputs.items():
        _check(values[name], name, spec)


def _check(value: Any, name: str, spec: TensorSpec) -> None:
    if spec.encoding != "dense":
        raise BadInput(f"Input {name} is a {spec.encoding} tensor, which cannot be given by hand.")
    try:
        dtype: Any = bytes if spec.dtype == "string" else np.dtype(spec.dtype)
    except TypeError:  # such as bfloat16: the runtime may know it
        return
    shape = np.shape(dense(value, dtype, what=name))
    if spec.shape is None or _fits(shape, spec.shape):
        return
    raise BadInput(
        f"Input {name} has the shape {list(shape)}; expected {_sizes(spec.shape)}.",
        hint="Nest the values as deep: one list around each dimension."
        if len(shape) != len(spec.shape)
        else "",
    )


def _fits(shape: Sequence[int], declared: Sequence[int | None]) -> bool:
    return len(shape) == len(declared) and all(
        size in (own, None) for own, size in zip(shape, declared, strict=True)
    )


def _sizes(shape: Sequence[int | None]) -> str:
    return f"[{', '.join('any' if size is None else str(size) for size in shape)}]"
