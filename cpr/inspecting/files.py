"""The files of a model: sizes, and what platforms take."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from cpr.checks.profiles import PROFILES
from cpr.errors import shorten
from cpr.inspecting.inspection import Limit, ModelFile, Problem

_LIMITS = ("aiplatform-mls1", "aiplatform-n1")
_ROLES = {
    "graph": re.compile(r"saved_model\.pb(txt)?"),
    "index of variables": re.compile(r"variables/variables\.index"),
    "variables": re.compile(r"variables/variables\.data-\d{5}-of-\d{5}"),
    "asset": re.compile(r"assets/.+", re.DOTALL),
    "warm-up requests": re.compile(r"assets\.extra/tf_serving_warmup_requests"),
    "extra": re.compile(r"assets\.extra/.+", re.DOTALL),
    "fingerprint": re.compile(r"fingerprint\.pb"),
    "Keras metadata": re.compile(r"keras_metadata\.pb"),
    "compiled model": re.compile(r"compiled/.+", re.DOTALL),
    # As cpr.artifacts.companions knows them, whose import takes numpy's time.
    "for predictors": re.compile(
        r"preprocessor\.(joblib|pkl)|labels\.txt|classes\.json|explanation_metadata\.json"
    ),
    "debug information": re.compile(r"debug/.+|saved_model_debug_info\.pb", re.DOTALL),
}


def list_files(folder: Path) -> tuple[tuple[ModelFile, ...], tuple[Problem, ...]]:
    """Every file of a SavedModel's directory, the largest first, and folders that stay unread.

    Links are not followed.
    """
    errors: list[OSError] = []
    walked = sorted(_walk(folder, errors.append))
    found = [ModelFile(name, size, _role_of(name)) for name, size in walked]
    return tuple(sorted(found, key=lambda file: -file.size)), tuple(map(_unlisted, errors))


def _unlisted(error: OSError) -> Problem:
    return Problem(
        "warning",
        "folder-unreadable",
        f"The folder {shorten(str(error.filename), 200)} cannot be listed: {error.strerror}. "
        "What it holds is not counted here.",
        "Give yourself the permission, or move it out of the model.",
    )


def limits_for(size: int) -> tuple[Limit, ...]:
    """The limits of AI Platform's machine types, and whether a size is beyond them."""
    profiles = [PROFILES[name] for name in _LIMITS]
    return tuple(
        Limit(profile.name, profile.model_dir_bytes, size > profile.model_dir_bytes)
        for profile in profiles
    )


def size_problems(size: int) -> Iterator[Problem]:
    """A warning for each limit that a size is beyond."""
    for limit in limits_for(size):
        if limit.is_exceeded:
            yield Problem(
                "warning",
                "too-large",
                f"It has {size:,} bytes; {limit.platform} takes at most {limit.bytes:,}.",
                "Make it smaller with `cpr clean` and `cpr shrink`.",
            )


def _walk(folder: Path, report: Callable[[OSError], None]) -> Iterator[tuple[str, int]]:
    for root, _, names in os.walk(folder, onerror=report):
        for name in names:
            path = Path(root) / name
            yield path.relative_to(folder).as_posix(), path.lstat().st_size


def _role_of(name: str) -> str:
    return next((role for role, form in _ROLES.items() if form.fullmatch(name)), "other")
