"""A compiled model beside its original: the record of it, and whether it still fits.

``cpr compile`` writes the directory ``compiled`` into the model's own: one or
more files for a fast runtime, and ``compiled.json``, which says what they were
made from, what they answer and how that was proven. A predictor asks
`find_compiled` and serves the files only where the original is unchanged.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from cpr.artifacts.detect import Artifact, Kind
from cpr.config import PredictorSettings
from cpr.errors import EnvironmentProblem, LoadError, shorten

logger = logging.getLogger(__name__)

FOLDER = "compiled"
RECORD = "compiled.json"
SCHEMA = "cpr.compiled/1"
_SEAL = "sha256"

Runtime = Literal["litert", "onnx", "xla"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)
# The library of each, and the extra that installs it.
_LIBRARIES = {"litert": ("ai_edge_litert", "litert"), "onnx": ("onnxruntime", "onnx")}
_LIBRARIES["xla"] = ("tensorflow", "tensorflow")
_CHUNK = 1 << 20
Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class Compiled:
    """A compiled model that may be served in place of its original.

    Attributes:
        folder: Where its files are.
        runtime: What runs them.
        model: What the original takes and answers, so that it need not be
            loaded to know; its keys depend on the kind of model.
    """

    folder: Path
    runtime: Runtime
    model: Mapping[str, Any]


def open_compiled(
    artifact: Artifact, settings: PredictorSettings, load: Callable[[Compiled], Loaded]
) -> Loaded | None:
    """What `load` makes of the compiled model of an artifact; None where there is none to serve.

    Raises:
        LoadError: As `find_compiled`, or the runtime that the settings name
            cannot load it; with ``auto`` that is warned of instead.
        EnvironmentProblem: As `find_compiled`.
    """
    compiled = find_compiled(artifact, settings)
    if compiled is None:
        return None
    try:
        return load(compiled)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        problem = f"{RECORD} is incomplete: {type(error).__name__}: {error}"
        fault: LoadError | EnvironmentProblem = LoadError(f"{compiled.folder}: {problem}")
        fault.__cause__ = error
    except (LoadError, EnvironmentProblem) as error:
        problem, fault = error.problem, error
    if settings.runtime != "auto":
        raise fault
    logger.warning("%s is not served, the original model is: %s", compiled.folder, problem)
    return None


class _Unusable(Exception):
    """Why a compiled model is not served."""


def find_compiled(artifact: Artifact, settings: PredictorSettings) -> Compiled | None:
    """The compiled model of an artifact, where the settings want one and it fits.

    A model that does not fit its original any more, or is damaged, is warned
    of and not served, unless the setting `runtime` insists on it.

    Raises:
        LoadError: The setting `runtime` names one that there is no compiled
            model for, or none that can be served.
        EnvironmentProblem: The runtime that it names is not installed.
    """
    if settings.runtime in ("native", "tensorflow"):
        return None
    is_asked = settings.runtime != "auto"
    folder = folder_of(artifact)
    if not (folder / RECORD).is_file():
        if is_asked:
            raise _not_compiled(folder, settings.runtime, "there is no compiled model")
        return None
    try:
        record = read_record(folder)
        _check_source(artifact, record)
        _check_files(folder, record)
        _check_seal(record)
    except _Unusable as error:
        if is_asked:
            raise _not_compiled(folder, settings.runtime, f"{error}") from error
        logger.warning(
            "%s is not served, the original model is: %s; run cpr compile again", folder, error
        )
        return None
    runtime: Runtime = record["runtime"]
    if is_asked and runtime != settings.runtime:
        raise _not_compiled(folder, settings.runtime, f"the compiled model is for {runtime}")
    if not _is_for(record, settings):
        logger.info("%s is not served: it was compiled for other tags", folder)
        return None
    module, extra = _LIBRARIES[runtime]
    if importlib.util.find_spec(module) is None:
        if is_asked:
            raise EnvironmentProblem(
                f"this needs the library {module!r}, which is not installed",
                hint=f"pip install 'cpr[{extra}]'",
            )
        logger.warning(
            "%s is not served, the original model is: %s is not installed; pip install 'cpr[%s]'",
            folder, module, extra,
        )  # fmt: skip
        return None
    return Compiled(folder, runtime, record["model"])


def native(settings: PredictorSettings) -> PredictorSettings:
    """The same settings for the original model."""
    return replace(settings, runtime="native")


def folder_of(artifact: Artifact) -> Path:
    """Where the compiled model of an artifact is, or would be."""
    path = artifact.path
    return (path if path.is_dir() else path.parent) / FOLDER


def hash_source(artifact: Artifact) -> dict[str, str]:
    """The sha256 of what an artifact's answers depend on, by path below its directory.

    Of a SavedModel, not of the variables' data, which the index holds
    checksums of; their sizes stand for them.
    """
    if artifact.kind is not Kind.TENSORFLOW:
        return {artifact.path.name: _sha256(artifact.path)}
    folder = artifact.path
    assets = sorted(path for path in (folder / "assets").rglob("*") if path.is_file())
    index = folder / "variables" / "variables.index"
    listed = [artifact.files[0], *([index] if index.is_file() else []), *assets]
    found = {path.relative_to(folder).as_posix(): _sha256(path) for path in listed}
    for path in sorted((folder / "variables").glob("variables.data-*")):
        found[path.relative_to(folder).as_posix()] = f"{path.stat().st_size} bytes"
    return found


def hash_files(folder: Path) -> dict[str, dict[str, Any]]:
    """The sha256 and size of every compiled file, as the record holds them."""
    return {
        path.name: {"sha256": _sha256(path), "size": path.stat().st_size}
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != RECORD
    }


def write_record(record: Mapping[str, Any], path: Path) -> None:
    """Write a record, sealed: with a checksum of all that it says."""
    read_back = json.loads(json.dumps(record))  # where all keys are texts
    sealed = {**record, _SEAL: _seal_of(read_back)}
    path.write_text(json.dumps(sealed, indent=1) + "\n", encoding="utf-8")


def read_record(folder: Path) -> dict[str, Any]:
    """The record in a directory of compiled files; raises what `find_compiled` warns of."""
    try:
        record = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _Unusable(f"{RECORD} cannot be read: {error}") from error
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        found = record.get("schema") if isinstance(record, dict) else record
        raise _Unusable(f"{RECORD} is {shorten(found)}, not {SCHEMA!r}")
    tables = [record.get(key) for key in ("model", "files", "source")]
    if record.get("runtime") not in RUNTIMES or not all(isinstance(t, dict) for t in tables):
        raise _Unusable(f"{RECORD} is incomplete")
    if not isinstance(record["model"].get("tags", []), (list, type(None))):
        raise _Unusable(f"{RECORD} is incomplete")
    return record


def _check_source(artifact: Artifact, record: Mapping[str, Any]) -> None:
    source = record["source"]
    if source.get("kind") != artifact.kind.value:
        raise _Unusable(f"the compiled model was made from a {shorten(source.get('kind'))} model")
    now, then = hash_source(artifact), source.get("files")
    if now == then:
        return
    then = then if isinstance(then, dict) else {}
    changed = sorted(path for path in {*now, *then} if now.get(path) != then.get(path))
    raise _Unusable(f"the compiled model was made from another {', '.join(changed[:3])}")


def _check_files(folder: Path, record: Mapping[str, Any]) -> None:
    for name, entry in record["files"].items():
        path = folder / name
        if Path(name).name != name or not path.is_file():
            raise _Unusable(f"{shorten(name)} is missing")
        if not isinstance(entry, dict) or _sha256(path) != entry.get("sha256"):
            raise _Unusable(f"{name} is damaged")
    for name in used_files(record["model"]):
        if name not in record["files"]:
            raise _Unusable(f"{RECORD} lists no file {shorten(name)}")


def _check_seal(record: Mapping[str, Any]) -> None:
    """What a changed record says would be believed, and be answered wrongly."""
    if record.get(_SEAL) != _seal_of(record):
        raise _Unusable(f"{RECORD} is not as cpr compile wrote it")


def _seal_of(record: Mapping[str, Any]) -> str:
    said = {key: value for key, value in record.items() if key != _SEAL}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode("ascii")).hexdigest()


def used_files(model: Mapping[str, Any]) -> list[str]:
    """The files that the predictors open, as they find them in the record's part `model`."""
    signatures = model.get("signatures")
    entries = list(signatures.values()) if isinstance(signatures, dict) else []
    readers = [one.get("readers") for one in entries if isinstance(one, dict)]
    for found in readers:
        entries += found.values() if isinstance(found, dict) else []
    return [
        str(one["file"]) for one in (model, *entries) if isinstance(one, dict) and "file" in one
    ]


def _is_for(record: Mapping[str, Any], settings: PredictorSettings) -> bool:
    """Whether it is of the graph that the settings ask for."""
    tags = record["model"].get("tags")
    return tags is None or set(settings.tags or tags) == set(tags)


def _not_compiled(folder: Path, runtime: str, why: str) -> LoadError:
    return LoadError(
        f"The setting predictor.runtime is {runtime!r}, but {why} in {folder}.",
        hint=f"Run cpr compile --runtime {runtime} {folder.parent}, or set runtime to 'auto'.",
    )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()
