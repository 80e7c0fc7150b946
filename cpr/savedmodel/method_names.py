"""Predict, classify, regress: the method names of signatures, read and rewritten.

TensorFlow 2 writes predict for every signature; a server that is asked to
classify or regress looks for the other names. Only the protocol buffer is
changed, as TensorFlow's MethodNameUpdater did.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from cpr.errors import LoadError, UsageError, shorten
from cpr.savedmodel import protos
from cpr.savedmodel.meta_graph import signatures
from cpr.savedmodel.protos import Message
from cpr.savedmodel.reader import read_saved_model, write_saved_model
from cpr.savedmodel.servable import METHODS
from cpr.suggest import did_you_mean

logger = logging.getLogger(__name__)

_FLOAT, _STRING = map(protos.DataType.Value, ("DT_FLOAT", "DT_STRING"))
# What TensorFlow Serving demands: the input, and the types of the outputs it knows.
_INPUTS = {"inputs": _STRING}
_OUTPUTS = {"classify": {"classes": _STRING, "scores": _FLOAT}, "regress": {"outputs": _FLOAT}}
_TYPES = {_FLOAT: "float32", _STRING: "string"}


def short_name(method: str) -> str:
    """The method without its path; a signature without one predicts.

    Raises:
        UsageError: It is none that TensorFlow Serving knows.
    """
    name = method.removeprefix("tensorflow/serving/") or "predict"
    if name not in METHODS:
        raise UsageError(
            f"The method name {shorten(method)} is unknown; known are {', '.join(METHODS)}.",
            hint=did_you_mean(name, METHODS),
        )
    return name


def set_method_names(
    folder: Path, methods: Mapping[str, str], *, tags: Iterable[str] = ()
) -> list[str]:
    """Give signatures of a SavedModel other method names, in place.

    The file ``fingerprint.pb`` is removed, since it is that of the old bytes.

    Args:
        folder: The SavedModel; its one protocol buffer is replaced at once.
        methods: ``predict``, ``classify`` or ``regress`` by signature.
        tags: The MetaGraph with exactly these tags; by default every one that
            has the signature.

    Returns:
        What changed, one line each; nothing is written if nothing did.

    Raises:
        UsageError: A signature or method is unknown, or a server could not
            call the signature that way.
        LoadError: The SavedModel is damaged, or no MetaGraph has the tags.
    """
    model = read_saved_model(folder)
    graphs = _with_tags(model, frozenset(tags), folder)
    changed = []
    for name, method in methods.items():
        wanted = short_name(method)
        having = [graph for graph in graphs if name in graph.signature_def]
        if not having:
            known = sorted({key for graph in graphs for key in signatures(graph)})
            raise UsageError(
                f"{folder} has no signature {shorten(name)}; "
                f"known are {', '.join(map(repr, known)) or 'none'}.",
                hint=did_you_mean(name, known),
            )
        changed += [_change(graph, name, wanted) for graph in having]
    lines = [line for line in changed if line]
    if lines:
        write_saved_model(model, folder)
        (folder / "fingerprint.pb").unlink(missing_ok=True)
    return lines


def _with_tags(model: Message, tags: frozenset[str], folder: Path) -> list[Message]:
    graphs = list(model.meta_graphs)
    found = [graph for graph in graphs if not tags or frozenset(graph.meta_info_def.tags) == tags]
    if not found:
        sets = " and ".join("{" + ", ".join(graph.meta_info_def.tags) + "}" for graph in graphs)
        raise LoadError(
            f"{folder} has no MetaGraph with exactly the tags {', '.join(sorted(tags))}; "
            f"it has {sets or 'none'}.",
            hint="Name all tags of one of them.",
        )
    return found


def _change(graph: Message, name: str, method: str) -> str:
    signature = graph.signature_def[name]
    if signature.method_name == METHODS[method]:
        return ""
    _check(name, method, signature)
    before = signature.method_name or "no method"
    signature.method_name = METHODS[method]
    return f"{name}: {before} → {METHODS[method]}"


def _check(name: str, method: str, signature: Message) -> None:
    """Refuse a method that a server would refuse to call on this signature."""
    if method == "predict":
        return
    if set(signature.inputs) != set(_INPUTS):
        raise _unfit(name, method, "input", signature.inputs, _INPUTS)
    if signature.inputs["inputs"].dtype != _STRING:
        # Models that TensorFlow Serving comes with have such signatures; none can call them.
        logger.warning(
            "a server that is asked to %s sends serialized examples, but the input of %r is "
            "not a string.",
            method,
            name,
        )
    if not _fits(signature.outputs, _OUTPUTS[method]):
        raise _unfit(name, method, "output", signature.outputs, _OUTPUTS[method])


def _fits(given: Mapping[str, Message], types: Mapping[str, int]) -> bool:
    """Whether one output is known by its name, and all that are have the type."""
    known = set(given) & set(types)
    return bool(known) and all(given[key].dtype == types[key] for key in known)


def _unfit(
    name: str, method: str, side: str, given: Mapping[str, Message], types: Mapping[str, int]
) -> UsageError:
    found = ", ".join(
        f"{key!r} ({_TYPES.get(given[key].dtype, 'another type')})" for key in sorted(given)
    )
    wanted = " or ".join(f"{key!r} ({_TYPES[dtype]})" for key, dtype in types.items())
    return UsageError(
        f"Signature {name!r} cannot {method}: its {side}s are {found or 'none'}; "
        f"a server asks for the {side} {wanted}.",
        hint="Name and cast the tensors so when you export, then set the method name.",
    )
