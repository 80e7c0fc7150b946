"""Makes a project: a template, or the surroundings of a model that is there."""

from __future__ import annotations

import json
import pprint
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cpr.errors import CprError, EnvironmentProblem, UsageError, shorten
from cpr.init.existing_model import ExistingModel, read_model
from cpr.init.rendering import render
from cpr.init.templates import TEMPLATES, Template, Values
from cpr.init.trial import answers_of
from cpr.init.writing import publish, refuse_what_is_there, unfinished
from cpr.suggest import did_you_mean

DEFAULT_TEMPLATE = "sklearn"
REFUSED = "requests_to_correct"
_SCHEMA_ROW = "| `schema.py` | what the model takes and gives, as it says itself |"
_MODEL_ROW = "| `model/` | the model directory: a copy of the model that was given |"


@dataclass(frozen=True)
class NewProject:
    """A project that was made.

    `files` are relative to `path`; `sample` is a file of requests, "" where
    none works; `notes` say what is left to do.
    """

    path: Path
    template: str
    files: tuple[str, ...]
    is_trained: bool
    sample: str
    stem: str
    notes: tuple[str, ...] = ()


def create_project(
    target: Path,
    *,
    template: str | None = None,
    from_model: Path | None = None,
    name: str | None = None,
    force: bool = False,
) -> NewProject:
    """Make a project directory, whole or not at all.

    Args:
        target: The directory; it must be empty or missing.
        template: One of `TEMPLATES`; `DEFAULT_TEMPLATE` without a model.
        from_model: A SavedModel or a pickled estimator to make the project
            around; it is copied. Its answers to invented requests become the
            golden files.
        name: The package's name; made from the directory's by default.
        force: Write into a directory that is not empty, too.

    Raises:
        UsageError: The directory is not empty, or an argument is wrong.
        LoadError: The model cannot be read.
        EnvironmentProblem: The directory cannot be written.
    """
    refuse_what_is_there(target, force=force)
    name = _checked_name(name) if name else _name_of(target)
    model = read_model(from_model) if from_model else None
    chosen = _chosen(template, model)
    with unfinished(target) as folder:
        kind = TEMPLATES[chosen] if model is None else _around(model, TEMPLATES[chosen])
        more = {} if model is None else _tokens(model)
        stem = re.sub(r"[-_.]+", "_", name).lower()
        _write(folder, render(kind.folders, Values(name, stem, more).of(kind)))
        notes = () if model is None else _fill(folder, model)
        files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
        publish(folder, target)
    samples = [name.partition("/")[2] for name in files if name.startswith("requests/")]
    sample = kind.sample if kind.sample in samples else next(iter(samples), "")
    return NewProject(target, chosen, tuple(files), model is None, sample, stem, tuple(notes))


def _chosen(template: str | None, model: ExistingModel | None) -> str:
    if template is not None and template not in TEMPLATES:
        raise UsageError(
            f"there is no template {shorten(template)}; known are {', '.join(TEMPLATES)}.",
            hint=did_you_mean(template, TEMPLATES),
        )
    if model is None:
        return template or DEFAULT_TEMPLATE
    if template not in (None, model.template):
        raise UsageError(
            f"{model.path} fits the template {model.template}, not {template}.",
            hint="Leave out --template: the model says which.",
        )
    return model.template


def _around(model: ExistingModel, template: Template) -> Template:
    return replace(
        template,
        folders=("common", "model"),
        summary=f"Serves `{model.path.name}` by {model.predictor.partition(':')[2]}.",
        serving=model.serving,
        training=(),
        modules=("predictor.py", "schema.py"),
        files=("| `predictor.py` | the class that is served |", _SCHEMA_ROW, _MODEL_ROW),
        settings="",
        sample=next(iter(model.requests)),
    )


def _tokens(model: ExistingModel) -> dict[str, str]:
    module, _, ready_made = model.predictor.partition(":")
    return {
        "module": module.removeprefix("cpr.predictors."),
        "ready_made": ready_made,
        "model_name": model.path.name,
    }


def _fill(folder: Path, model: ExistingModel) -> list[str]:
    """Add the model, its schema, sample requests and their answers; return notes."""
    for source, name in model.copies.items():
        _copy(source, folder / "model" / name)
    _write(folder, {"schema.py": _module(model.schema)})
    notes = []
    for name, answer in answers_of(folder, model.requests).items():
        request = _json(model.requests[name])
        if isinstance(answer, CprError):
            _write(folder, {f"{REFUSED}/{name}": request})
            notes.append(
                f"the invented values of {REFUSED}/{name} do not work: {answer.problem} "
                "Correct them, and move the file to requests/."
            )
        else:
            _write(folder, {f"requests/{name}": request, f"golden/{name}": _json(answer)})
    return notes


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    try:
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copyfile(source, target)
    except (OSError, shutil.Error) as error:
        raise EnvironmentProblem(
            f"the model cannot be copied: {error}", hint="Free some space, or check permissions."
        ) from error


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > 100:
        text = json.dumps(value, ensure_ascii=False, indent=2)
    return f"{text}\n"


def _module(schema: Mapping[str, Any]) -> str:
    shown = pprint.pformat(dict(schema), width=90, sort_dicts=False)
    return f'"""What the model takes and gives."""\n\nSCHEMA = {shown}\n'


def _name_of(target: Path) -> str:
    """A package name for a directory; letters, digits and hyphens are kept."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", target.resolve().name).strip("-._")
    return name or "my-routine"


def _checked_name(name: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name):
        return name
    raise UsageError(
        f"the name {shorten(name)} cannot be that of a package; expected letters, digits, '.', "
        "'_' and '-', with a letter or digit at both ends."
    )
