"""What shrinking a model did, as data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from cpr.savedmodel.shrinking.asking import Deviation, Tolerance

Outcome = Literal["smaller", "kept", "declined"]


@dataclass(frozen=True)
class Step:
    """One step: what it made of the bytes, and of the answers.

    Attributes:
        name: ``clean``, ``fold`` or ``freeze``, ``vocabulary``, ``integers`` or ``weights``.
        before: The bytes of the whole model before it.
        after: The bytes after it; as before where it was not taken.
        is_taken: Whether the result has it: only if it made the model smaller.
        deviation: How far the answers are from the original's after this step,
            with all steps before it; None where it was not taken.
        details: What it did, and what it left and why, in words.
    """

    name: str
    before: int
    after: int
    is_taken: bool
    details: tuple[str, ...] = ()
    deviation: Deviation | None = None

    @property
    def saved(self) -> int:
        """The bytes that it saved."""
        return self.before - self.after

    def with_deviation(self, deviation: Deviation) -> Step:
        """The same, with the answers compared."""
        return replace(self, deviation=deviation)

    def to_json(self) -> dict[str, Any]:
        """The step in JSON's own types."""
        apart = self.deviation
        return {
            "name": self.name,
            "bytes_before": self.before,
            "bytes_after": self.after,
            "bytes_saved": self.saved,
            "taken": self.is_taken,
            "largest_deviation": None if apart is None or apart.problem else apart.largest,
            "where": apart.where if apart else "",
            "problem": apart.problem if apart else "",
            "details": list(self.details),
        }


@dataclass(frozen=True)
class Shrunk:
    """What became of a model.

    Attributes:
        outcome: ``smaller``: `output` is the shrunk model. ``kept``: nothing
            made it smaller, and `output` is a copy of the original.
            ``declined``: the result was not accepted, and nothing was written.
        reason: Why, unless it is smaller.
        tolerance: How far answers may be apart.
        loaders: Which loaders the result was asked through.
        asked: The signatures whose answers were compared, by tags.
        not_asked: Those that no sample could be found for, and why.
    """

    source: Path
    output: Path
    outcome: Outcome
    reason: str
    before: int
    after: int
    steps: tuple[Step, ...]
    deviation: Deviation
    tolerance: Tolerance
    loaders: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    not_asked: tuple[tuple[str, str], ...] = ()
    tensorflow: str = ""
    hint: str = ""

    @property
    def is_written(self) -> bool:
        """Whether there is an output."""
        return self.outcome != "declined"

    def to_json(self) -> dict[str, Any]:
        """The whole in JSON's own types."""
        return {
            "source": str(self.source),
            "output": str(self.output) if self.is_written else None,
            "outcome": self.outcome,
            "reason": self.reason or None,
            "hint": self.hint or None,
            "bytes_before": self.before,
            "bytes_after": self.after,
            "steps": [step.to_json() for step in self.steps],
            "largest_deviation": None if self.deviation.problem else self.deviation.largest,
            "atol": self.tolerance.atol,
            "rtol": self.tolerance.rtol,
            "loaders": list(self.loaders),
            "signatures_compared": list(self.asked),
            "signatures_not_compared": dict(self.not_asked),
            "tensorflow": self.tensorflow or None,
        }
