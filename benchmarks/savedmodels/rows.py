"""What was seen of one graph of a model, kept as JSON from one run to the next."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SAME, DIFFERS, DECLINED, FAILED = "same", "DIFFERS", "declined", "FAILED"


@dataclass
class Row:
    """What was seen of one graph of a model.

    Attributes:
        cells: In a word what became of each tool.
        reasons: Why a tool declined, or kept the original.
        ways: Of each tool, what came of asking its result in each way: a
            loader or a server.
        notes: What could not be asked, and why.
        disagreements: What is not as it should be; none is what is wanted.
        compared: How many answers were compared.
    """

    model: str
    tags: tuple[str, ...]
    cells: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    ways: dict[str, dict[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)
    compared: int = 0

    @property
    def label(self) -> str:
        """The model and the tags of the graph, where it has some."""
        return f"{self.model} [{','.join(self.tags)}]" if self.tags else self.model

    def judge(self, tool: str, way: str, found: Sequence[str], compared: int) -> None:
        """Count what was compared, and what of it is not the same."""
        self.compared += compared
        self.ways.setdefault(tool, {})[way] = DIFFERS if found else SAME
        if found:
            self.cells[tool] = DIFFERS
            self.disagreements += [f"{tool}: {way}: {text}" for text in found]

    def decline(self, tool: str, reason: str) -> None:
        """Keep why a tool made nothing of the model."""
        self.cells[tool], self.reasons[tool] = DECLINED, reason

    def fail(self, tool: str, failure: str) -> None:
        """Keep that a tool neither did its work nor declined."""
        self.cells[tool] = FAILED
        self.disagreements.append(f"{tool}: {failure}")

    def save(self, path: Path) -> None:
        """Write what was seen into a file."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def load_row(path: Path) -> Row:
    """The row that was saved in a file."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return Row(**{**document, "tags": tuple(document["tags"])})
