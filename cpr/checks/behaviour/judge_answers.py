"""Judges the answers to the sample requests, one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from cpr.checks.behaviour import answer_rules
from cpr.checks.behaviour.context import Context, numbered, predict_of
from cpr.checks.behaviour.observations import Answer, Fault, Observations
from cpr.errors import shorten
from cpr.findings import Finding


def judge_faults(seen: Observations, context: Context) -> Iterator[Finding]:
    """Which requests got an error; those with the same one are told together."""
    groups: dict[tuple[str, str, Any], list[tuple[int, Fault]]] = {}
    for number, answer in enumerate(seen.answers):
        if answer is not None and answer.fault is not None:
            fault = answer.fault
            key = (_rule_of(fault), fault.raised, fault.place)
            groups.setdefault(key, []).append((number, fault))
    for (identity, raised, place), members in groups.items():
        fault = members[0][1]
        yield context.finding(
            identity,
            f"{numbered(number for number, _ in members)}: {fault.problem.rstrip('.')}",
            place if place.file else predict_of(seen),
            fix="" if place.file else fault.hint,
            raised=raised,
        )


def judge_counts(seen: Observations, context: Context) -> Iterator[Finding]:
    """Whether there is one prediction for each instance."""
    wrong = miscounted(seen)
    if wrong:
        first = next(iter(wrong.values()))
        yield context.finding(
            answer_rules.OTHER_COUNT, f"{numbered(wrong)}: {first}", predict_of(seen)
        )


def miscounted(seen: Observations) -> dict[int, str]:
    """The requests whose predictions are not as many as their instances, and how.

    Instances that are no list have no positions, and so nothing to match.
    """
    return {
        number: said
        for number, answer in enumerate(seen.answers)
        if answer is not None
        and answer.is_ok
        and (said := _miscounted(answer))
        and isinstance(json.loads(seen.requests[number]).get("instances"), list)
    }


def judge_sizes(seen: Observations, context: Context) -> Iterator[Finding]:
    """Whether requests and responses fit through the platform's door."""
    requests = {number: len(body) for number, body in enumerate(seen.requests)}
    responses = {
        number: len(answer.body)
        for number, answer in enumerate(seen.answers)
        if answer is not None and answer.is_ok
    }
    for identity, sizes, limit in (
        (answer_rules.LARGE_REQUEST, requests, context.profile.request_bytes),
        (answer_rules.LARGE_RESPONSE, responses, context.profile.response_bytes),
    ):
        large = {number: size for number, size in sizes.items() if limit and size > limit}
        if large:
            what = "is" if identity == answer_rules.LARGE_REQUEST else "has an answer of"
            yield context.finding(
                identity,
                f"{numbered(large)} {what} {max(large.values()) / 1e6:.2f} MB; "
                f"the limit is {limit / 1e6:g} MB",
            )


def judge_plainness(seen: Observations, context: Context) -> Iterator[Finding]:
    """Whether AI Platform's own encoder would have written it."""
    loaded = seen.loaded
    is_for_cpr = loaded is not None and (loaded.is_ready_made or loaded.is_subclass)
    if is_for_cpr or not context.profile.name.startswith("aiplatform"):
        return
    for number, returned in enumerate(seen.returned):
        if returned is not None and returned.strict_fault:
            yield context.finding(
                answer_rules.NOT_PLAIN,
                f"sample request {number + 1}: {returned.strict_fault}",
                predict_of(seen),
            )
            return


def _rule_of(fault: Fault) -> str:
    if fault.kind == "BadOutput":
        is_number = "which JSON cannot hold" in fault.problem
        return answer_rules.NOT_FINITE if is_number else answer_rules.NOT_JSON
    if fault.raised == "SystemExit":
        return answer_rules.EXITS
    return answer_rules.REQUEST_REFUSED if fault.kind == "BadInput" else answer_rules.REQUEST_FAILS


def _miscounted(answer: Answer) -> str:
    """How the predictions fail to be as many as the instances; "" if they are."""
    document = json.loads(answer.body)
    if not isinstance(document, dict) or "predictions" not in document:
        return "the answer has no key 'predictions'"
    predictions = document["predictions"]
    if not isinstance(predictions, list):
        kind = {dict: "an object", str: "a string", type(None): "null"}.get(
            type(predictions), "a single value"
        )
        return (
            f"the predictions are {kind}, {shorten(predictions, 40)}, for "
            f"{answer.instance_count} instances"
        )
    if len(predictions) == answer.instance_count:
        return ""
    return f"{len(predictions)} predictions for {answer.instance_count} instances"
