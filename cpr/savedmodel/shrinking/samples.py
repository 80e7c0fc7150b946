"""The samples that an original and its candidates are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from cpr.errors import UsageError, shorten
from cpr.savedmodel.meta_graph import as_fed, signatures, tags
from cpr.savedmodel.protos import Message
from cpr.savedmodel.samples.inputs import sample_inputs
from cpr.savedmodel.samples.values import arrays_of, numpy_type
from cpr.savedmodel.shrinking.asking import Variants
from cpr.suggest import did_you_mean

Instances: TypeAlias = Sequence[Any] | Mapping[str, Sequence[Any]]
"""Sample instances: for all signatures that take them, or by signature; "" is for all."""


def samples_of(
    meta_graphs: Sequence[Message], folder: Path, instances: Instances
) -> dict[tuple[str, ...], Variants]:
    """Of each MetaGraph, by its tags, inputs for its signatures.

    Args:
        meta_graphs: Of the SavedModel in `folder`.
        folder: Its directory, for its vocabularies.
        instances: Given ones; what has none is made up.

    Raises:
        UsageError: There is no such signature, or no signature takes the instances.
        BadInput: A signature does not take its own.
        LoadError: One has none, and none can be made up for it.
    """
    given = instances if isinstance(instances, Mapping) else {"": instances} if instances else {}
    known = {name for one in meta_graphs for name in signatures(one)}
    for name in given.keys() - known - {""}:
        raise UsageError(
            f"The model has no signature {shorten(name)}; it has {', '.join(sorted(known))}.",
            hint=did_you_mean(name, sorted(known)),
        )
    return {tags(one): _of_graph(one, folder, given) for one in meta_graphs}


def _of_graph(
    meta_graph: Message, folder: Path, given: Mapping[str, Sequence[Any]]
) -> dict[str, list[dict[str, Any]]]:
    found = sample_inputs(meta_graph, folder, given.get(""), but=given)
    for name, signature in as_fed(meta_graph).items():
        if name in given:
            types = {alias: numpy_type(spec.dtype) for alias, spec in signature.inputs.items()}
            found[name] = [arrays_of(given[name], types, f"instances of {name}")]
    return found
