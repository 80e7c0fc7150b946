"""Opens a SavedModel that TensorFlow 1 wrote: Builder, simple_save, Estimators."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from cpr.errors import LoadError, UsageError, shorten
from cpr.savedmodel import reader
from cpr.savedmodel.migrating.model import Restore, V1Model, of_protos
from cpr.savedmodel.migrating.opening import as_servable
from cpr.savedmodel.servable import Servable, SourceOptions
from cpr.savedmodel.tensorflow_library import first_line, without_deprecations

_MAIN_OPS = ("saved_model_main_op", "legacy_init_op")
_INITIALIZER = "__saved_model_init_op"


def open_saved_model_v1(tf: Any, source: Path, options: SourceOptions) -> Servable:
    """Open a TF1 SavedModel, with all signatures of one MetaGraph.

    Raises:
        LoadError: It is damaged, no MetaGraph has the tags, or TensorFlow
            does not know an op.
        UsageError: The MetaGraph has no signatures.
    """
    return as_servable(tf, load(tf, source, options.tags))


def load(tf: Any, source: Path, tags: tuple[str, ...]) -> V1Model:
    """Load one MetaGraph of a SavedModel into a session of its own."""
    chosen = reader.choose_meta_graph(reader.read_saved_model(source), tags or None, where=source)
    assets = _assets(chosen, source)
    session = tf.compat.v1.Session(graph=tf.Graph())
    try:
        with session.graph.as_default(), without_deprecations(tf):
            loaded = tf.compat.v1.saved_model.load(
                session, list(reader.tags(chosen)), str(source), clear_devices=True
            )
    except Exception as error:  # TensorFlow raises almost anything for a damaged model
        session.close()
        message = first_line(error, source)
        hint = ""
        if "Op type not registered" in message:
            hint = "A library defines that op; import it before you export."
        raise LoadError(
            f"TensorFlow {tf.__version__} cannot load {source}: {message}", hint=hint
        ) from error
    signatures = of_protos(loaded.signature_def, str(source))
    if not signatures:
        raise UsageError(
            f"{source} has no signatures: nothing in it can be called.",
            hint="Export its graph as a frozen graph, naming inputs and outputs.",
        )
    return V1Model(
        f"TensorFlow 1 SavedModel {source}",
        source,
        session,
        signatures,
        initializers=_initializers(loaded),
        assets=assets,
        restore=_restore(loaded, source),
    )


def _assets(meta_graph: Any, source: Path) -> dict[str, Path]:
    """The files of ``assets/`` by tensor; none may lie elsewhere, since they are copied."""
    found = {}
    for item in reader.assets(meta_graph):
        name = PurePosixPath(item.filename)
        if name.is_absolute() or ".." in name.parts:
            raise LoadError(
                f"{source} names the asset {shorten(item.filename)}, which is not in its assets/.",
                hint="Do not use this model unless you know where it comes from.",
            )
        found[item.tensor] = source / "assets" / name
    return found


def _initializers(meta_graph: Any) -> tuple[str, ...]:
    """The ops that the loader runs after the variables are restored."""
    named = [
        value
        for key in _MAIN_OPS
        if key in meta_graph.collection_def
        for value in meta_graph.collection_def[key].node_list.value
    ]
    if _INITIALIZER in meta_graph.signature_def:
        named += [t.name for t in meta_graph.signature_def[_INITIALIZER].outputs.values()]
    return tuple(name.partition(":")[0] for name in named)


def _restore(meta_graph: Any, source: Path) -> Restore | None:
    saver = meta_graph.saver_def
    if not (source / "variables" / "variables.index").is_file() or not saver.restore_op_name:
        return None
    checkpoint = str(source / "variables" / "variables")
    return Restore(saver.restore_op_name, saver.filename_tensor_name, checkpoint)
