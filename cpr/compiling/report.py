"""What `cpr compile` did: each candidate, why it won or lost, and the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import prod
from pathlib import Path
from typing import Any

ORIGINAL = "original"


@dataclass(frozen=True)
class Figure:
    """The microseconds of one call, through the whole predictor.

    Attributes:
        variant: The signature or method.
        batch_size: How many instances a call has.
        original_us: What the original takes.
        us: What the candidate takes.
    """

    variant: str
    batch_size: int
    original_us: float
    us: float

    @property
    def speedup(self) -> float:
        """How many times faster than the original."""
        return self.original_us / self.us


@dataclass
class Part:
    """What became of one signature, or method, with a candidate.

    Attributes:
        name: The signature or method.
        why_not: Why the candidate does not answer it; "" if it does.
        deviation: The largest absolute difference from the original's answers.
        compared: How many values were compared,
        labels: and how many places of a highest score.
        figures: Its times, if it answers alike.
    """

    name: str
    why_not: str = ""
    deviation: float | None = None
    compared: int = 0
    labels: int = 0
    figures: list[Figure] = field(default_factory=list)

    @property
    def slowest(self) -> Figure | None:
        """Where it is slowest beside the original, if it is slower anywhere."""
        slower = [figure for figure in self.figures if figure.speedup < 1]
        return min(slower, key=lambda figure: figure.speedup) if slower else None


@dataclass
class Candidate:
    """One way to run the model, or those of its signatures that it can.

    Attributes:
        runtime: What runs it.
        option: How it was built, where there is more than one way.
        why_not: Why it was not chosen; "" of the winner.
        size_bytes: Of its files.
        is_whole: Whether it must answer all parts: methods, not signatures.
        parts: What became of each signature or method.
    """

    runtime: str
    option: str = ""
    why_not: str = ""
    size_bytes: int = 0
    is_whole: bool = False
    parts: list[Part] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The runtime, and the option if there is one."""
        return f"{self.runtime} ({self.option})" if self.option else self.runtime

    @property
    def answered(self) -> list[Part]:
        """The parts that it answers."""
        return [part for part in self.parts if not part.why_not]

    @property
    def left(self) -> list[Part]:
        """The parts that it leaves to the original."""
        return [part for part in self.parts if part.why_not]

    @property
    def deviation(self) -> float | None:
        """The largest of what it answers."""
        found = [part.deviation for part in self._told if part.deviation is not None]
        return max(found, default=None)

    @property
    def compared(self) -> int:
        """How many values of what it answers were compared."""
        return sum(part.compared for part in self._told)

    @property
    def labels(self) -> int:
        """How many places of a highest score were."""
        return sum(part.labels for part in self._told)

    @property
    def figures(self) -> list[Figure]:
        """The times of what it answers."""
        return [figure for part in self._told for figure in part.figures]

    @property
    def _told(self) -> list[Part]:
        """What figures are told of: of a candidate that answers nothing, those it failed by."""
        return self.answered or self.parts

    @property
    def speedup(self) -> float:
        """The geometric mean of its speedups."""
        return _mean(self.figures, len(self.figures))

    @property
    def gain(self) -> float:
        """The same of the whole model: what it leaves to the original is as fast as that."""
        sizes = max((len(part.figures) for part in self.parts), default=0)
        return _mean(self.figures, sizes * len(self.parts))

    def to_json(self) -> dict[str, Any]:
        """The candidate as `--json` and the record hold it."""
        return {
            "runtime": self.runtime,
            "option": self.option,
            "why_not": self.why_not,
            "size_bytes": self.size_bytes,
            "deviation": self.deviation,
            "compared": self.compared,
            "labels": self.labels,
            "figures": [
                {**asdict(figure), "speedup": round(figure.speedup, 2)} for figure in self.figures
            ],
            "left_to_original": {part.name: part.why_not for part in self.left},
        }


@dataclass(frozen=True)
class CompileReport:
    """The outcome of `compile_model`.

    Attributes:
        model: The model file, or the directory of a SavedModel.
        kind: Its framework.
        candidates: In the order in which they were built.
        chosen: The winner; None where the original stays.
        folder: Where the winner was written.
    """

    model: Path
    kind: str
    candidates: Sequence[Candidate]
    chosen: Candidate | None
    folder: Path | None

    @property
    def is_compiled(self) -> bool:
        """Whether something was written."""
        return self.chosen is not None

    @property
    def reason(self) -> str:
        """Why nothing was written, in one line; "" if something was."""
        if self.chosen is not None:
            return ""
        return "; ".join(f"{item.name}: {item.why_not}" for item in self.candidates)

    def to_json(self) -> dict[str, Any]:
        """The summary that `--json` prints."""
        return {
            "model": str(self.model),
            "kind": self.kind,
            "compiled": self.is_compiled,
            "runtime": self.chosen.runtime if self.chosen else None,
            "folder": str(self.folder) if self.folder else None,
            "candidates": [item.to_json() for item in self.candidates],
        }


def choose(candidates: Sequence[Candidate], *, default: str = "") -> Candidate | None:
    """The best candidate; tells the others why not.

    What a candidate answers more slowly than the original it leaves to that.
    One that answers the default signature wins over one that does not, since
    only it spares the original's library; of the others the greatest gain.

    Args:
        candidates: Their parts with their figures.
        default: The signature that a request means which names none.
    """
    for item in candidates:
        _leave_slower(item)
    good = [item for item in candidates if not item.why_not]
    if not good:
        return None
    best = max(good, key=lambda item: (default in _names(item), item.gain))
    for item in good:
        if item is not best:
            item.why_not = (
                f"{item.gain:.1f} times as fast as the original, where {best.name} is "
                f"{best.gain:.1f} times"
            )
            if default in _names(best) and default not in _names(item):
                item.why_not = f"it leaves {default} to the original, where {best.name} does not"
    return best


def _leave_slower(item: Candidate) -> None:
    for part in item.answered:
        worst = part.slowest
        if worst is not None:
            part.why_not = (
                f"slower than the original at batch size {worst.batch_size}: {worst.us:.1f} µs, "
                f"not {worst.original_us:.1f} µs"
            )
    if not item.why_not and (item.is_whole or not item.answered) and item.left:
        item.why_not = why_none(item.left)


def why_none(left: Sequence[Part]) -> str:
    """Why no part is answered, in one line: parts with one reason together."""
    names: dict[str, list[str]] = {}
    for part in left:
        names.setdefault(part.why_not, []).append(part.name)
    return "; ".join(f"{', '.join(those)}: {why}" for why, those in names.items())


def _names(item: Candidate) -> list[str]:
    return [part.name for part in item.answered]


def _mean(figures: Sequence[Figure], count: int) -> float:
    return float(prod(figure.speedup for figure in figures) ** (1 / max(1, count)))
