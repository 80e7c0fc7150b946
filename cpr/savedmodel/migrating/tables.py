"""Fills the tables of a graph that comes without a SavedModel, as its training program did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cpr.errors import LoadError
from cpr.savedmodel.migrating.graph_questions import ancestors
from cpr.savedmodel.tensorflow_library import first_line

_FROM_FILE = ("InitializeTableFromTextFile", "InitializeTableFromTextFileV2")
_FILLS = (*_FROM_FILE, "InitializeTable", "InitializeTableV2", "LookupTableImportV2")


def fill_tables(
    tf: Any, session: Any, read: set[str], folder: Path, title: str
) -> tuple[tuple[str, ...], dict[str, Path]]:
    """Initialize local variables, and the tables that are read.

    Args:
        tf: TensorFlow.
        session: The session with the graph.
        read: The ops that signatures need, by name.
        folder: Where else a vocabulary may lie, by its own name.
        title: What the graph is from, for messages.

    Returns:
        The ops that fill tables, and the files that they read by the tensor
        that has the path.

    Raises:
        LoadError: A vocabulary is missing, or cannot be read.
    """
    fills = [
        op
        for op in session.graph.get_operations()
        if op.type in _FILLS and op.inputs[0].op.name in read and not _is_restored(op)
    ]
    _check_mutable(session.graph, read, {op.inputs[0].op.name for op in fills}, title)
    paths = {op.inputs[1].name: op.inputs[1] for op in fills if op.type in _FROM_FILE}
    assets = {name: _file(session, tensor, folder, title) for name, tensor in paths.items()}
    with session.graph.as_default():
        session.run(tf.compat.v1.local_variables_initializer())
    try:
        session.run(fills, {name: str(path) for name, path in assets.items()})
    except tf.errors.OpError as error:
        raise LoadError(
            f"{title}: a table cannot be filled: {first_line(error, folder)}"
        ) from error
    return tuple(op.name for op in fills), assets


def _check_mutable(graph: Any, read: set[str], filled: set[str], title: str) -> None:
    """Refuse a table that would silently stay empty."""
    for name in sorted(read - filled):
        if graph.get_operation_by_name(name).type.startswith("Mutable"):
            raise LoadError(
                f"{title}: the table {name!r} was filled in training; its content cannot be "
                "restored without the training program.",
                hint="Write a SavedModel there with the Builder, and export that.",
            )


def _is_restored(op: Any) -> bool:
    """Whether a checkpoint fills the table: a Saver's op, whose values come of a file."""
    before = ancestors(op.graph, [op.name])
    return any(op.graph.get_operation_by_name(name).type == "RestoreV2" for name in before)


def _file(session: Any, tensor: Any, folder: Path, title: str) -> Path:
    """The vocabulary at the path that a tensor has, else one of the same name in the folder."""
    path = Path(session.run(tensor).decode())
    beside = folder / path.name
    if not path.is_file() and not beside.is_file():
        raise LoadError(
            f"{title} reads the vocabulary {path}, which does not exist.",
            hint=f"Copy it to {beside}.",
        )
    return path if path.is_file() else beside
