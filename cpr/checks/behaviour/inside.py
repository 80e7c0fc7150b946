"""What a process that has answered is asked further: again, in other groups, and at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cpr.checks.behaviour.grouping import Plan, plans
from cpr.checks.behaviour.observations import Answer, Group, Kept, Loaded, Returned, Threads
from cpr.checks.behaviour.session import Session
from cpr.isolated.memory import available_bytes

_THREADS = 8
# How long each part may take, as far as the first answers tell.
_GROUPING_S = 15.0
_REPEATING_S = 2.0
_THREADS_S = 20.0
# Threads that have not come back by then wait for each other.
_DEADLOCK_S = 90.0

Requests = Sequence[tuple[int, bytes]]


def look_inside(
    session: Session, answered: Requests, seen: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """Fields of the observations, one after the other, the most harmless first.

    Args:
        session: The process that has answered.
        answered: The requests that got predictions, with their numbers.
        seen: The fields so far.

    Raises:
        Ended: The process ended; what was yielded before stands.
    """
    if not answered:
        return
    count = len(seen["answers"])
    taken = [seen["answers"][number].seconds for number, _ in answered]
    total_s, longest_s = sum(taken), max(taken)
    again: list[Answer | None] = [None] * count
    for number, body in answered:
        again[number] = session.answer(body, phase="answering it again", request=number)
    yield "again", tuple(again)
    returned, changed = _returned(session, answered, count)
    yield "returned", returned
    at_most = int(min(max(_GROUPING_S / max(longest_s, 1e-3) / 3, 4), 48))
    yield "groups", tuple(_group(session, plan) for plan in plans(answered, at_most=at_most))
    yield "kept", _kept(session, answered, changed, total_s)
    # Before threads need a multiple of it: what one request at a time needs.
    yield "peak_rss_bytes", session.peak_rss_bytes
    if total_s * _THREADS < _THREADS_S and _can_share(session, seen["loaded"]):
        yield "threads", _threads(session, answered, count, total_s)


def _can_share(session: Session, loaded: Loaded) -> bool:
    """Whether several threads may ask: a Vertex AI class has a current directory of its own."""
    needed = (session.peak_rss_bytes - loaded.peak_rss_bytes) * _THREADS
    return not loaded.is_vertex and needed < (available_bytes() or needed + 1) // 2


def _returned(
    session: Session, answered: Requests, count: int
) -> tuple[tuple[Returned | None, ...], tuple[str, ...]]:
    message = session.ask("run", [body for _, body in answered], phase="answering it again")
    found: list[Returned | None] = [None] * count
    told = zip(answered, session.answers(message), message.header["answers"], strict=True)
    for (number, _), answer, document in told:
        found[number] = Returned(answer, document["kind"], document["strict_fault"])
    return tuple(found), tuple(message.header["changed"])


def _group(session: Session, plan: Plan) -> Group:
    message = session.ask("ask", plan.bodies, phase="answering other groups of instances")
    *alone, together, shuffled = session.answers(message)
    return Group(
        instances=plan.instances,
        requests=plan.requests,
        alone=tuple(alone),
        together=together,
        shuffled=shuffled,
        order=plan.order,
    )


def _kept(session: Session, answered: Requests, changed: tuple[str, ...], total_s: float) -> Kept:
    rounds = int(min(max(_REPEATING_S / max(total_s, 1e-3), 0), 40))
    if rounds < 4:
        return Kept(changed)
    bodies = [body for _, body in answered]
    message = session.ask("repeat", bodies, phase="answering many requests", rounds=rounds)
    grown = {name: tuple(sizes) for name, sizes in message.header["sizes"].items()}
    return Kept(changed, grown, tuple(message.header["rss_bytes"]), rounds)


def _threads(session: Session, answered: Requests, count: int, total_s: float) -> Threads:
    rounds = int(min(max(_REPEATING_S / max(total_s * _THREADS, 1e-3), 1), 25))
    message = session.ask(
        "threads",
        [body for _, body in answered],
        phase="answering several threads",
        limit_s=min(session.limits.request_s * len(answered), _DEADLOCK_S),
        count=_THREADS,
        rounds=rounds,
    )
    told = iter(session.answers(message))
    found: list[tuple[Answer, ...]] = [()] * count
    for (number, _), distinct in zip(answered, message.header["counts"], strict=True):
        found[number] = tuple(next(told) for _ in range(distinct))
    return Threads(_THREADS, tuple(found))
