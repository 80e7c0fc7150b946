"""What shrinking saves of a model, and what it costs in precision."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cpr.artifacts.detect import Kind, detect
from cpr.savedmodel import Shrunk, shrink

# float32 takes what serving does not need and what is stored twice, and nothing else.
WEIGHTS = ("float32", "float16", "int8")


def shrink_each(folder: Path) -> dict[str, Shrunk]:
    """The model shrunk to each precision; nothing for what is no SavedModel."""
    artifact = detect(folder)
    if artifact.kind is not Kind.TENSORFLOW:
        return {}
    made = {}
    for weights in WEIGHTS:
        print(f"shrinking to {weights}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as there:
            made[weights] = shrink(artifact.path, Path(there) / "out", weights=weights)
    return made


def size_table(rows: Mapping[str, Mapping[str, Shrunk]]) -> str:
    """The figures as a Markdown table, for models by name."""
    heads = ["model", "exported", "without duplicates and training", *WEIGHTS[1:]]
    lines = [f"| {' | '.join(heads)} |", f"|---{'|--:' * (len(heads) - 1)}|"]
    for name, made in rows.items():
        if made:
            exported = next(iter(made.values())).before
            cells = [name, f"{exported:,}", *(_cell(made, weights) for weights in WEIGHTS)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(made: Mapping[str, Shrunk], weights: str) -> str:
    one = made[weights]
    if one.outcome == "declined":
        return f"declined: {one.reason}"
    bare = made[WEIGHTS[0]].after
    saved = "" if weights == WEIGHTS[0] else f", −{1 - one.after / bare:.0%}"
    return f"{one.after:,}{saved}, off by {one.deviation.largest:.1g}"
