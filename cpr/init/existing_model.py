"""A model that is there already: what it takes, as a schema and sample requests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cpr.artifacts.detect import Artifact, Kind, detect
from cpr.artifacts.pickles import load_pickle
from cpr.errors import UsageError
from cpr.init.estimator_inputs import describe_estimator, libraries_of
from cpr.savedmodel.layout import BINARY, TEXT
from cpr.savedmodel.meta_graph import Signature, as_fed, choose_meta_graph
from cpr.savedmodel.protos import Message
from cpr.savedmodel.reader import skim_saved_model
from cpr.savedmodel.samples.requests import NoSample, sample_request

_PICKLES = (".joblib", ".pkl", ".pickle")


@dataclass(frozen=True)
class ExistingModel:
    """What a project is made around.

    `template` is the one that fits; `path` the model's file, or its directory;
    `copies` maps what to copy into the model directory to its name there;
    `requests` are sample request bodies by file name.
    """

    template: str
    path: Path
    predictor: str
    copies: Mapping[Path, str]
    schema: Mapping[str, Any]
    requests: Mapping[str, Any]
    serving: tuple[str, ...] = field(default=())


def read_model(path: Path) -> ExistingModel:
    """Find out what a model takes.

    Args:
        path: A SavedModel's directory, a pickled estimator, or a model
            directory that holds one of these.

    Raises:
        UsageError: It is another kind of model, or none.
        LoadError: It is damaged, or the estimator cannot be unpickled.
    """
    if not path.exists():
        raise UsageError(f"the model {path} does not exist.")
    if path.is_dir():
        return _of_artifact(detect(path))
    if path.name in (BINARY, TEXT):
        return _saved_model(path.parent)
    if path.suffix in _PICKLES:
        name = "model.joblib" if path.suffix == ".joblib" else "model.pkl"
        return _estimator(path, {path: name})
    raise UsageError(
        f"{path} is not a model that --from-model can read.",
        hint="It reads SavedModel directories, and scikit-learn estimators in .joblib or .pkl "
        "files. For another kind, start with --template and put the model into model/.",
    )


def _of_artifact(artifact: Artifact) -> ExistingModel:
    if artifact.kind is Kind.TENSORFLOW:
        return _saved_model(artifact.path)
    if artifact.kind is Kind.SKLEARN:
        folder = artifact.path.parent
        return _estimator(artifact.path, {item: item.name for item in sorted(folder.iterdir())})
    raise UsageError(
        f"{artifact.path} is a model of the kind {artifact.kind.value}; --from-model reads "
        "SavedModels and scikit-learn estimators.",
        hint="Start with --template, and put the model into model/.",
    )


def _estimator(path: Path, copies: Mapping[Path, str]) -> ExistingModel:
    estimator = load_pickle(path)
    schema, instance = describe_estimator(estimator)
    return ExistingModel(
        "sklearn",
        path,
        "cpr.predictors.sklearn_estimator:SklearnEstimator",
        copies,
        schema,
        {"sample.json": {"instances": [instance]}},
        ("joblib", "numpy", *libraries_of(estimator)),
    )


def _saved_model(folder: Path) -> ExistingModel:
    meta_graph = choose_meta_graph(skim_saved_model(folder).model, where=folder)
    found = list(as_fed(meta_graph).values())
    if not found:
        raise UsageError(f"{folder} has no signature, so that nothing says what it takes.")
    return ExistingModel(
        "savedmodel",
        folder,
        "cpr.predictors.tf_saved_model:TfSavedModel",
        {item: item.name for item in sorted(folder.iterdir())},
        {"signatures": {item.name: _schema(item) for item in found}},
        dict(requests_of(found, meta_graph)),
        ("tensorflow",),
    )


def _schema(signature: Signature) -> dict[str, Any]:
    return {
        side: {name: {"dtype": t.dtype, "shape": t.shape} for name, t in tensors.items()}
        for side, tensors in (("inputs", signature.inputs), ("outputs", signature.outputs))
    }


def requests_of(
    found: Sequence[Signature], meta_graph: Message | None = None
) -> Iterator[tuple[str, Any]]:
    """A request for each signature, by a file name: the signature's, which may hold slashes.

    There is none for a signature that no JSON says the inputs of.
    """
    used: set[str] = set()
    for item in found:
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", item.name)
        while name in used:
            name += "_"
        used.add(name)
        with suppress(NoSample):
            yield f"{name}.json", sample_request(item, meta_graph, is_only=len(found) == 1)
