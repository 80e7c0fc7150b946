"""The one helper behind every "did you mean"."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence that names the nearest known word, or an empty string."""
    known = list(known)
    lowered = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), list(lowered), n=1, cutoff=0.6)
    return f"Did you mean {lowered[near[0]]!r}?" if near else ""
