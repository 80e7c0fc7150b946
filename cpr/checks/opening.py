"""From a target to what is checked: sources, settings, the class, the model directory."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cpr.artifacts.fetch import fetch
from cpr.candidates import candidates
from cpr.checks.subject import Subject
from cpr.config import Settings, load_settings, model_dir_of
from cpr.required_key import required_key
from cpr.serving import class_name_of, settings_of
from cpr.sources import Sources, open_sources


def open_subject(
    open_with: Mapping[str, Any],
    resources: ExitStack,
    requests: tuple[bytes, ...],
    profile: str,
    trust: str,
) -> Subject:
    """Open what `open_with` names; `resources` removes later what is unpacked or fetched.

    Raises:
        PackageRefused: A package file is damaged or hostile.
        CprError: The target, the configuration or the model directory is wrong.
    """
    open_with = _with_target(open_with)
    required = required_key(open_with["require_signature"], open_with["target"], open_with["flags"])
    if trust:
        open_with["flags"] = {**open_with["flags"], "predictor.trust": trust}
    sources = open_sources(open_with["target"], open_with["packages"], required=required)
    resources.callback(sources.close)
    settings = settings_of(open_with["flags"], sources)
    name = _class_name(open_with, sources, settings)
    model_dir = _model_dir(open_with, settings)
    if model_dir:
        open_with = {**open_with, "model_dir": model_dir}
    return Subject(
        sources=sources,
        settings=settings,
        prediction_class=name,
        model_dir=Path(resources.enter_context(fetch(model_dir))) if model_dir else None,
        requests=requests,
        profile=profile or settings.check.profile,
        trust=settings.predictor.trust,
        open_with={**open_with, "prediction_class": name or None},
    )


def _with_target(open_with: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with the target that they stand for, as the command line has it."""
    target, named = open_with["target"], open_with["prediction_class"]
    if target is None and not open_with["packages"]:
        target = named or load_settings(flags=open_with["flags"]).project.prediction_class or None
        if target is None and not open_with["model_dir"]:
            target = "."
        elif target:
            named = None
    return {**open_with, "target": target, "prediction_class": named}


def _class_name(open_with: Mapping[str, Any], sources: Sources, settings: Settings) -> str:
    named = open_with["prediction_class"]
    given = named or sources.class_name or settings.project.prediction_class
    if given or candidates(sources.roots):
        return class_name_of(named, sources, settings)
    nearly = [name for root in sources.roots for name in _nearly(root)]
    # A class that lacks a method is looked at all the same: to say what it lacks.
    return nearly[0] if len(nearly) == 1 else class_name_of(named, sources, settings)


def _nearly(root: Path) -> list[str]:
    """The classes of an import root with from_path or predict, though not with both."""
    found = []
    for path in sorted(root.glob("*.py")):
        try:
            body = ast.parse(path.read_bytes()).body
        except (SyntaxError, ValueError):
            continue  # importing it will say what is wrong
        for node in body:
            if isinstance(node, ast.ClassDef):
                own = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
                if own & {"from_path", "predict"}:
                    found.append(f"{path.stem}.{node.name}")
    return found


def _model_dir(open_with: Mapping[str, Any], settings: Settings) -> str:
    if not (open_with["model_dir"] or settings.project.model_dir):
        return ""
    return model_dir_of(open_with["model_dir"], settings)
