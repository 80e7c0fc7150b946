"""Holds candidates against the original: the same answers, and how fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from cpr.compiling.compare import Deviation, compare, settle_ties
from cpr.compiling.declined import Declined
from cpr.compiling.timing import time_in_turns
from cpr.compiling.trial import Trial, Variant, answer
from cpr.errors import CprError, shorten

# How many instances each request of the comparison has.
_COUNTS = (1, 2, 7, 16, 1, 33, 3, 64)
ORIGINAL = "original"

Open = Callable[[Mapping[str, Any]], Any]


class Opener:
    """Opens a predictor once for each settings.

    Args:
        open_one: Opens one anew.
    """

    def __init__(self, open_one: Open) -> None:
        self._open_one = open_one
        self._known: dict[str, Any] = {}

    def __call__(self, settings: Mapping[str, Any]) -> Any:
        """The predictor for these settings."""
        key = repr(sorted(settings.items()))
        if key not in self._known:
            self._known[key] = self._open_one(settings)
        return self._known[key]

    def forget(self) -> None:
        """Close what was opened: the next that is asked for is another one."""
        for predictor in self._known.values():
            predictor.close()
        self._known.clear()


@dataclass(frozen=True)
class Terms:
    """What candidates are held to."""

    atol: float
    rtol: float
    batch_sizes: tuple[int, ...]
    given: tuple[Mapping[str, Any], ...] = ()


@dataclass
class Verdict:
    """What became of a candidate, by variant.

    Attributes:
        why_not: Why it cannot be served, by variant; "" if it can.
        deviations: From the original's answers, by variant.
    """

    why_not: dict[str, str] = field(default_factory=dict)
    deviations: dict[str, Deviation] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The verdict for another process."""
        return asdict(self)


def judge(
    trial: Trial,
    opened: Open,
    candidate: Opener,
    terms: Terms,
    names: Sequence[str] | None = None,
    counts: Sequence[int] = (),
) -> Verdict:
    """Compare a candidate with the original on everything that the trial has.

    Args:
        trial: Of the original.
        opened: Gives the original, for settings.
        candidate: Gives the candidate.
        terms: What it is held to.
        names: The variants that the candidate answers; all of them if None.
        counts: How many instances further requests of the comparison have.
    """
    comparison = _Comparison(trial, opened, candidate, terms, (*_COUNTS, *counts))
    verdict = comparison.verdict
    variants = [item for item in trial.variants if names is None or item.name in names]
    for variant in variants:
        verdict.deviations[variant.name] = Deviation()
        verdict.why_not[variant.name] = _why_not(comparison.prove, variant)
        if verdict.why_not[variant.name]:
            # It may have loaded the original, which says nothing of the next one.
            candidate.forget()
    for variant in variants:
        for instances in trial.odd_instances(variant):
            if not verdict.why_not[variant.name]:
                verdict.why_not[variant.name] = _why_not(comparison.compare, variant, instances)
    return verdict


def _why_not(attempt: Callable[..., object], *arguments: object) -> str:
    try:
        attempt(*arguments)
    except Declined as error:
        return str(error)
    except CprError as error:
        return f"it cannot be served: {error.problem}"
    return ""


@dataclass(frozen=True)
class _Comparison:
    """The original and a candidate, asked the same."""

    trial: Trial
    opened: Open
    candidate: Open
    terms: Terms
    counts: Sequence[int]
    verdict: Verdict = field(default_factory=Verdict)

    def prove(self, variant: Variant) -> None:
        """Compare on instances that a model must take; raises Declined."""
        requests = [
            self.trial.instances(variant, count, number) for number, count in enumerate(self.counts)
        ]
        requests += [
            item["instances"] for item in self.terms.given if self.trial.is_meant(item, variant)
        ]
        answered = 0
        for instances in requests:
            answered += self.compare(variant, instances)
            # What the candidate leaves to the original proves nothing.
            if self.candidate(variant.settings).has_loaded_original:
                raise Declined(f"the original takes {shorten(instances)}, and it does not")
        if not answered:
            raise Declined(
                "the original answers none of the sample instances; give some that it does with "
                "--instances"
            )

    def compare(self, variant: Variant, instances: list[Any]) -> bool:
        """Compare the answers to one request; whether there were any. Raises Declined."""
        was, now = self.opened(variant.settings), self.candidate(variant.settings)
        expected, found = answer(was, instances, variant), answer(now, instances, variant)
        if _status(expected) != _status(found):
            raise Declined(
                f"it {_told(found)}, where the original {_told(expected)}, for {shorten(instances)}"
            )
        if isinstance(expected, Exception):
            return False
        atol = self.terms.atol
        scores = self.trial.scores(was, instances, variant)
        if scores is not None:
            found = settle_ties(expected, found, *scores, atol=atol)
        into = self.verdict.deviations[variant.name]
        try:
            compare(expected, found, atol=atol, rtol=self.terms.rtol, into=into)
        except Declined as error:
            raise Declined(f"{error}, for {shorten(instances)}") from error
        return True


def _status(told: Any) -> int:
    return told.http_status if isinstance(told, CprError) else 200


def _told(told: Any) -> str:
    if isinstance(told, CprError):
        return f"refuses with status {told.http_status} ({shorten(told.problem)})"
    return f"answers {shorten(told)}"


def measure(
    trial: Trial,
    opened: Open,
    candidates: Mapping[str, Open],
    terms: Terms,
    verdicts: Mapping[str, Verdict],
) -> list[dict[str, Any]]:
    """Microseconds through the whole predictor, by variant and batch size, in turns."""
    figures = []
    for variant in trial.variants:
        good = {
            name: give
            for name, give in candidates.items()
            if verdicts[name].why_not.get(variant.name) == ""
        }
        if not good:
            continue
        predictors = {
            name: give(variant.settings) for name, give in {ORIGINAL: opened, **good}.items()
        }
        for size in terms.batch_sizes if variant.count is None else (variant.count,):
            given = [item for item in terms.given if trial.is_meant(item, variant)]
            instances = _timed_instances(trial, variant, size, given)
            if isinstance(answer(predictors[ORIGINAL], instances, variant), Exception):
                continue  # a scalar for all of them, or a batch of another size
            calls = {
                name: _call(predictor, instances, variant) for name, predictor in predictors.items()
            }
            figures.append(
                {"variant": variant.name, "batch_size": size, "us": time_in_turns(calls)}
            )
    return figures


def _timed_instances(
    trial: Trial, variant: Variant, size: int, given: Sequence[Mapping[str, Any]]
) -> list[Any]:
    known = [instance for item in given for instance in item["instances"]]
    if not known:
        return trial.instances(variant, size, 0)
    return (known * (size // len(known) + 1))[:size]


def _call(predictor: Any, instances: list[Any], variant: Variant) -> Callable[[], object]:
    parameters = dict(variant.parameters)
    return lambda: predictor.predict(instances, **parameters)
