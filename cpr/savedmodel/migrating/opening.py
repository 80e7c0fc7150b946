"""A TF1 model as a `Servable`: what an export of any source starts from."""

from __future__ import annotations

import keyword
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cpr.savedmodel.migrating.model import V1Model, V1Signature
from cpr.savedmodel.migrating.rebuild import Rebuilt, rebuild
from cpr.savedmodel.migrating.samples import accepted_samples
from cpr.savedmodel.servable import METHODS, Servable, ServableFunction, Tensors
from cpr.wire.tensors import Array

logger = logging.getLogger(__name__)


def as_servable(tf: Any, model: V1Model) -> Servable:
    """Rebuild a TF1 model for TensorFlow 2; its session stays the reference until it is closed.

    Signatures that share a variable which one of them writes have no
    reference: they answer otherwise each time that they are asked.

    Raises:
        LoadError: A signature cannot be rebuilt.
    """
    rebuilt = rebuild(tf, model)
    functions = {
        name: _function(tf, model, rebuilt, name, signature)
        for name, signature in model.signatures.items()
    }
    return Servable(model.source, functions, holders=(rebuilt.module,), release=model.session.close)


def _function(
    tf: Any, model: V1Model, rebuilt: Rebuilt, name: str, given: V1Signature
) -> ServableFunction:
    run = rebuilt.calls[name]
    signature = _with_valid_names(given, name)
    aliases = list(signature.inputs)

    def call(tensors: Tensors) -> dict[str, Any]:
        return dict(zip(signature.outputs, run(*[tensors[a] for a in aliases]), strict=True))

    reference = in_session(model, signature)
    is_pure = name not in rebuilt.changing
    return ServableFunction(
        call,
        dict(zip(aliases, rebuilt.specs[name].values(), strict=True)),
        method=METHODS[signature.method],
        reference=reference if is_pure else None,
        examples=accepted_samples(tf, model, signature, reference) if is_pure else None,
    )


def _with_valid_names(signature: V1Signature, name: str) -> V1Signature:
    """The signature with names of inputs that TensorFlow 2 takes: those of Python."""
    inputs: dict[str, Any] = {}
    for alias, tensor in signature.inputs.items():
        valid = re.sub(r"\W", "_", alias)
        valid = f"_{valid}" if valid[:1].isdigit() else valid
        valid = f"{valid}_" if keyword.iskeyword(valid) or valid in inputs else valid
        if valid != alias:
            logger.warning(
                "the input %r of signature %r is called %r in the export: TensorFlow 2 takes "
                "names of Python only.",
                alias,
                name,
                valid,
            )
        inputs[valid] = tensor
    return replace(signature, inputs=inputs)


def in_session(
    model: V1Model, signature: V1Signature
) -> Callable[[Mapping[str, Array]], dict[str, Array]]:
    """What the source itself answers: the signature's tensors, run in its session."""

    def answer(arrays: Mapping[str, Array]) -> dict[str, Array]:
        feeds = {name: arrays[alias] for alias, name in signature.inputs.items()}
        outputs = model.session.run(list(signature.outputs.values()), feeds)
        return dict(zip(signature.outputs, map(np.asarray, outputs), strict=True))

    return answer
