"""The settings as frozen tables: every key, its type and its default.

How they are resolved is the business of `cpr.config`, which reads the types
given here: a new key is a new field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal


@dataclass(frozen=True)
class ProjectSettings:
    """The table ``[project]``: what the package is and which class it serves."""

    name: str = ""
    version: str = ""
    prediction_class: str = ""
    model_dir: str = ""
    python: str = ""
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class PackageSettings:
    """The table ``[package]``: what is packed, and what a package must be signed by.

    `include` and `exclude` are glob patterns of files of the project,
    `model_keep` of files of the model directory that are staged whatever they
    look like. `extra_packages` are package files that the package needs.
    `require_signature` is the file of a public key.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    extra_packages: tuple[str, ...] = ()
    model_keep: tuple[str, ...] = ()
    require_signature: str = ""


@dataclass(frozen=True)
class PredictorSettings:
    """The table ``[predictor]``: how instances reach a predictor and how answers leave it.

    `signature_name`, `tags`, `output`, `labels` and `preprocessor` are for
    ready-made predictors. `b64` says whether ``{"b64": …}`` objects become
    bytes before predict: ``auto`` decodes for ready-made predictors that take
    bytes and leaves a custom routine's instances alone, as the late AI
    Platform did. `strict` encodes and passes parameters exactly as AI
    Platform did. `nonfinite` is what NaN and infinities become in an answer.
    `trust` says which pickles are loaded: none (``data``), those that need
    nothing but listed names and the package's own (``listed``), or any
    (``full``); `trusted` are names to add to the list, ``module.Name``.
    """

    signature_name: str = ""
    tags: tuple[str, ...] = ()
    output: str = ""
    labels: str = ""
    preprocessor: str = ""
    b64: Literal["auto", "never", "always"] = "auto"
    strict: bool = False
    nonfinite: Literal["error", "null", "literal"] = "error"
    trust: Literal["data", "listed", "full"] = "listed"
    trusted: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckSettings:
    """The table ``[check]``: ids of findings to silence, and the platform to check for."""

    ignore: tuple[str, ...] = ()
    profile: str = ""


class Assignments(tuple[str, ...]):
    """A table of keys of any name, kept as ``key=value`` texts in their order."""

    __slots__ = ()


@dataclass(frozen=True)
class ReplaySettings:
    """The table ``[replay]``: how far answers may be from what is expected.

    `ignore` are patterns of what is not compared, `tolerance` how far a number
    may be off: ``atol``, ``rtol``, or a pattern of paths.
    """

    ignore: tuple[str, ...] = ()
    tolerance: Assignments = field(default_factory=Assignments)


@dataclass(frozen=True)
class Settings:
    """All settings, resolved; `origins` says where each value came from."""

    project: ProjectSettings = field(default_factory=ProjectSettings)
    package: PackageSettings = field(default_factory=PackageSettings)
    predictor: PredictorSettings = field(default_factory=PredictorSettings)
    check: CheckSettings = field(default_factory=CheckSettings)
    replay: ReplaySettings = field(default_factory=ReplaySettings)
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    def explain(self) -> list[tuple[str, Any, str]]:
        """Rows of (``table.key``, value, origin) for every setting."""
        return [
            (f"{table}.{item.name}", getattr(getattr(self, table), item.name), origin)
            for table, kind in TABLES.items()
            for item in fields(kind)
            for origin in [self.origins.get(f"{table}.{item.name}", "default")]
        ]


TABLES: dict[str, type] = {
    "project": ProjectSettings,
    "package": PackageSettings,
    "predictor": PredictorSettings,
    "check": CheckSettings,
    "replay": ReplaySettings,
}
