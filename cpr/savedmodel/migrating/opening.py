"""A TF1 model as a `Servable`: what an export of any source starts from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cpr.savedmodel.migrating.examples import accepted_examples
from cpr.savedmodel.migrating.model import V1Model, V1Signature
from cpr.savedmodel.migrating.rebuild import Rebuilt, rebuild
from cpr.savedmodel.servable import METHODS, Servable, ServableFunction, Tensors
from cpr.wire.tensors import Array


def as_servable(tf: Any, model: V1Model) -> Servable:
    """Rebuild a TF1 model for TensorFlow 2; its own session stays the reference.

    A signature that writes variables has no reference: it answers otherwise
    each time that it is asked.

    Raises:
        LoadError: A signature cannot be rebuilt.
    """
    rebuilt = rebuild(tf, model)
    functions = {
        name: _function(tf, model, rebuilt, name, signature)
        for name, signature in model.signatures.items()
    }
    return Servable(model.source, functions, holders=(rebuilt.module,))


def _function(
    tf: Any, model: V1Model, rebuilt: Rebuilt, name: str, signature: V1Signature
) -> ServableFunction:
    run = rebuilt.calls[name]
    aliases = list(signature.inputs)

    def call(tensors: Tensors) -> dict[str, Any]:
        return dict(zip(signature.outputs, run(*[tensors[a] for a in aliases]), strict=True))

    reference = in_session(model, signature)
    is_pure = name not in rebuilt.writing
    return ServableFunction(
        call,
        rebuilt.specs[name],
        method=METHODS[signature.method],
        reference=reference if is_pure else None,
        examples=accepted_examples(tf, model, signature, reference) if is_pure else None,
    )


def in_session(
    model: V1Model, signature: V1Signature
) -> Callable[[Mapping[str, Array]], dict[str, Array]]:
    """What the source itself answers: the signature's tensors, run in its session."""

    def answer(arrays: Mapping[str, Array]) -> dict[str, Array]:
        feeds = {name: arrays[alias] for alias, name in signature.inputs.items()}
        outputs = model.session.run(list(signature.outputs.values()), feeds)
        return dict(zip(signature.outputs, map(np.asarray, outputs), strict=True))

    return answer
