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
class Candidate:
    """One way to run the model.

    Attributes:
        runtime: What runs it.
        option: How it was built, where there is more than one way.
        why_not: Why it was not chosen; "" of the winner.
        size_bytes: Of its files.
        deviation: The largest absolute difference from the original's answers.
        compared: How many values were compared.
        figures: Its times, if it answers alike.
    """

    runtime: str
    option: str = ""
    why_not: str = ""
    size_bytes: int = 0
    deviation: float | None = None
    compared: int = 0
    labels: int = 0
    figures: list[Figure] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The runtime, and the option if there is one."""
        return f"{self.runtime} ({self.option})" if self.option else self.runtime

    @property
    def speedup(self) -> float:
        """The geometric mean of its speedups."""
        return prod(figure.speedup for figure in self.figures) ** (1 / max(1, len(self.figures)))

    def to_json(self) -> dict[str, Any]:
        """The candidate as `--json` and the record hold it."""
        told = asdict(self)
        told["figures"] = [
            {**asdict(figure), "speedup": round(figure.speedup, 2)} for figure in self.figures
        ]
        return told


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


def choose(candidates: Sequence[Candidate]) -> Candidate | None:
    """The fastest candidate that is nowhere slower than the original; tells the others why not."""
    for item in candidates:
        slower = [figure for figure in item.figures if figure.speedup < 1]
        if not item.why_not and slower:
            worst = min(slower, key=lambda figure: figure.speedup)
            item.why_not = (
                f"slower than the original at batch size {worst.batch_size}: {worst.us:.1f} µs, "
                f"not {worst.original_us:.1f} µs ({worst.variant})"
            )
    good = [item for item in candidates if not item.why_not]
    if not good:
        return None
    best = max(good, key=lambda item: item.speedup)
    for item in good:
        if item is not best:
            item.why_not = (
                f"{item.speedup:.1f} times as fast as the original, where {best.name} is "
                f"{best.speedup:.1f} times"
            )
    return best
