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


@dataclass(frozen=True)
class Terms:
    """What candidates are held to."""

    atol: float
    rtol: float
    batch_sizes: tuple[int, ...]
    given: tuple[Mapping[str, Any], ...] = ()


@dataclass
class Verdict:
    """What became of a candidate.

    Attributes:
        why_not: Why it cannot be served; "" if it can.
        deviation: From the original's answers.
        answered: How many requests both answered, by variant.
    """

    why_not: str = ""
    deviation: Deviation = field(default_factory=Deviation)
    answered: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The verdict for another process."""
        return asdict(self)


def judge(trial: Trial, opened: Open, candidate: Open, terms: Terms) -> Verdict:
    """Compare a candidate with the original on everything that the trial has.

    Args:
        trial: Of the original.
        opened: Gives the original, for settings.
        candidate: Gives the candidate.
        terms: What it is held to.
    """
    comparison = _Comparison(trial, opened, candidate, terms)
    try:
        for variant in trial.variants:
            comparison.prove(variant)
        for variant in trial.variants:
            for instances in trial.odd_instances(variant):
                comparison.compare(variant, instances)
    except Declined as error:
        comparison.verdict.why_not = str(error)
    except CprError as error:
        comparison.verdict.why_not = f"it cannot be served: {error.problem}"
    return comparison.verdict


@dataclass(frozen=True)
class _Comparison:
    """The original and a candidate, asked the same."""

    trial: Trial
    opened: Open
    candidate: Open
    terms: Terms
    verdict: Verdict = field(default_factory=Verdict)

    def prove(self, variant: Variant) -> None:
        """Compare on instances that a model must take; raises Declined."""
        requests = [
            self.trial.instances(variant, count, number) for number, count in enumerate(_COUNTS)
        ]
        requests += [
            item["instances"] for item in self.terms.given if self.trial.is_meant(item, variant)
        ]
        answered = 0
        for instances in requests:
            answered += self.compare(variant, instances)
            # What the candidate leaves to the original proves nothing.
            if self.candidate(variant.settings).has_loaded_original:
                raise Declined(f"{variant.name}: it cannot take {shorten(instances)}")
        self.verdict.answered[variant.name] = answered
        if not answered:
            raise Declined(
                f"{variant.name}: the original answers none of the sample instances; give some "
                "that it does with --instances"
            )

    def compare(self, variant: Variant, instances: list[Any]) -> bool:
        """Compare the answers to one request; whether there were any. Raises Declined."""
        was, now = self.opened(variant.settings), self.candidate(variant.settings)
        expected, found = answer(was, instances, variant), answer(now, instances, variant)
        if isinstance(expected, Exception) != isinstance(found, Exception):
            told = "refuses" if isinstance(found, Exception) else "answers"
            raise Declined(
                f"{variant.name}: it {told} {shorten(instances)}, unlike the original: "
                f"{found if told == 'refuses' else expected}"
            )
        if isinstance(expected, Exception):
            return False
        atol = self.terms.atol
        scores = self.trial.scores(was, instances, variant)
        if scores is not None:
            found = settle_ties(expected, found, *scores, atol=atol)
        try:
            compare(expected, found, atol=atol, rtol=self.terms.rtol, into=self.verdict.deviation)
        except Declined as error:
            raise Declined(f"{variant.name}: {error}, for {shorten(instances)}") from error
        return True


def measure(
    trial: Trial, opened: Open, candidates: Mapping[str, Open], terms: Terms
) -> list[dict[str, Any]]:
    """Microseconds through the whole predictor, by variant and batch size, in turns."""
    figures = []
    for variant in trial.variants:
        predictors = {
            name: give(variant.settings) for name, give in {ORIGINAL: opened, **candidates}.items()
        }
        for size in terms.batch_sizes:
            given = [item for item in terms.given if trial.is_meant(item, variant)]
            instances = _timed_instances(trial, variant, size, given)
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
