"""Judges whether a request gets the same answer again: later, elsewhere, among others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cpr.checks.behaviour import rules
from cpr.checks.behaviour.compare import difference
from cpr.checks.behaviour.context import Context, numbered, predict_of
from cpr.checks.behaviour.observations import Answer, Observations
from cpr.findings import Finding


def changed_answers(seen: Observations) -> dict[int, str]:
    """The requests whose second answer was another one, with the first difference."""
    return _differences(seen.answers, seen.again)


def judge_again(seen: Observations, context: Context) -> Iterator[Finding]:
    """Whether the same process gives the same answer twice."""
    changed = changed_answers(seen)
    if changed:
        yield context.finding(
            rules.CHANGES,
            f"{numbered(changed)}, asked twice: {next(iter(changed.values()))}",
            predict_of(seen),
        )


def judge_elsewhere(seen: Observations, context: Context) -> Iterator[Finding]:
    """Whether two processes give the same answer."""
    if changed_answers(seen):
        return
    changed = _differences(seen.answers, seen.elsewhere)
    if changed:
        yield context.finding(
            rules.CHANGES_ELSEWHERE,
            f"{numbered(changed)}, asked in two processes: {next(iter(changed.values()))}",
            predict_of(seen),
        )


def judge_threads(seen: Observations, context: Context) -> Iterator[Finding]:
    """Whether threads that ask at once get the answers that one gets."""
    if seen.threads is None or changed_answers(seen):
        return
    for number, answers in enumerate(seen.threads.answers):
        returned = seen.returned[number]
        if returned is None or not returned.answer.is_ok:
            continue
        for answer in answers:
            said = _misled(returned.answer, answer)
            if said:
                place = answer.fault.place if answer.fault else predict_of(seen)
                yield context.finding(
                    rules.NOT_THREAD_SAFE,
                    f"sample request {number + 1}, asked by {seen.threads.count} threads at "
                    f"once: {said}",
                    place if place.file else predict_of(seen),
                )
                return


def _misled(expected: Answer, answer: Answer) -> str:
    if answer.fault is not None:
        return answer.fault.problem.rstrip(".")
    return difference(expected.body, answer.body, "predictions")


def _differences(first: Sequence[Answer | None], second: Sequence[Answer | None]) -> dict[int, str]:
    """Where answers to the same requests differ; a second one that fails differs too."""
    found = {}
    for number, (one, other) in enumerate(zip(first, second, strict=False)):
        if one is None or other is None or not one.is_ok or not other.is_ok:
            continue
        said = difference(one.body, other.body)
        if said:
            found[number] = said
    return found
