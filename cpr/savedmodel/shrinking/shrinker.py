"""Makes a SavedModel smaller, step by step, and accepts only what answers the same."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from cpr.errors import UsageError, shorten
from cpr.publishing import publish_new, unfinished_folder
from cpr.savedmodel.loadable import refuse_unloadable
from cpr.savedmodel.meta_graph import signatures, tags
from cpr.savedmodel.protos import Message
from cpr.savedmodel.reader import read_saved_model
from cpr.savedmodel.shrinking.accepting import Verdict, judge
from cpr.savedmodel.shrinking.asking import Deviation, Tolerance
from cpr.savedmodel.shrinking.packing import Precision
from cpr.savedmodel.shrinking.result import Shrunk
from cpr.savedmodel.shrinking.samples import Instances, samples_of
from cpr.savedmodel.shrinking.steps import (
    Taken,
    Work,
    cleaned,
    folded,
    frozen,
    integers,
    size_of,
    take_steps,
    vocabularies,
    weights,
)

TOLERANCES: dict[str, tuple[float, float]] = {
    "float32": (1e-6, 1e-5),
    "float16": (1e-3, 1e-2),
    "bfloat16": (1e-2, 5e-2),
    "int8": (5e-2, 1e-1),
}
"""How far a number may be from the original's, by what the weights are stored as:
absolutely, and relatively to it; the two are added."""

_FROZEN = (1e-5, 1e-4)

Progress = Callable[[int, int], None]
_COMPARISONS = 2  # processes that are asked: all candidates, and the last one again


def shrink(
    source: str | Path,
    output: str | Path,
    *,
    weights: Precision = "float16",
    freeze: bool = False,
    instances: Instances | None = None,
    allow_unchecked: bool = False,
    atol: float | None = None,
    rtol: float | None = None,
    keep_words: Mapping[str, Collection[str]] | None = None,
    progress: Progress = lambda done, total: None,
) -> Shrunk:
    """Write a smaller copy of a SavedModel with the same signatures and answers.

    The steps are tried in turn and each is kept if the model gets smaller.
    The result is put in place if it has the same signatures, loads in a fresh
    process, through both of TensorFlow's loaders if the original does, and
    answers sample instances within ``atol + rtol * |original|`` for every
    signature. If nothing makes it smaller, `output` becomes a copy.

    Args:
        source: The directory of a SavedModel, which is not written to.
        output: A directory that does not exist yet, or is empty.
        weights: What float weights are stored as; loading unpacks them.
        freeze: Make constants of variables and fold the graph: what comes out
            is a graph of TensorFlow 1, which has signatures and nothing else.
        instances: Sample instances as a request has them, or such by signature;
            signatures that do not take them are asked made-up values.
        allow_unchecked: Accept the result though the original answers no
            sample for some of its signatures.
        atol, rtol: By default as `TOLERANCES` has them.
        keep_words: The words to keep of a vocabulary, by its name: a file in
            ``assets/``, or ``table-1`` and so on for words in the graph
            itself; "" for the only one. What goes is from then on unknown to
            the model; words that were made up for samples are of those kept.
        progress: Called with how much is done, and of how much.

    Raises:
        LoadError: `source` is no SavedModel, is damaged, or does not load.
        UsageError: `output` is not free, or an option is wrong.
        EnvironmentProblem: TensorFlow is missing, or `output` cannot be written.
    """
    folder, target = Path(source), Path(output)
    tolerance = _tolerance(weights, atol, rtol, freeze=freeze)
    original = read_saved_model(folder)
    refuse_unloadable(original, folder)
    _check_free(folder, target)
    with unfinished_folder(target) as work:
        steps = _steps(weights, keep_words or {}, freeze=freeze)
        advance = _counting(progress, len(steps) + _COMPARISONS)
        taken = [_noted(one, advance) for one in take_steps(folder, work, steps)]
        result = _result(folder, target, taken, tolerance)
        if result.outcome == "smaller":
            result = _judged(
                result, original, taken, instances or {}, tolerance, advance,
                allow_unchecked=allow_unchecked,
            )  # fmt: skip
        _put_in_place(result, taken, work)
        return result


def _counting(progress: Progress, total: int) -> Callable[[], None]:
    """What to call after each part of the work."""
    done = itertools.count(1)
    return lambda: progress(min(next(done), total), total)


def _noted(taken: Taken, advance: Callable[[], None]) -> Taken:
    advance()
    return taken


def _steps(
    precision: Precision, keep_words: Mapping[str, Collection[str]], *, freeze: bool
) -> list[tuple[str, Work]]:
    made: list[tuple[str, Work]] = [
        ("clean", cleaned),
        ("freeze", frozen) if freeze else ("fold", folded),
        ("integers", integers),
    ]
    if keep_words:
        encoded = {name: {word.encode() for word in some} for name, some in keep_words.items()}
        made.insert(2, ("vocabulary", vocabularies(encoded)))
    if precision != "float32":
        made.append(("weights", weights(precision)))
    return made


def _tolerance(weights: str, atol: float | None, rtol: float | None, *, freeze: bool) -> Tolerance:
    if weights not in TOLERANCES:
        raise UsageError(
            f"Weights cannot be stored as {shorten(weights)}; expected one of "
            f"{', '.join(TOLERANCES)}."
        )
    # Frozen weights have taken scales into them: other sums of the same numbers.
    usual = _FROZEN if freeze and weights == "float32" else TOLERANCES[weights]
    return Tolerance(usual[0] if atol is None else atol, usual[1] if rtol is None else rtol)


def _check_free(source: Path, output: Path) -> None:
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(
            f"{output} is there already.", hint="Name a directory that does not exist yet."
        )
    if source.resolve() in (output.resolve(), *output.resolve().parents):
        raise UsageError(
            f"{output} is in {source}, which is not written to.", hint="Name a directory outside."
        )


def _result(source: Path, output: Path, taken: list[Taken], tolerance: Tolerance) -> Shrunk:
    """What is known before the answers are compared."""
    before = size_of(source)
    after = taken[-1].step.after
    is_smaller = after < before
    return Shrunk(
        source,
        output,
        "smaller" if is_smaller else "kept",
        "" if is_smaller else "no step makes it smaller",
        before,
        after,
        tuple(one.step for one in taken),
        Deviation(),
        tolerance,
    )


def _judged(
    result: Shrunk,
    original: Message,
    taken: list[Taken],
    instances: Instances,
    tolerance: Tolerance,
    advance: Callable[[], None],
    *,
    allow_unchecked: bool,
) -> Shrunk:
    """The result, with the answers compared; declined if they may not stand."""
    candidates = [one.folder for one in taken if one.folder]
    made = {tags(one): one for one in read_saved_model(candidates[-1]).meta_graphs}
    graphs = {tags(one): one for one in original.meta_graphs if tags(one) in made}
    for some, graph in graphs.items():
        if signatures(graph) != signatures(made[some]):
            return _declined(result, f"the signatures of {','.join(some)} are not the same")
    samples = samples_of([made[some] for some in graphs], candidates[-1], instances)
    verdict = judge(result.source, candidates, samples, tolerance, advance)
    apart = dict(zip(candidates, verdict.deviations, strict=True))
    steps = tuple(
        one.step.with_deviation(apart[one.folder]) if one.folder else one.step for one in taken
    )
    result = replace(
        result,
        steps=steps,
        deviation=verdict.final,
        loaders=verdict.loaders,
        asked=verdict.asked,
        not_asked=verdict.not_asked,
        tensorflow=verdict.tensorflow,
    )
    result = _accepted(result, verdict, tolerance)
    if result.is_written and verdict.not_asked and not allow_unchecked:
        return _unchecked(result, verdict)
    return result


def _unchecked(result: Shrunk, verdict: Verdict) -> Shrunk:
    """Declined, as there are signatures whose answers nobody has compared."""
    named = [label.partition(": ")[2] for label, _ in verdict.not_asked]
    return _declined(
        result,
        f"the original answers no sample that was made up for {', '.join(named)}: "
        f"{verdict.not_asked[0][1]}",
        f"Give instances that it takes, --instances {named[0]}=FILE, or do without comparing it: "
        "--allow-unchecked.",
    )


def _accepted(result: Shrunk, verdict: Verdict, tolerance: Tolerance) -> Shrunk:
    if not verdict.asked:
        reason = verdict.not_asked[0][1] if verdict.not_asked else "it has none"
        return _declined(
            result,
            f"no signature of the original takes the sample inputs: {reason}",
            "Give instances that it takes: --instances FILE.",
        )
    worst = verdict.final
    if worst.problem:
        return _declined(result, worst.problem, _GENTLER if worst.where else _OTHER)
    if not worst.is_within:
        return _declined(
            result,
            f"{worst.where} is {worst.largest:.3g} from the original's answer, "
            f"beyond {tolerance.atol:g} + {tolerance.rtol:g} of it",
            _GENTLER,
        )
    return result


_GENTLER = (
    "Store the weights in more bits (--weights float16, or float32 for none of it), or allow "
    "more with --atol and --rtol."
)


_OTHER = "Try fewer steps: --weights float32; `cpr clean` makes a copy without any of them."


def _declined(result: Shrunk, reason: str, hint: str = "") -> Shrunk:
    return replace(result, outcome="declined", reason=reason, hint=hint)


def _put_in_place(result: Shrunk, taken: list[Taken], work: Path) -> None:
    """Move what was accepted to where it belongs, whole or not at all."""
    if not result.is_written:
        return
    made = next((one.folder for one in reversed(taken) if one.folder), None)
    if made is None:
        made = work / "copy"
        shutil.copytree(result.source, made, copy_function=shutil.copyfile)
    try:
        publish_new(made, result.output)
    except FileExistsError as error:
        raise UsageError(
            f"{result.output} is there already: something else was written there meanwhile.",
            hint="Name another directory.",
        ) from error
