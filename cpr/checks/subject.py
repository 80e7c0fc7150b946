"""What is checked: the opened sources, the class's name, the model and sample requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cpr.config import Settings
from cpr.sources import Sources


@dataclass(frozen=True)
class Subject:
    """One routine, as the checks see it.

    `open_with` are the arguments of `cpr.serving.open_routine` that open the
    same routine, for checks that run it in a process of its own.
    `prediction_class` is empty for a model directory alone; `model_dir` is
    None where none is known; `requests` are whole request bodies.

    `told` is where a group of checks leaves what it learned besides findings:
    the report takes `batchable` (a bool) and `measurements` (a dict, merged
    into what other groups measured) from it. Checks share costly work there
    too, under keys that begin with an underscore.
    """

    sources: Sources
    settings: Settings
    prediction_class: str = ""
    model_dir: Path | None = None
    requests: tuple[bytes, ...] = ()
    profile: str = ""
    trust: str = "listed"
    open_with: Mapping[str, Any] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def label(self) -> str:
        """What a report calls it: the class, else the target, else the model directory."""
        named = self.prediction_class or self.open_with.get("target") or self.model_dir
        return str(named or "")

    def relative(self, path: Path | str) -> str:
        """A file's path below the first import root, or the model directory; else as it is."""
        path = Path(path)
        for root in self.sources.roots:
            if path.is_relative_to(root):
                return path.relative_to(root).as_posix()
        if self.model_dir is not None and path.is_relative_to(self.model_dir):
            return path.relative_to(self.model_dir).as_posix()
        return str(path)
