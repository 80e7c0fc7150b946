"""Opens graphs without a SavedModel around them: a frozen GraphDef, a MetaGraphDef."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from google.protobuf.message import DecodeError

from cpr.errors import LoadError
from cpr.savedmodel.migrating.checkpoint import read_by, restore
from cpr.savedmodel.migrating.declared import signatures_of
from cpr.savedmodel.migrating.model import V1Model, of_protos, session_for
from cpr.savedmodel.migrating.opening import as_servable
from cpr.savedmodel.migrating.tables import fill_tables
from cpr.savedmodel.servable import Servable, SourceOptions
from cpr.savedmodel.tensorflow_library import first_line, without_deprecations


def open_graph_def(tf: Any, source: Path, options: SourceOptions) -> Servable:
    """Open a frozen graph: a GraphDef, binary or text, whose variables are constants.

    The options name its inputs and outputs; where there is only one candidate
    for each they need not.

    Raises:
        LoadError: It is damaged, is not frozen, or TensorFlow does not know an op.
        UsageError: The inputs or outputs are not named.
    """
    title = f"frozen graph {source}"
    definition = _read(source, tf.compat.v1.GraphDef(), "GraphDef")
    if not definition.node:
        raise LoadError(f"{source} is not a GraphDef: it holds no node.")
    for node in definition.node:
        node.device = ""
    with session_for(tf) as session:
        with _importing(tf, source, session):
            tf.graph_util.import_graph_def(definition, name="")
        signatures = signatures_of(session.graph, options, title)
        read = read_by(session.graph, signatures)
        filled = fill_tables(tf, session, read, source.parent, title)
        return as_servable(tf, V1Model(title, source, session, signatures, *filled))


def open_meta_graph(tf: Any, source: Path, options: SourceOptions) -> Servable:
    """Open a MetaGraphDef with the checkpoint beside it, as a Saver writes them.

    The options name inputs and outputs, unless it has signatures. Any tensor
    may be an input, also one that training read from a queue or dataset.

    Raises:
        LoadError: It is damaged, or the checkpoint is missing or lacks a variable.
        UsageError: The inputs or outputs are not named.
    """
    title = f"MetaGraph {source}"
    definition = _read(source, tf.compat.v1.MetaGraphDef(), "MetaGraphDef")
    with session_for(tf) as session:
        with _importing(tf, source, session):
            tf.compat.v1.train.import_meta_graph(definition, clear_devices=True)
        signatures = of_protos(definition.signature_def, title)
        if options.inputs or options.outputs or not signatures:
            signatures = signatures_of(session.graph, options, title)
        filled = restore(tf, session, signatures, source.with_suffix(""), title)
        return as_servable(tf, V1Model(title, source, session, signatures, *filled))


def _read(path: Path, message: Any, kind: str) -> Any:
    try:
        content = path.read_bytes()
        if path.suffix == ".pbtxt":
            text_format.Parse(content.decode("utf-8"), message)
        else:
            message.ParseFromString(content)
    except OSError as error:
        raise LoadError(f"{path} cannot be read: {error.strerror}.") from error
    except (DecodeError, text_format.ParseError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise LoadError(
            f"{path} is not a {kind}, or is damaged: {reason}",
            hint="Write it with tf.io.write_graph, or copy it again in binary mode.",
        ) from error
    return message


@contextmanager
def _importing(tf: Any, source: Path, session: Any) -> Iterator[None]:
    """Have a graph imported into that of a session, and what TensorFlow says of it told."""
    try:
        with session.graph.as_default(), without_deprecations(tf):
            yield
    except Exception as error:  # TensorFlow raises almost anything for a damaged graph
        raise LoadError(
            f"TensorFlow {tf.__version__} cannot import {source}: {first_line(error, source)}",
            hint="An op that it does not know comes with a library; import that before you export.",
        ) from error
