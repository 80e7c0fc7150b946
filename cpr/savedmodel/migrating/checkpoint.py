"""Opens a TF1 checkpoint with the function that builds its serving graph."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from cpr.errors import CprError, LoadError, UsageError, UserCodeError, shorten
from cpr.savedmodel.layout import refuse_special
from cpr.savedmodel.migrating.declared import built_signatures
from cpr.savedmodel.migrating.graph_questions import ancestors
from cpr.savedmodel.migrating.model import V1Model, V1Signature, session_for
from cpr.savedmodel.migrating.opening import as_servable
from cpr.savedmodel.migrating.tables import fill_tables
from cpr.savedmodel.servable import Servable, SourceOptions
from cpr.savedmodel.tensorflow_library import first_line, without_deprecations
from cpr.suggest import did_you_mean
from cpr.user_errors import describe, explained


def open_checkpoint(tf: Any, source: Path, options: SourceOptions) -> Servable:
    """Build the graph in an empty one and restore what it serves from the checkpoint.

    Args:
        tf: TensorFlow.
        source: The checkpoint's prefix, ``model.ckpt-94``, or a directory
            whose latest one is meant.
        options: `build` makes the serving graph: no readers, no dropout.

    Raises:
        UsageError: There is no `build`, or it returned no signatures.
        UserCodeError: It raised.
        LoadError: The checkpoint is missing or damaged, or lacks a variable.
    """
    if options.build is None:
        raise UsageError(
            f"{source} is a checkpoint: values without a graph.",
            hint="Give the function that builds the serving graph: build=…, --build module:name; "
            "it makes placeholders and returns ({'x': x}, {'y': y}).",
        )
    prefix = latest(tf, source)
    title = f"checkpoint {prefix}"
    with session_for(tf) as session:
        with session.graph.as_default(), without_deprecations(tf):
            built = _built(options.build)
        signatures = built_signatures(session.graph, built, title)
        filled = restore(tf, session, signatures, prefix, title)
        return as_servable(tf, V1Model(title, prefix, session, signatures, *filled))


def _built(build: Callable[..., Any]) -> Any:
    """What the user's function returns that builds the graph."""
    try:
        return build()
    except CprError:
        raise
    except Exception as error:
        problem = f"the function that builds the graph raised {describe(error)}"
        raise explained(UserCodeError, problem, error) from error


def latest(tf: Any, source: Path) -> Path:
    """The prefix of the checkpoint that a path means.

    Raises:
        LoadError: There is none.
    """
    if not source.is_dir():
        return source.with_suffix("") if source.suffix == ".index" else source
    refuse_special(source / "checkpoint")
    found = tf.train.latest_checkpoint(str(source))
    prefixes = sorted(source.glob("*.index"), key=lambda path: path.stat().st_mtime)
    if found is None and not prefixes:
        names = ", ".join(sorted(item.name for item in source.iterdir())[:8])
        raise LoadError(
            f"{source} holds no checkpoint; it holds {names or 'nothing'}.",
            hint="A checkpoint is NAME.index with NAME.data-00000-of-00001.",
        )
    return Path(found) if found else prefixes[-1].with_suffix("")


def restore(
    tf: Any, session: Any, signatures: Mapping[str, V1Signature], prefix: Path, title: str
) -> tuple[tuple[str, ...], dict[str, Path]]:
    """Fill the variables and tables that the signatures read; returns what `fill_tables` does.

    Raises:
        LoadError: The checkpoint is missing or damaged, or lacks a variable,
            or a vocabulary is missing.
    """
    graph = session.graph
    for path in prefix.parent.glob(f"{glob.escape(prefix.name)}.*"):
        refuse_special(path)
    shapes = _shapes(tf, prefix)
    read = read_by(graph, signatures)
    with graph.as_default(), without_deprecations(tf):
        # By name: what is in a collection may be there twice.
        named = {item.op.name: item for item in tf.compat.v1.global_variables()}
        variables = [item for name, item in named.items() if name in read]
        _check(variables, shapes, prefix, title)
        if variables:
            _fill(tf, session, variables, prefix)
    return fill_tables(tf, session, read, prefix.parent, title)


def read_by(graph: Any, signatures: Mapping[str, V1Signature]) -> set[str]:
    """The operations that the outputs of signatures need, by name."""
    outputs = [name for s in signatures.values() for name in s.outputs.values()]
    return ancestors(graph, [name.partition(":")[0] for name in outputs])


def _fill(tf: Any, session: Any, variables: list[Any], prefix: Path) -> None:
    try:
        # A Saver finds the parts of partitioned variables by the whole's name.
        saver = tf.compat.v1.train.Saver(variables)
        session.run(
            saver.saver_def.restore_op_name, {saver.saver_def.filename_tensor_name: str(prefix)}
        )
    except (tf.errors.OpError, ValueError) as error:
        raise _unreadable(prefix, error) from error


def _shapes(tf: Any, prefix: Path) -> Mapping[str, Any]:
    try:
        shapes: Mapping[str, Any] = tf.train.load_checkpoint(
            str(prefix)
        ).get_variable_to_shape_map()
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise _unreadable(prefix, error) from error
    return shapes


def _unreadable(prefix: Path, error: Exception) -> LoadError:
    return LoadError(
        f"the checkpoint {prefix} cannot be read: {first_line(error, prefix.parent)}",
        hint=f"It is {prefix.name}.index with {prefix.name}.data-?????-of-?????; copy both.",
    )


def _check(variables: Iterable[Any], shapes: Mapping[str, Any], prefix: Path, title: str) -> None:
    """Refuse variables that the checkpoint does not have, or has in another shape."""
    for variable in variables:
        slices = variable._get_save_slice_info()
        name = slices.full_name if slices else variable.op.name
        wanted = list(slices.full_shape) if slices else variable.shape.as_list()
        if name not in shapes:
            others = ", ".join(sorted(shapes)[:8])
            raise LoadError(
                f"{title} has no value for the variable {shorten(name)}; it has {others}"
                f"{', …' if len(shapes) > 8 else ''}.",
                hint=f"Build the graph with the names of the one that was trained. "
                f"{did_you_mean(name, shapes)}".strip(),
            )
        if list(shapes[name]) != wanted:
            raise LoadError(
                f"{title} has {name!r} of shape {list(shapes[name])}, "
                f"but the graph's variable has {wanted}.",
                hint="Build the graph with the sizes that were trained.",
            )
