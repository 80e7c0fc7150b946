"""What is migrated: a TF1 graph in a session, with the signatures that are wanted of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cpr.errors import LoadError, shorten
from cpr.savedmodel.meta_graph import HIDDEN_PREFIX
from cpr.savedmodel.method_names import short_name
from cpr.savedmodel.servable import SUPERVISED
from cpr.suggest import did_you_mean


@dataclass(frozen=True)
class V1Signature:
    """Inputs and outputs by alias: tensors of the graph, or their names.

    `method` is ``predict``, ``classify`` or ``regress``.
    """

    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    method: str = "predict"


@dataclass(frozen=True)
class Restore:
    """How a checkpoint gets into the graph: the Saver's op, and what it is fed."""

    op: str
    filename_tensor: str
    checkpoint: str


@dataclass(frozen=True)
class V1Model:
    """A TF1 graph whose variables have their values.

    Attributes:
        source: What it was made of, for messages.
        path: The file or directory that it was made of.
        session: The open session, from `session_for`; its variables and tables
            are initialized.
        signatures: By name, with names of tensors.
        initializers: The ops that fill tables, by name.
        assets: The files that string constants of the graph stand for, by tensor.
        restore: How further resources get their state, if a checkpoint has it.
    """

    source: str
    path: Path
    session: Any
    signatures: Mapping[str, V1Signature]
    initializers: tuple[str, ...] = ()
    assets: Mapping[str, Path] = field(default_factory=dict)
    restore: Restore | None = None


@contextmanager
def session_for(tf: Any) -> Iterator[Any]:
    """A session in an empty graph, which is closed where opening a source in it fails."""
    session = tf.compat.v1.Session(graph=tf.Graph())
    try:
        yield session
    except BaseException:
        session.close()
        raise


def named(graph: Any, signatures: Mapping[str, V1Signature], source: str) -> dict[str, V1Signature]:
    """The signatures with the names of their tensors, each known to be in the graph.

    Raises:
        LoadError: A tensor is not there, or there is no signature at all.
    """
    if not signatures:
        raise LoadError(
            f"{source}: no signature was given.",
            hint='Name one: {"serving_default": V1Signature({"x": "x:0"}, {"y": "y:0"})}.',
        )
    return {
        name: V1Signature(
            {alias: _tensor(graph, t, name, source) for alias, t in given.inputs.items()},
            {alias: _tensor(graph, t, name, source) for alias, t in given.outputs.items()},
            short_name(given.method),
        )
        for name, given in signatures.items()
    }


def of_protos(signature_defs: Mapping[str, Any], source: str) -> dict[str, V1Signature]:
    """The signatures that a server may call: not those for training, nor TensorFlow's own.

    Raises:
        LoadError: An input or output is no dense tensor, or all are for training.
    """
    found = {
        name: V1Signature(
            {alias: _dense(info, name, alias, source) for alias, info in proto.inputs.items()},
            {alias: _dense(info, name, alias, source) for alias, info in proto.outputs.items()},
            short_name(proto.method_name),
        )
        for name, proto in sorted(signature_defs.items())
        if not name.startswith(HIDDEN_PREFIX) and not proto.method_name.startswith(SUPERVISED)
    }
    trained = [n for n, p in signature_defs.items() if p.method_name.startswith(SUPERVISED)]
    if trained and not found:
        raise LoadError(
            f"{source}: this MetaGraph is for training or evaluation; its signatures are "
            f"{', '.join(map(repr, sorted(trained)))}.",
            hint="Choose the MetaGraph to serve by its tags.",
        )
    return found


def _dense(info: Any, signature: str, alias: str, source: str) -> str:
    if info.WhichOneof("encoding") != "name":
        raise LoadError(
            f"{source}: {alias!r} of signature {signature!r} is a sparse or composite tensor, "
            "which TensorFlow 2 cannot have in a signature.",
            hint="Leave the signature out, or export one of dense tensors: its indices, "
            "values and dense_shape.",
        )
    return str(info.name)


def _tensor(graph: Any, tensor: Any, signature: str, source: str) -> str:
    name = tensor if isinstance(tensor, str) else str(tensor.name)
    full = name if ":" in name else f"{name}:0"
    try:
        graph.get_tensor_by_name(full)
    except (KeyError, ValueError) as error:
        known = [op.name for op in graph.get_operations()]
        raise LoadError(
            f"{source}: signature {signature!r} names the tensor {shorten(name)}, "
            f"which is not in the graph of {len(known)} ops.",
            hint=did_you_mean(name.partition(":")[0], known),
        ) from error
    return full
