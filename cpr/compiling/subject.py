"""A model as `cpr compile` looks at it: its kind, its files, and copies to try things in."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cpr.artifacts.compiled import FOLDER, RECORD, write_record
from cpr.artifacts.detect import Artifact, Kind, detect
from cpr.config import PredictorSettings

SIGNATURE_KINDS = (Kind.TENSORFLOW, Kind.KERAS)
_COMPANIONS = ("preprocessor.joblib", "preprocessor.pkl", "labels.txt", "classes.json")


@dataclass(frozen=True)
class Subject:
    """The model, in words that a child process can be told."""

    folder: Path
    framework: str
    tags: tuple[str, ...] = ()
    trust: str = "listed"
    trusted: tuple[str, ...] = ()
    output: str = ""
    preprocessor: str = ""

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Subject:
        """The subject that `to_json` told of."""
        return cls(
            Path(told["folder"]),
            told["framework"],
            tuple(told["tags"]),
            told["trust"],
            tuple(told["trusted"]),
            told["output"],
            told["preprocessor"],
        )

    def to_json(self) -> dict[str, Any]:
        """The subject for another process."""
        return {
            "folder": str(self.folder),
            "framework": self.framework,
            "tags": list(self.tags),
            "trust": self.trust,
            "trusted": list(self.trusted),
            "output": self.output,
            "preprocessor": self.preprocessor,
        }

    @property
    def artifact(self) -> Artifact:
        """What `detect` says of it."""
        return detect(self.folder, self.framework)

    def staged(self, into: Path, record: Mapping[str, Any] | None = None) -> Subject:
        """A directory of links to the model alone, with a compiled model if there is a record.

        Preprocessor and labels are left away: they stay what they are.
        """
        into.mkdir(exist_ok=True)
        source = self.artifact.path
        files = source.iterdir() if source.is_dir() else [source]
        for path in files:
            link = into / path.name
            if path.name not in (FOLDER, *_COMPANIONS) and not link.is_symlink():
                link.symlink_to(path.absolute())
        if record is not None:
            write_record(record, into / FOLDER / RECORD)
        return replace(self, folder=into)

    def open(self, *, runtime: str = "native", **settings: Any) -> Any:
        """The ready-made predictor of the model."""
        module, _, name = self.artifact.predictor.partition(":")
        predictor = getattr(importlib.import_module(module), name)
        chosen = PredictorSettings(
            tags=self.tags,
            trust=self.trust,  # type: ignore[arg-type]  # it comes from such settings
            trusted=self.trusted,
            runtime=runtime,  # type: ignore[arg-type]
            **{"output": self.output, **settings},
        )
        return predictor.from_path(self.folder, settings=chosen)
