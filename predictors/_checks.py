"""What ready-made predictors refuse alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cpr.errors import BadInput, LoadError, shorten
from cpr.suggest import did_you_mean
from cpr.wire.tensors import describe


def check_request(
    instances: Any, probabilities: Any, *, kinds: type | tuple[type, ...] = list
) -> None:
    """Refuse instances that are no list, and a `probabilities` that is no boolean.

    Args:
        instances: Of the request.
        probabilities: The request's key of that name.
        kinds: The types that count as a list of instances.

    Raises:
        BadInput: One of them is not what it must be.
    """
    if not isinstance(probabilities, bool):
        raise BadInput(f"probabilities is {shorten(probabilities)}; expected true or false.")
    if not isinstance(instances, kinds):
        raise BadInput(f"instances must be a list, not {describe(instances)}.")


def check_output(output: str, known: Sequence[str]) -> None:
    """Refuse a setting `output` that is none of the known ones.

    Raises:
        LoadError: It is not.
    """
    if output not in known:
        raise LoadError(
            f"The setting predictor.output is {output!r}; expected one of {', '.join(known)}.",
            hint=did_you_mean(output, known),
        )
