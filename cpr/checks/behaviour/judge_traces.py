"""Judges what a routine leaves behind: state, output, files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from cpr.checks.behaviour import rules
from cpr.checks.behaviour.context import Context, numbered, predict_of
from cpr.checks.behaviour.observations import Observations, Place, Touched
from cpr.errors import shorten
from cpr.findings import Finding

_PRINTED_BYTES = 2000
_GROWN_BYTES = 32_000_000
_LISTED = 4


def judge_state(seen: Observations, context: Context) -> Iterator[Finding]:
    """Whether something of a request stays on the predictor."""
    if seen.loaded is None or seen.loaded.is_ready_made:
        return
    growing = _growing(seen)
    names = [name for name in seen.kept.names if name not in growing]
    if names:
        yield context.finding(
            rules.KEEPS_STATE,
            f"{_listed(names)} {'are' if len(names) > 1 else 'is'} set by each request",
            _place(seen, names[0]),
            names=names,
        )
    for name in growing:
        sizes = seen.kept.grown[name]
        yield context.finding(
            rules.GROWS,
            f"{name} grew from {sizes[0]} to {sizes[-1]} items while the sample requests were "
            f"asked {seen.kept.rounds} times",
            _place(seen, name),
        )


def judge_growth(seen: Observations, context: Context) -> Iterator[Finding]:
    """Whether memory grew all the while, though no container did."""
    rss = seen.kept.rss_bytes
    if len(rss) < 3 or _growing(seen):
        return
    halves = [later - earlier for earlier, later in pairwise(rss)]
    if min(halves) > _GROWN_BYTES // 4 and sum(halves) > _GROWN_BYTES:
        yield context.finding(
            rules.GROWS,
            f"the process grew by {sum(halves) / 1e6:.0f} MB while the sample requests were asked "
            f"{seen.kept.rounds} times",
            predict_of(seen),
        )


def judge_prints(seen: Observations, context: Context) -> Iterator[Finding]:
    """Whether it floods standard output."""
    loud = {
        number: answer.stdout_bytes
        for number, answer in enumerate(seen.answers)
        if answer is not None and answer.stdout_bytes > _PRINTED_BYTES
    }
    if loud:
        place = next((place for place in seen.printed_at if place.file), predict_of(seen))
        yield context.finding(
            rules.PRINTS_MUCH,
            f"{numbered(loud)} printed up to {max(loud.values()):,} bytes",
            place,
        )


def judge_files(seen: Observations, context: Context) -> Iterator[Finding]:
    """Whether it writes where it should not."""
    written = seen.written_in_model_dir
    if written:
        refused = seen.fails_read_only
        identity = rules.NEEDS_WRITABLE if refused else rules.WRITES_IN_MODEL_DIR
        said = f": {refused.problem.rstrip('.')}" if refused else ""
        place = _first_place(written)
        yield context.finding(
            identity,
            f"it wrote {_listed([file.name for file in written])}{said}",
            place if place.file or refused is None else refused.place,
        )
    left = seen.left_in_directory
    if left:
        names = _listed([file.name for file in left])
        yield context.finding(rules.LEAVES_FILES, f"it left {names}", _first_place(left))


def judge_late_reads(seen: Observations, context: Context) -> Iterator[Finding]:
    """Whether predict needs the model directory."""
    failed = [
        (number, answer.fault)
        for number, answer in enumerate(seen.elsewhere)
        if answer is not None and answer.fault is not None
    ]
    if failed and (seen.read_late or not seen.written_in_model_dir):
        read = f" It reads {_listed([f.name for f in seen.read_late])}." if seen.read_late else ""
        place = _first_place(seen.read_late)
        fault = failed[0][1]
        yield context.finding(
            rules.READS_LATE,
            f"{numbered(number for number, _ in failed)}, asked when the model directory was "
            f"gone: {fault.problem.rstrip('.')}.{read}".rstrip("."),
            place if place.file else fault.place,
        )


def _growing(seen: Observations) -> list[str]:
    """The containers that grew with every round."""
    least = max(seen.kept.rounds // 2, 1)
    return [
        name
        for name, sizes in seen.kept.grown.items()
        if all(b - a >= least for a, b in pairwise(sizes))
    ]


def _first_place(files: Sequence[Touched]) -> Place:
    return next((file.place for file in files if file.place.file), Place())


def _place(seen: Observations, name: str) -> Place:
    places = seen.loaded.places if seen.loaded else {}
    return places.get(f"self.{name.rpartition('.')[2]}", predict_of(seen))


def _listed(names: Sequence[str]) -> str:
    named = [shorten(name, 60).strip("'") for name in names[:_LISTED]]
    return ", ".join(named) + (f" and {len(names) - _LISTED} more" if names[_LISTED:] else "")
