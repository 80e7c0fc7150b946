"""Judges whether a prediction depends on the other instances of its request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cpr.checks.behaviour import answer_rules, rules
from cpr.checks.behaviour.compare import differing
from cpr.checks.behaviour.context import Context, predict_of
from cpr.checks.behaviour.judge_again import changed_answers
from cpr.checks.behaviour.judge_answers import miscounted
from cpr.checks.behaviour.observations import Answer, Group, Observations, Place
from cpr.findings import Finding


@dataclass(frozen=True)
class Disagreement:
    """How a group of instances fails to agree.

    `is_count` when predictions are not as many as instances, `is_refusal` when
    the instances cannot be asked all at once.
    """

    message: str
    is_count: bool = False
    is_refusal: bool = False


def batchable(seen: Observations) -> bool | None:
    """Whether requests may share one predict: proven, disproven, or None."""
    if changed_answers(seen):
        return False
    if any(disagreement(group) for group in seen.groups):
        return False
    is_whole = not seen.endings and all(answer and answer.is_ok for answer in seen.answers)
    is_told = is_whole and any(
        len({json.dumps(value) for value in g.instances}) > 1 for g in seen.groups
    )
    return True if is_told else None


def judge_groups(seen: Observations, context: Context) -> Iterator[Finding]:
    """Whether instances get the same prediction alone, together and shuffled."""
    if changed_answers(seen):
        return
    declares = seen.loaded is not None and seen.loaded.is_batchable
    for found in map(disagreement, seen.groups):
        if found is None or found.is_refusal:
            continue  # what cannot be joined is answered one by one, correctly
        identity = rules.NOT_BATCHABLE if declares else rules.DEPENDS_ON_NEIGHBOURS
        if found.is_count and not declares:
            if miscounted(seen):
                return  # that is said already
            identity = answer_rules.OTHER_COUNT
        yield context.finding(identity, found.message, _place(seen, declares=declares))
        return


def disagreement(group: Group) -> Disagreement | None:
    """How the answers of a group disagree first; None if they agree."""
    alone: list[Any] = []
    for position, answer in enumerate(group.alone):
        if answer.fault is not None:
            return Disagreement(f"{_named(group, position)} fails alone: {answer.fault.problem}")
        predictions = json.loads(answer.body)
        if not isinstance(predictions, list) or len(predictions) != 1:
            said = f"for {_named(group, position)} alone, there are {_counted(predictions)}"
            return Disagreement(said, is_count=True)
        alone += predictions
    count = len(group.instances)
    orders = [(group.together, tuple(range(count))), (group.shuffled, group.order)]
    for (answer, order), what in zip(orders, ("all at once", "shuffled"), strict=True):
        found = _disagrees(group, answer, order, alone, what)
        if found is not None:
            return found
    return None


def _disagrees(
    group: Group, answer: Answer, order: tuple[int, ...], alone: list[Any], what: str
) -> Disagreement | None:
    if answer.fault is not None:
        return Disagreement(f"{what}: {answer.fault.problem}", is_refusal=True)
    predictions = json.loads(answer.body)
    if not isinstance(predictions, list) or len(predictions) != len(order):
        said = f"for {len(order)} instances at once, there are {_counted(predictions)}"
        return Disagreement(said, is_count=True)
    for prediction, position in zip(predictions, order, strict=True):
        found = differing(alone[position], prediction, "its prediction")
        if found:
            return Disagreement(f"{_named(group, position)}, alone and {what}: {found}")
    return None


def _named(group: Group, position: int) -> str:
    return f"instance {position + 1} of {len(group.instances)}"


def _counted(predictions: Any) -> str:
    if isinstance(predictions, list):
        return f"{len(predictions)} predictions"
    return f"predictions of type {type(predictions).__name__}"


def _place(seen: Observations, *, declares: bool) -> Place:
    if declares and seen.loaded is not None:
        return seen.loaded.places.get("batchable", predict_of(seen))
    return predict_of(seen)
