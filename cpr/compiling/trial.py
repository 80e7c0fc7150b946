"""What is tried with the original and with each candidate, whichever the kind of model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from cpr.errors import CprError


@dataclass(frozen=True)
class Variant:
    """One way to ask a model.

    Attributes:
        name: What reports call it: a signature, or a method.
        settings: Of the predictor that is asked.
        parameters: Of its predict.
        count: How many instances a call has, if not any number of them.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    count: int | None = None


class Trial(Protocol):
    """What a kind of model is tried with.

    Attributes:
        variants: Every way to ask; those that compute the same are there once.
        facts: What was found out, for the record.
    """

    variants: list[Variant]
    facts: dict[str, Any]

    def is_meant(self, request: Mapping[str, Any], variant: Variant) -> bool:
        """Whether a given request is for a variant."""

    def scores(
        self, predictor: Any, instances: list[Any], variant: Variant
    ) -> tuple[Any, list[Any]] | None:
        """The scores behind classes that a variant answers with, and the classes, if it does."""

    def instances(self, variant: Variant, count: int, number: int) -> list[Any]:
        """Instances of a variant; the same for the same number."""

    def odd_instances(self, variant: Variant) -> list[list[Any]]:
        """Instances that the original may well refuse."""


def answer(predictor: Any, instances: list[Any], variant: Variant) -> Any:
    """A predictor's answer, or the error that it gives instead."""
    try:
        return predictor.predict(instances, **variant.parameters)
    except CprError as error:
        return error
