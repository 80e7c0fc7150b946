"""Times calls side by side: in turns, so that a busy moment hits all alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter

_BLOCK_S = 0.003
_ROUNDS = 15


def time_in_turns(
    calls: Mapping[str, Callable[[], object]], *, rounds: int = _ROUNDS, budget_s: float = 10.0
) -> dict[str, float]:
    """The microseconds that each call takes: the least of its blocks in all rounds.

    Args:
        calls: What to time, by name; each is warmed up first.
        rounds: How often each has its turn.
        budget_s: Stop after the round in which this has passed, but not
            before three.
    """
    counts = {name: _count(call) for name, call in calls.items()}
    best = dict.fromkeys(calls, float("inf"))
    names: Sequence[str] = list(calls)
    start = perf_counter()
    for number in range(rounds):
        turn = number % len(names)
        for name in (*names[turn:], *names[:turn]):
            best[name] = min(best[name], _block(calls[name], counts[name]))
        if number >= 2 and perf_counter() - start > budget_s:
            break
    return {name: seconds * 1e6 for name, seconds in best.items()}


def _count(call: Callable[[], object]) -> int:
    """How many calls make a block long enough to be timed."""
    call()
    once = min(_block(call, 1) for _ in range(3))
    return max(1, int(_BLOCK_S / max(once, 1e-7)))


def _block(call: Callable[[], object], count: int) -> float:
    start = perf_counter()
    for _ in range(count):
        call()
    return (perf_counter() - start) / count
