"""Which kind of source an export has, told from the object or path, and what opens it."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

from cpr.artifacts.explain import SESSION_BUNDLE
from cpr.errors import LoadError, UsageError, shorten
from cpr.savedmodel.exports import find_exports
from cpr.savedmodel.instead import no_saved_model
from cpr.savedmodel.layout import BINARY, TEXT, holds_model
from cpr.savedmodel.servable import Servable, SourceOptions
from cpr.suggest import did_you_mean

Opener = Callable[[Any, Any, SourceOptions], Servable]


class SourceKind(Enum):
    """A kind of source; the value is what messages call it."""

    KERAS_MODEL = "Keras model"
    KERAS_FILE = "Keras file"
    FUNCTION = "function"
    MODULE = "tf.Module"
    SAVED_MODEL = "SavedModel"
    SAVED_MODEL_V1 = "TensorFlow 1 SavedModel"
    CHECKPOINT = "checkpoint"
    GRAPH_DEF = "frozen graph"
    META_GRAPH = "MetaGraph"
    ESTIMATOR = "Estimator directory"


# By name, so that only what a source needs is imported. Each function takes
# (tf, source, options), where the source is the object, or a Path.
OPENERS: dict[SourceKind, str] = {
    SourceKind.KERAS_MODEL: "cpr.savedmodel.exporting.keras_source:open_keras_model",
    SourceKind.KERAS_FILE: "cpr.savedmodel.exporting.keras_source:open_keras_file",
    SourceKind.FUNCTION: "cpr.savedmodel.exporting.function_source:open_function",
    SourceKind.MODULE: "cpr.savedmodel.exporting.function_source:open_module",
    SourceKind.SAVED_MODEL: "cpr.savedmodel.exporting.function_source:open_saved_model",
    SourceKind.SAVED_MODEL_V1: "cpr.savedmodel.migrating.saved_model_v1:open_saved_model_v1",
    SourceKind.CHECKPOINT: "cpr.savedmodel.migrating.checkpoint:open_checkpoint",
    SourceKind.GRAPH_DEF: "cpr.savedmodel.migrating.graph_def:open_graph_def",
    SourceKind.META_GRAPH: "cpr.savedmodel.migrating.graph_def:open_meta_graph",
    SourceKind.ESTIMATOR: "cpr.savedmodel.migrating.estimator:open_estimator",
}

_SUFFIXES = {
    ".keras": SourceKind.KERAS_FILE,
    ".h5": SourceKind.KERAS_FILE,
    ".hdf5": SourceKind.KERAS_FILE,
    ".pb": SourceKind.GRAPH_DEF,
    ".pbtxt": SourceKind.GRAPH_DEF,
    ".meta": SourceKind.META_GRAPH,
}


def open_source(tf: Any, source: Any, options: SourceOptions) -> Servable:
    """Open a source of any kind.

    Raises:
        UsageError: It is of no kind that can be exported.
        LoadError: It is, but is damaged or lacks something.
    """
    kind, place = kind_of(source, options)
    module, _, name = OPENERS[kind].partition(":")
    opener: Opener = getattr(importlib.import_module(module), name)
    return opener(tf, place, options)


def kind_of(source: Any, options: SourceOptions) -> tuple[SourceKind, Any]:
    """The kind of a source, and the source: a path is made one, and led to its model.

    Nothing of a framework is imported to decide.

    Raises:
        UsageError: It is of no kind that can be exported, or a directory with
            exports in several places.
        LoadError: The path does not exist, or holds nothing to export.
    """
    if isinstance(source, (str, os.PathLike)):
        return _kind_of_path(Path(source).expanduser(), options)
    roots = {kind.__module__.partition(".")[0] for kind in type(source).__mro__}
    if roots & {"keras", "tf_keras"} and hasattr(source, "get_config"):
        return SourceKind.KERAS_MODEL, source
    if hasattr(source, "get_concrete_function") or hasattr(source, "structured_input_signature"):
        return SourceKind.FUNCTION, source
    if hasattr(source, "_trackable_children"):
        return SourceKind.MODULE, source
    if callable(source) and not isinstance(source, type):
        return SourceKind.FUNCTION, source
    raise UsageError(
        f"{shorten(source)} cannot be exported: it is a {type(source).__qualname__}.",
        hint="Give a Keras model, a tf.Module, a tf.function, or the path of a Keras file, "
        "SavedModel, checkpoint, frozen graph or Estimator directory.",
    )


def _kind_of_path(path: Path, options: SourceOptions) -> tuple[SourceKind, Path]:
    if path.name in (BINARY, TEXT) and path.is_file():
        path = path.parent
    if path.is_dir():
        return _kind_of_directory(path, options)
    if path.is_file():
        if path.suffix in _SUFFIXES:
            return _SUFFIXES[path.suffix], path
        if path.suffix == ".index":
            return SourceKind.CHECKPOINT, path.with_suffix("")
        raise UsageError(
            f"{path} is not a file that can be exported.",
            hint=f"Known endings are {', '.join([*_SUFFIXES, '.index'])}.",
        )
    if path.with_name(path.name + ".index").is_file():
        return SourceKind.CHECKPOINT, path
    beside = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
    raise LoadError(
        f"{path} does not exist.",
        hint=did_you_mean(path.name, beside)
        or "Give a path; on the command line, an object is module:name.",
    )


def _kind_of_directory(path: Path, options: SourceOptions) -> tuple[SourceKind, Path]:
    is_checkpoint = (path / "checkpoint").is_file() or any(path.glob("*.index"))
    if is_checkpoint and options.build is not None:
        return SourceKind.CHECKPOINT, path
    if (path / SESSION_BUNDLE).is_file() and not holds_model(path):
        return SourceKind.META_GRAPH, path / SESSION_BUNDLE
    if is_checkpoint and not holds_model(path):
        return SourceKind.ESTIMATOR, path
    found = find_exports(path)
    if found is None:
        raise no_saved_model(path)
    return _kind_of_saved_model(found.chosen), found.chosen


def _kind_of_saved_model(path: Path) -> SourceKind:
    # TensorFlow 1 writes no object graph; several MetaGraphs load as its models do.
    # CLI start-up time: the messages take a while to build.
    from cpr.savedmodel.reader import read_saved_model

    graphs = read_saved_model(path).meta_graphs
    is_v2 = len(graphs) == 1 and graphs[0].HasField("object_graph_def")
    return SourceKind.SAVED_MODEL if is_v2 else SourceKind.SAVED_MODEL_V1
