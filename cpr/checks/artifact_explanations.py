"""Whether the explanation metadata in the model directory can be used with the model there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cpr.artifacts.companions import PREPROCESSOR_FILES
from cpr.artifacts.detect import Kind, detect
from cpr.checks.subject import Subject
from cpr.describing.tensors import tensor
from cpr.errors import LoadError
from cpr.explaining.examples import declared_features
from cpr.explaining.fitting import check as check_fit
from cpr.explaining.metadata import find, read
from cpr.findings import Finding, rule
from cpr.savedmodel.running.declared import read_signatures

UNFIT = rule(
    "CPR313",
    "error",
    "The explanation metadata does not fit the model",
    cause="`explanation_metadata.json` names the inputs that are explained, their baselines and "
    "the output. With a name that the model does not have, or a baseline of another width, every "
    "explanation is refused; AI Platform refused the version. Names and widths are compared "
    "where the files alone tell them: of a SavedModel without a preprocessor.",
    cure="Correct the name, or write the file anew: `cpr explain --write-metadata`.",
    example="""
    {"inputs": {"pixels": {"input_tensor_name": "image:0"}}, …}    # the model has "images:0"
    """,
)

_Described = dict[str, Any]


def check(subject: Subject) -> Iterator[Finding]:
    """Read the file, if there is one, and compare it with the signatures."""
    model_dir = subject.model_dir
    path = None if model_dir is None else find(model_dir)
    if model_dir is None or path is None:
        return
    model = _saved_model(subject, model_dir)
    try:
        metadata = read(path)
        if model is not None:
            check_fit(metadata, *model)
    except LoadError as error:
        shown = subject.relative(path)
        said = error.problem.replace(str(path), shown).rstrip(".")
        yield Finding(UNFIT, said, file=shown, fix=error.hint)


def _saved_model(subject: Subject, model_dir: Path) -> tuple[_Described, _Described] | None:
    """What is known of the SavedModel that is served as it is; damage, other checks tell."""
    settings = subject.settings.predictor
    is_prepared = any((model_dir / name).exists() for name in PREPROCESSOR_FILES)
    if subject.prediction_class or settings.preprocessor or is_prepared:
        return None
    try:
        found = detect(model_dir, subject.open_with.get("framework"))
        if found.kind is not Kind.TENSORFLOW:
            return None
        return _description(found.path, settings.tags), declared_features(found.path, settings.tags)
    except LoadError:
        return None


def _description(folder: Path, tags: tuple[str, ...]) -> _Described:
    """The signatures, as far as metadata is compared with them."""
    return {
        "signatures": {
            name: {
                side: {
                    alias: tensor(spec.dtype, spec.shape, tensor=spec.name)
                    for alias, spec in specs.items()
                }
                for side, specs in (("inputs", item.inputs), ("outputs", item.outputs))
            }
            for name, item in read_signatures(folder, tags).items()
        }
    }
