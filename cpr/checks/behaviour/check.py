"""The group's entry: observe a routine once, then judge what was seen."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from cpr.checks.behaviour.context import Context
from cpr.checks.behaviour.judge_again import judge_again, judge_elsewhere, judge_threads
from cpr.checks.behaviour.judge_answers import (
    judge_counts,
    judge_faults,
    judge_plainness,
    judge_sizes,
)
from cpr.checks.behaviour.judge_groups import batchable, judge_groups
from cpr.checks.behaviour.judge_process import (
    judge_directory,
    judge_endings,
    judge_loading,
    judge_memory,
    judge_time,
)
from cpr.checks.behaviour.judge_traces import (
    judge_files,
    judge_growth,
    judge_late_reads,
    judge_prints,
    judge_state,
)
from cpr.checks.behaviour.observations import Observations
from cpr.checks.behaviour.observing import Observer
from cpr.checks.behaviour.session import Limits
from cpr.checks.profiles import profile_named
from cpr.checks.subject import Subject
from cpr.findings import Finding

_LIMITS = Limits()
_JUDGES = (
    judge_loading,
    judge_directory,
    judge_endings,
    judge_memory,
    judge_time,
    judge_faults,
    judge_counts,
    judge_sizes,
    judge_plainness,
    judge_again,
    judge_elsewhere,
    judge_threads,
    judge_groups,
    judge_state,
    judge_growth,
    judge_prints,
    judge_files,
    judge_late_reads,
)


def check(subject: Subject, *, limits: Limits = _LIMITS) -> Iterator[Finding]:
    """What is wrong with how a routine behaves.

    Leaves `batchable` and `measurements` in ``subject.told``.
    """
    seen = observe(subject, limits=limits)
    subject.told["batchable"] = batchable(seen)
    subject.told.setdefault("measurements", {}).update(measurements(seen))
    yield from judge(seen, Context(profile_named(subject.profile), subject.sources.roots))


def observe(subject: Subject, *, limits: Limits = _LIMITS) -> Observations:
    """Run the routine in child processes and record what is seen; done once a subject.

    Args:
        subject: The routine, with its sample requests.
        limits: When a process is given up.
    """
    known: Observations | None = subject.told.get("_observations")
    if known is not None:
        return known
    with tempfile.TemporaryDirectory(prefix="cpr-check-") as folder, ExitStack() as resources:
        seen = Observer(subject, limits, Path(folder), resources).run()
    subject.told["_observations"] = seen
    return seen


def judge(seen: Observations, context: Context) -> Iterator[Finding]:
    """Every finding that the observations give rise to."""
    for one in _JUDGES:
        yield from one(seen, context)


def measurements(seen: Observations) -> dict[str, Any]:
    """Figures for the report; what was not measured is left out."""
    answers = [answer for answer in seen.answers if answer is not None and answer.is_ok]
    later = [answer.seconds for answer in seen.again if answer is not None and answer.is_ok]
    found: dict[str, Any] = {"peak_rss_bytes": seen.peak_rss_bytes, "cpu_s": seen.cpu_s}
    if seen.loaded is not None:
        found |= {
            "load_s": seen.loaded.seconds,
            "load_cpu_s": seen.loaded.cpu_s,
            "load_peak_rss_bytes": seen.loaded.peak_rss_bytes,
            "load_stdout_bytes": seen.loaded.stdout_bytes,
        }
    if answers:
        found |= {
            "first_predict_s": answers[0].seconds,
            "predict_s": median(later or [answer.seconds for answer in answers]),
            "largest_request_bytes": max(map(len, seen.requests)),
            "largest_response_bytes": max(len(answer.body) for answer in answers),
            "most_stdout_bytes": max(answer.stdout_bytes for answer in answers),
        }
    loaded = seen.loaded
    if batchable(seen) and loaded and not (loaded.is_batchable or loaded.is_ready_made):
        found["advice"] = (
            "The sample instances got the same predictions one by one, all at once and shuffled: "
            'batchable = True in the class, or batchable = "always" in [predictor], would let '
            "requests share one predict."
        )
    return found
