"""What models that are one file have in common: their size and its limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cpr.inspecting.files import limits_for, size_problems
from cpr.inspecting.inspection import Inspection, ModelFile, Problem, worst_first


def single_file(
    path: Path, kind: str, form: str, *, problems: tuple[Problem, ...] = (), **more: Any
) -> Inspection:
    """The inspection of a model that is one file; `more` are fields of `Inspection`."""
    size = path.stat().st_size
    return Inspection(
        path=str(path),
        kind=kind,
        format=form,
        size=size,
        files=(ModelFile(path.name, size, "model"),),
        limits=limits_for(size),
        problems=worst_first([*problems, *size_problems(size)]),
        **more,
    )
