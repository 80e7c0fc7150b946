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
    """

    sources: Sources
    settings: Settings
    prediction_class: str = ""
    model_dir: Path | None = None
    requests: tuple[bytes, ...] = ()
    profile: str = ""
    trust: str = "listed"
    open_with: Mapping[str, Any] = field(default_factory=dict)
