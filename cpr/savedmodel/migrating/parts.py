"""Parts of a TF1 graph, without references: what one signature or initializer runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cpr.savedmodel.migrating.graph_cut import cut
from cpr.savedmodel.migrating.graph_questions import takes_reference
from cpr.savedmodel.migrating.model import V1Signature
from cpr.savedmodel.migrating.references import without_references


@dataclass(frozen=True)
class Part:
    """The part of the graph that one signature, or one initializer, runs."""

    graph: Any
    outputs: list[str]

    @classmethod
    def of(cls, graph: Any, definition: Any, signature: V1Signature) -> Part:
        """The part that makes a signature's outputs of its inputs."""
        fed = list(signature.inputs.values())
        return cls.made(graph, definition, list(signature.outputs.values()), fed)

    @classmethod
    def made(cls, graph: Any, definition: Any, outputs: list[str], fed: Iterable[str] = ()) -> Part:
        """The part that makes the outputs, tensors or operations, given what is fed.

        Raises:
            LoadError: It writes a reference variable in a way that cannot be rewritten.
        """
        own = cut(definition, outputs, fed=fed)
        rewritten, names = without_references(
            own, [name for name in outputs if name not in fed], takes_reference(graph)
        )
        return cls(rewritten, [names.get(name, name) for name in outputs])
