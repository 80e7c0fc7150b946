"""Proves an export before it is published: every signature is run and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cpr.errors import CprError, LoadError, PredictionFailed, UsageError, shorten
from cpr.savedmodel.exporting.samples import sample_arrays
from cpr.savedmodel.exporting.writing import Graph
from cpr.savedmodel.fresh import Answer, Run
from cpr.savedmodel.reader import read_saved_model
from cpr.savedmodel.samples.inputs import sample_inputs
from cpr.savedmodel.servable import ServableFunction
from cpr.savedmodel.tensorflow_library import first_line
from cpr.wire.tensors import Array

Runner = Callable[[Path, Sequence[Run]], list[Answer]]


@dataclass(frozen=True)
class Proof:
    """What was seen of one signature.

    Attributes:
        tags: The tags of its MetaGraph.
        signature: Its name.
        instances: How many instances it answered, in all calls.
        deviation: The largest absolute difference from what the source
            answers; None where the source could not be asked.
        remark: Why it was not compared, if it was not.
    """

    tags: tuple[str, ...]
    signature: str
    instances: int
    deviation: float | None
    remark: str = ""


@dataclass(frozen=True)
class Tolerance:
    """How far an answer may be from the source's: ``atol + rtol * |source|``."""

    atol: float = 1e-6
    rtol: float = 1e-5


@dataclass(frozen=True)
class _Expected:
    """One call, and what the source answers to the same."""

    run: Run
    outputs: Mapping[str, Array] | None
    error: str = ""
    instances: int = 0


@dataclass
class _Seen:
    instances: int = 0
    deviations: list[float] = field(default_factory=list)
    remark: str = ""


def prove(
    runner: Runner,
    tolerance: Tolerance,
    folder: Path,
    graphs: Sequence[Graph],
    *,
    must_run: Sequence[Run] = (),
) -> list[Proof]:
    """Run every signature on samples, all of them and the first alone, and compare.

    Args:
        runner: `cpr.savedmodel.fresh.run_fresh`, or its like.
        tolerance: How far the answers may be apart.
        folder: The SavedModel that was written.
        graphs: What it was written from.
        must_run: Further calls, which have nothing to be compared with.

    Raises:
        LoadError: It cannot be loaded.
        PredictionFailed: A signature fails where the source does not, or
            answers something else.
    """
    expected = [
        one
        for (tags, signatures), made in zip(graphs, _made_up(folder), strict=True)
        for name, function in signatures.items()
        for one in _expectations(tags, name, function, made[name])
    ]
    answers = runner(folder, [*(one.run for one in expected), *must_run])
    for run, answer in zip(must_run, answers[len(expected) :], strict=True):
        if answer.error:
            raise PredictionFailed(
                f"the export was not published: a warm-up request of signature "
                f"{run.signature!r} fails: {answer.error}"
            )
    seen: dict[tuple[tuple[str, ...], str], _Seen] = {}
    for one, answer in zip(expected, answers, strict=False):
        state = seen.setdefault((one.run.tags, one.run.signature), _Seen())
        _judge(one, answer, tolerance, state)
    return [
        Proof(tags, name, s.instances, max(s.deviations, default=None), s.remark)
        for (tags, name), s in seen.items()
    ]


def _made_up(folder: Path) -> list[dict[str, list[dict[str, Array]]]]:
    """Samples for the signatures of each MetaGraph: words of its vocabularies, and the like."""
    return [sample_inputs(graph, folder) for graph in read_saved_model(folder).meta_graphs]


def _expectations(
    tags: tuple[str, ...],
    name: str,
    function: ServableFunction,
    made: Sequence[Mapping[str, Array]],
) -> list[_Expected]:
    candidates = [function.examples] if function.examples else [*made, sample_arrays(function)]
    tried: list[_Expected] = []
    for arrays in candidates:
        tried.append(_expect(Run(name, arrays, tags), function))
        if tried[-1].outputs is not None or function.reference is None:
            break
    chosen = tried[-1] if tried[-1].outputs is not None else tried[0]
    if chosen.instances < 2 or not all(
        spec.shape.rank != 0 and spec.shape[0] is None for spec in function.inputs.values()
    ):
        return [chosen]
    first = {key: array[:1] for key, array in chosen.run.feeds.items()}
    return [chosen, _expect(Run(name, first, tags), function)]


def _expect(run: Run, function: ServableFunction) -> _Expected:
    count = _count(run.feeds)
    if function.reference is None:
        return _Expected(run, None, "the source cannot be called by itself", count)
    try:
        return _Expected(run, function.reference(run.feeds), instances=count)
    except CprError:
        raise
    except Exception as error:  # made-up inputs: the source may refuse them in any way
        remark = f"the source refuses the samples: {first_line(error, Path('/'))}"
        if function.has_own_examples:
            raise UsageError(
                f"signature {run.signature!r}: {remark}", hint="Give instances that it takes."
            ) from error
        return _Expected(run, None, remark, count)


def _judge(one: _Expected, answer: Answer, tolerance: Tolerance, seen: _Seen) -> None:
    what = f"signature {one.run.signature!r}"
    if one.outputs is None:
        seen.remark = one.error
        seen.instances += one.instances if not answer.error else 0
        return
    if answer.error:
        raise PredictionFailed(
            f"the export was not published: {what} fails where the source does not: {answer.error}"
        )
    if set(answer.outputs) != set(one.outputs):
        raise LoadError(
            f"the export was not published: {what} has the outputs {sorted(answer.outputs)}; "
            f"the source has {sorted(one.outputs)}."
        )
    for name, wanted in one.outputs.items():
        seen.deviations.append(
            _deviation(f"{what}, output {name!r}", answer.outputs[name], wanted, tolerance)
        )
    seen.instances += one.instances


def _deviation(what: str, got: Array, wanted: Array, tolerance: Tolerance) -> float:
    if got.shape != wanted.shape:
        raise PredictionFailed(
            f"the export was not published: {what} has the shape {list(got.shape)}; "
            f"the source answers {list(wanted.shape)}."
        )
    if wanted.dtype.kind in "OSU" or wanted.dtype.kind == "b":
        if got.tolist() != wanted.tolist():
            raise PredictionFailed(
                f"the export was not published: {what} is {shorten(got.tolist())}; "
                f"the source answers {shorten(wanted.tolist())}."
            )
        return 0.0
    left, right = got.astype(np.float64), wanted.astype(np.float64)
    is_same = (left == right) | (np.isnan(left) & np.isnan(right))
    with np.errstate(invalid="ignore"):
        largest = float(np.where(is_same, 0.0, np.abs(left - right)).max(initial=0.0))
    if not np.allclose(left, right, atol=tolerance.atol, rtol=tolerance.rtol, equal_nan=True):
        raise PredictionFailed(
            f"the export was not published: {what} is up to {largest:.3g} away from the source.",
            hint="Is the source random, or does it keep state? Where the difference is "
            "acceptable, raise atol or rtol.",
        )
    return largest


def _count(arrays: Mapping[str, Array]) -> int:
    first = next(iter(arrays.values()), None)
    return 1 if first is None or first.ndim == 0 else len(first)
