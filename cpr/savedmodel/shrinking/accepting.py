"""Says whether a smaller model may stand for the original: loads, and answers the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cpr.errors import LoadError
from cpr.savedmodel.shrinking.asking import (
    Answer,
    Asker,
    Deviation,
    Loader,
    Question,
    Tolerance,
    Variants,
    compare,
)

Tags = tuple[str, ...]
_LOADERS: tuple[Loader, ...] = ("tf2", "v1")


@dataclass(frozen=True)
class Verdict:
    """How candidates compare with the original.

    Attributes:
        deviations: Of each candidate, through the first of `loaders`.
        final: Of the last candidate, loaded in a fresh process through every
            one of `loaders`: the worst.
        loaders: Those through which some answer was compared; those that load the
            original if none was.
        asked: The signatures that were compared.
        not_asked: Those that took no sample, and why.
    """

    deviations: tuple[Deviation, ...]
    final: Deviation
    loaders: tuple[Loader, ...]
    asked: tuple[str, ...]
    not_asked: tuple[tuple[str, str], ...]
    tensorflow: str


def judge(
    original: Path,
    candidates: Sequence[Path],
    samples: Mapping[Tags, Variants],
    tolerance: Tolerance,
    advance: Callable[[], None] = lambda: None,
) -> Verdict:
    """Ask the original and all candidates, the last one again in a process of its own.

    Args:
        original: The model that others are compared with.
        candidates: At least one; the last is the one to accept.
        samples: Of each MetaGraph, by its tags, inputs for its signatures.
        tolerance: What counts as the same.
        advance: Called after all were asked, and after the last one was again.

    Raises:
        LoadError: No loader loads the original.
    """
    asker = Asker({",".join(tags): some for tags, some in samples.items()})
    graphs = tuple(samples)
    first: list[tuple[Path, Loader]] = [(original, one) for one in _LOADERS]
    first += [(one, _LOADERS[0]) for one in candidates]
    answers = _ask(asker, graphs, first)
    advance()
    references = {
        loader: some
        for loader, some in zip(_LOADERS, answers, strict=False)  # the candidates' follow
        if not _error(some)
    }
    if not references:
        raise LoadError(
            f"{original} does not load in TensorFlow {asker.tensorflow}: {_error(answers[0])}",
            hint="What does not load cannot be compared; export the model again.",
        )
    loaders = tuple(references)
    reference = references[loaders[0]]
    made = answers[len(_LOADERS) :]
    if loaders[0] != _LOADERS[0]:
        made = _ask(asker, graphs, [(one, loaders[0]) for one in candidates])
    again = _ask(asker, graphs, [(candidates[-1], one) for one in loaders])
    advance()
    expected = [
        _expected(references[one], reference, some)
        for one, some in zip(loaders, again, strict=True)
    ]
    final = [_worst(one, some, tolerance) for one, some in zip(expected, again, strict=True)]
    return Verdict(
        tuple(_worst(reference, some, tolerance) for some in made),
        max(final, key=_badness),
        _compared(loaders, expected),
        *_asked(graphs, samples, list(references.values())),
        asker.tensorflow,
    )


def _expected(
    own: Sequence[Answer], first: Sequence[Answer], made: Sequence[Answer]
) -> list[Answer]:
    """What a candidate has to answer through a loader: as the original does through it.

    Where only the candidate answers through it, the original's answers through the
    first loader have to be the same.
    """
    return [
        replace(
            one,
            outputs={
                name: outputs
                for name, outputs in {**other.outputs, **one.outputs}.items()
                if name in one.outputs or name in answer.outputs
            },
        )
        for one, other, answer in zip(own, first, made, strict=True)
    ]


def _compared(
    loaders: tuple[Loader, ...], expected: Sequence[Sequence[Answer]]
) -> tuple[Loader, ...]:
    pairs = zip(loaders, expected, strict=True)
    return tuple(one for one, some in pairs if any(each.outputs for each in some)) or loaders


def _asked(
    graphs: Sequence[Tags], samples: Mapping[Tags, Variants], references: list[list[Answer]]
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """The signatures that the original answers through some loader, and the others, with why."""
    asked: list[str] = []
    not_asked: list[tuple[str, str]] = []
    for place, tags in enumerate(graphs):
        answers = [some[place] for some in references]
        for name in samples[tags]:
            label = f"{','.join(tags)}: {name}"
            if any(name in one.outputs for one in answers):
                asked.append(label)
            else:
                why = (one.failed.get(name, "") for one in answers)
                not_asked.append((label, next(filter(None, why), "it has no outputs")))
    return tuple(asked), tuple(not_asked)


def _ask(
    asker: Asker, graphs: Sequence[Tags], asked: Sequence[tuple[Path, Loader]]
) -> list[list[Answer]]:
    """For each model and loader, the answers of its MetaGraphs; all in one process."""
    questions = [Question(folder, tags, loader) for folder, loader in asked for tags in graphs]
    flat = asker.ask(questions)
    return [flat[place : place + len(graphs)] for place in range(0, len(flat), len(graphs))]


def _error(answers: Sequence[Answer]) -> str:
    return next((one.error for one in answers if one.error), "")


def _worst(
    reference: Sequence[Answer], answers: Sequence[Answer], tolerance: Tolerance
) -> Deviation:
    apart = [
        compare(one, other, atol=tolerance.atol, rtol=tolerance.rtol)
        for one, other in zip(reference, answers, strict=True)
    ]
    return max(apart, key=_badness)


def _badness(deviation: Deviation) -> tuple[bool, float, float]:
    return bool(deviation.problem), deviation.excess, deviation.largest
