"""Judges how the process fared: loading, its end, its memory, its time."""

from __future__ import annotations

from collections.abc import Iterator

from cpr.checks.behaviour import answer_rules, rules
from cpr.checks.behaviour.context import Context, numbered, place_in, predict_of
from cpr.checks.behaviour.observations import Ending, Observations
from cpr.findings import Finding

_MB = 1_000_000


def judge_loading(seen: Observations, context: Context) -> Iterator[Finding]:
    """Whether it loads, and in any directory."""
    fault = seen.load_fault
    if fault is None:
        return
    if seen.needs_directory:
        yield context.finding(
            rules.NEEDS_DIRECTORY,
            f"it loads in the project's folder only; elsewhere {fault.problem}",
            fault.place,
        )
        return
    place = fault.place if fault.place.file else place_in(fault.hint)
    yield context.finding(
        rules.DOES_NOT_LOAD, fault.problem.rstrip("."), place, fix=fault.hint, raised=fault.raised
    )


def judge_directory(seen: Observations, context: Context) -> Iterator[Finding]:
    """Whether it answers in any directory."""
    if seen.needs_directory and seen.load_fault is None:
        yield context.finding(
            rules.NEEDS_DIRECTORY,
            "it answers in the project's folder only; elsewhere a file is not found",
            predict_of(seen),
        )


def judge_endings(seen: Observations, context: Context) -> Iterator[Finding]:
    """Whether the process ended or hung; of equal ends one is told."""
    for ending in {(e.phase, e.problem, e.hint): e for e in seen.endings}.values():
        same = [e.request for e in seen.endings if e.problem == ending.problem and e.request >= 0]
        yield context.finding(
            _rule_of(ending), _told(ending, same), place_in(ending.hint), phase=ending.phase
        )


def judge_memory(seen: Observations, context: Context) -> Iterator[Finding]:
    """Whether it fits the machine."""
    limit = context.profile.memory_bytes
    if limit and seen.peak_rss_bytes > limit:
        yield context.finding(
            rules.MUCH_MEMORY,
            f"the process had {seen.peak_rss_bytes / _MB:,.0f} MB at its peak; a machine of "
            f"{context.profile.name} has {limit / _MB:,.0f} MB",
            peak_rss_bytes=seen.peak_rss_bytes,
        )


def judge_time(seen: Observations, context: Context) -> Iterator[Finding]:
    """Whether the platform would have waited."""
    limit = context.profile.deadline_s or 60.0
    slow = {
        number: answer.seconds
        for number, answer in enumerate(seen.answers)
        if answer is not None and answer.seconds > limit
    }
    if slow:
        yield context.finding(
            answer_rules.SLOW,
            f"{numbered(slow)} took {max(slow.values()):.0f} s; the platform waits {limit:g} s",
            predict_of(seen),
        )


def _rule_of(ending: Ending) -> str:
    if ending.phase == "answering several threads":
        return rules.NOT_THREAD_SAFE
    return rules.HANGS if ending.is_hang else rules.ENDS_PROCESS


def _told(ending: Ending, requests: list[int]) -> str:
    where = f"{numbered(requests)}: " if requests else ""
    return f"{where}{ending.problem.rstrip('.')}"
