"""A model that is there already: what it takes, as a schema and sample requests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cpr.artifacts.detect import Artifact, Kind, detect
from cpr.artifacts.pickles import load_pickle
from cpr.errors import UsageError
from cpr.init.estimator_inputs import describe_estimator, libraries_of
from cpr.init.saved_model import SignatureInfo, TensorInfo, read_signatures

_PICKLES = (".joblib", ".pkl", ".pickle")
_DEFAULT = "serving_default"
_WORDS = {"string": "text", "bool": False}


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
    if path.name == "saved_model.pb":
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
    file = folder / "saved_model.pb"
    if not file.is_file():
        raise UsageError(
            f"{folder} holds no saved_model.pb; --from-model does not read the text form.",
            hint="Save the model anew with TensorFlow 2, or start with --template savedmodel.",
        )
    signatures = read_signatures(file)
    if not signatures:
        raise UsageError(f"{folder} has no signature, so that nothing says what it takes.")
    return ExistingModel(
        "savedmodel",
        folder,
        "cpr.predictors.tf_saved_model:TfSavedModel",
        {item: item.name for item in sorted(folder.iterdir())},
        {"signatures": {item.name: _schema(item) for item in signatures}},
        dict(requests_of(signatures)),
        ("tensorflow",),
    )


def _schema(signature: SignatureInfo) -> dict[str, Any]:
    return {
        side: {name: {"dtype": t.dtype, "shape": t.shape} for name, t in tensors.items()}
        for side, tensors in (("inputs", signature.inputs), ("outputs", signature.outputs))
    }


def requests_of(signatures: Sequence[SignatureInfo]) -> Iterator[tuple[str, Any]]:
    """A request for each signature, by a file name: the signature's, which may hold slashes."""
    used: set[str] = set()
    for item in signatures:
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", item.name)
        while name in used:
            name += "_"
        used.add(name)
        yield f"{name}.json", _request(item, len(signatures))


def _request(signature: SignatureInfo, count: int) -> dict[str, Any]:
    values = {name: _value(name, tensor) for name, tensor in signature.inputs.items()}
    instance = next(iter(values.values())) if len(values) == 1 else values
    named = {} if count == 1 or signature.name == _DEFAULT else {"signature_name": signature.name}
    return {**named, "instances": [instance]}


def _value(name: str, tensor: TensorInfo) -> Any:
    """An invented value of one instance: the first dimension counts instances."""
    value: Any = _WORDS.get(tensor.dtype, 0 if "int" in tensor.dtype else 0.0)
    if tensor.dtype == "string" and name.endswith("_bytes"):
        value = {"b64": "dGV4dA=="}
    for size in reversed((tensor.shape or ())[1:]):
        value = [value] * (1 if size is None else size)
    return value
