"""Opens a SavedModel that TensorFlow 1 wrote: Builder, simple_save, Estimators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cpr.errors import LoadError, UsageError
from cpr.savedmodel.loadable import refuse_unloadable
from cpr.savedmodel.meta_graph import assets, choose_meta_graph, tags
from cpr.savedmodel.migrating.model import Restore, V1Model, of_protos, session_for
from cpr.savedmodel.migrating.opening import as_servable
from cpr.savedmodel.reach import initializers
from cpr.savedmodel.reader import read_saved_model
from cpr.savedmodel.servable import Servable, SourceOptions
from cpr.savedmodel.tensorflow_library import EXPORT_AGAIN, first_line, without_deprecations


def open_saved_model_v1(tf: Any, source: Path, options: SourceOptions) -> Servable:
    """Open a TF1 SavedModel, with all signatures of one MetaGraph.

    Raises:
        LoadError: It is damaged, no MetaGraph has the tags, or TensorFlow
            does not know an op.
        UsageError: The MetaGraph has no signatures.
    """
    with session_for(tf) as session:
        return as_servable(tf, _load(tf, session, source, options.tags))


def _load(tf: Any, session: Any, source: Path, wanted: tuple[str, ...]) -> V1Model:
    """Load one MetaGraph of a SavedModel into a session."""
    model = read_saved_model(source)
    refuse_unloadable(model, source)
    chosen = choose_meta_graph(model, wanted or None, where=source)
    files = _files(chosen, source)
    try:
        with session.graph.as_default(), without_deprecations(tf):
            loaded = tf.compat.v1.saved_model.load(
                session, list(tags(chosen)), str(source), clear_devices=True
            )
    except Exception as error:  # TensorFlow raises almost anything for a damaged model
        message = first_line(error, source)
        hint = EXPORT_AGAIN
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
        initializers=tuple(initializers(loaded)),
        assets=files,
        restore=_restore(loaded, source),
    )


def _files(meta_graph: Any, source: Path) -> dict[str, Path]:
    """The files of ``assets/`` by tensor."""
    return {item.tensor: source / "assets" / item.filename for item in assets(meta_graph)}


def _restore(meta_graph: Any, source: Path) -> Restore | None:
    saver = meta_graph.saver_def
    if not (source / "variables" / "variables.index").is_file() or not saver.restore_op_name:
        return None
    checkpoint = str(source / "variables" / "variables")
    return Restore(saver.restore_op_name, saver.filename_tensor_name, checkpoint)
