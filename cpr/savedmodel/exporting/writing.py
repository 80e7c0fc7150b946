"""Writes traced functions as a SavedModel that holds each variable once.

Keras 3's own export writes every weight twice, and `tf.saved_model.save` of a
model adds its optimizer. Here a module that owns nothing but what the
signatures read is saved: their variables, and the tables and files they use.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from traceback import extract_tb
from typing import Any

from cpr.errors import CprError, LoadError, UsageError, UserCodeError
from cpr.frames import user_place
from cpr.savedmodel.exporting.batches import unbatched_outputs
from cpr.savedmodel.method_names import set_method_names, short_name
from cpr.savedmodel.reach import INIT_SIGNATURE, MAIN_OP
from cpr.savedmodel.reader import read_saved_model, write_saved_model
from cpr.savedmodel.servable import PREDICT, Servable, ServableFunction
from cpr.savedmodel.tensorflow_library import first_line, without_deprecations
from cpr.user_errors import explained

Signatures = Mapping[str, ServableFunction]
# One MetaGraph: its tags, and its signatures.
Graph = tuple[tuple[str, ...], Signatures]


def write(
    tf: Any, graphs: Sequence[Graph], servable: Servable, folder: Path, *, assets: Sequence[Path]
) -> list[str]:
    """Trace the functions of all MetaGraphs and write them into an empty folder.

    Args:
        tf: TensorFlow.
        graphs: The MetaGraphs, the first of which is the one for ``serve``.
        servable: Where the functions come from.
        folder: An existing empty directory.
        assets: Files that ``assets/`` gets besides those that the graph reads.

    Returns:
        What a person should know, one line each.

    Raises:
        UsageError: A function cannot be traced with its inputs.
        UserCodeError: A function raised by itself.
        LoadError: The graph uses something that no one owns.
    """
    with without_deprecations(tf):
        traced = [_trace_all(tf, signatures) for _, signatures in graphs]
        module = _owner(tf, [f for functions in traced for f in functions.values()], servable)
        module.assets = [tf.saved_model.Asset(str(path)) for path in assets]
        notes = _save(tf, module, traced[0], servable, folder)
        for functions in traced[1:]:
            _add_meta_graph(tf, module, functions, servable, folder)
    _set_tags(folder, [tags for tags, _ in graphs])
    for tags, signatures in graphs:
        methods = {
            name: short_name(f.method) for name, f in signatures.items() if f.method != PREDICT
        }
        set_method_names(folder, methods, tags=tags)
    unbatched = {
        f"the output {output!r} of {name!r} has no batch dimension: our server and TensorFlow "
        "Serving cannot split it into predictions."
        for functions in traced
        for name, function in functions.items()
        for output in unbatched_outputs(function)
    }
    return [*notes, *sorted(unbatched)]


def _trace_all(tf: Any, signatures: Signatures) -> dict[str, Any]:
    """The concrete functions; one that has two names is traced once."""
    done: dict[int, Any] = {}
    for name, function in signatures.items():
        if id(function) not in done:
            done[id(function)] = _trace(tf, name, function)
    return {name: done[id(function)] for name, function in signatures.items()}


def _trace(tf: Any, name: str, function: ServableFunction) -> Any:
    """The concrete function of a signature, with keywords for inputs and a dict of outputs."""

    def traced(**tensors: Any) -> dict[str, Any]:
        return {key: tf.identity(value) for key, value in function.call(tensors).items()}

    specs = {
        key: tf.TensorSpec(spec.shape, spec.dtype, name=key)
        for key, spec in function.inputs.items()
    }
    try:
        return tf.function(traced, autograph=False).get_concrete_function(**specs)
    except CprError:
        raise
    except Exception as error:  # whatever the source's Python code raises
        shapes = ", ".join(f"{key} {spec.shape}" for key, spec in specs.items())
        raise _untraceable(f"{name!r} cannot be traced with the inputs {shapes}", error) from error


def _untraceable(what: str, error: Exception) -> CprError:
    """The user's error where their own line raised it; else one about what TensorFlow refuses."""
    problem = f"the signature {what}: {type(error).__name__}: {first_line(error, Path('/'))}"
    place = user_place(error)
    last = extract_tb(error.__traceback__)[-1]
    if place is not None and (last.filename, last.lineno) == (place.file, place.line):
        return explained(UserCodeError, problem, error)
    hint = (
        "A batch of any size is wanted; where the model needs a fixed one, keep the inputs as "
        "they are: any_batch=False, --keep-batch."
    )
    return UsageError(problem, hint=f"{place.text}\n{hint}" if place else hint)


def _owner(tf: Any, functions: Sequence[Any], servable: Servable) -> Any:
    """A module that owns what the functions capture, in an order that depends on nothing else."""
    captured = {id(outer) for function in functions for outer, _ in function.graph.captures}
    owned: list[Any] = []
    for item in _trackables(tf, servable.holders):
        # Keras 3 wraps variables; what it wraps is owned, or all would be written twice.
        names = ("handle",) if isinstance(item, tf.Variable) else ("resource_handle", "asset_path")
        if any(id(_attribute(item, name)) in captured for name in names):
            owned.append(item)
    variables = [v for function in functions for v in function.variables]
    known = {id(item) for item in owned}
    owned += [v for v in {id(v): v for v in variables}.values() if id(v) not in known]
    module = tf.Module()
    module.used = owned
    module.whole = list(servable.whole)
    return module


def _trackables(tf: Any, holders: Sequence[Any]) -> list[Any]:
    found: dict[int, Any] = {}
    for holder in [*holders, *(item for h in holders for item in getattr(h, "owned", ()))]:
        if isinstance(holder, tf.__internal__.tracking.Trackable):
            view = tf.train.TrackableView(holder)
            found |= {id(item): item for item in view.descendants()}
    return list(found.values())


def _attribute(item: Any, name: str) -> Any:
    # Only what is there already: properties of a trackable may make tensors.
    try:
        return getattr(item, name, None)
    except (ValueError, NotImplementedError, RuntimeError):
        return None


def _save(
    tf: Any, module: Any, functions: Mapping[str, Any], servable: Servable, folder: Path
) -> list[str]:
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    try:
        tf.saved_model.save(module, str(folder), signatures=dict(functions), options=options)
        return []
    except AssertionError as error:
        # "Tried to export a function which references an 'untracked' resource."
        if not servable.holders or module.whole:
            raise _untracked(servable, error) from error
    module.whole = list(servable.holders)
    try:
        tf.saved_model.save(module, str(folder), signatures=dict(functions), options=options)
    except AssertionError as error:
        raise _untracked(servable, error) from error
    return ["the source was saved whole, since what its graph uses could not be told apart."]


def _untracked(servable: Servable, error: AssertionError) -> LoadError:
    return LoadError(
        f"the graph of {servable.source} uses a table or variable that nothing owns: "
        f"{first_line(error, Path('/'))}",
        hint="Make it an attribute of a tf.Module, and export that module.",
    )


def _add_meta_graph(
    tf: Any, module: Any, functions: Mapping[str, Any], servable: Servable, folder: Path
) -> None:
    """Add a MetaGraph that shares the variables: the module is the same, so are their names."""
    with tempfile.TemporaryDirectory(prefix=".meta-graph-", dir=folder.parent) as place:
        other = Path(place)
        _save(tf, module, functions, servable, other)
        model = read_saved_model(folder)
        model.meta_graphs.extend(read_saved_model(other).meta_graphs)
        write_saved_model(model, folder)
        (folder / "fingerprint.pb").unlink(missing_ok=True)
        for path in sorted(other.glob("assets/*")):
            (folder / "assets").mkdir(exist_ok=True)
            shutil.copyfile(path, folder / "assets" / path.name)


def _set_tags(folder: Path, tags: Sequence[Sequence[str]]) -> None:
    if list(map(tuple, tags)) == [("serve",)]:
        return
    model = read_saved_model(folder)
    for graph, own in zip(model.meta_graphs, tags, strict=True):
        graph.meta_info_def.tags[:] = own
        if len(tags) > 1:
            _hide_initializer(graph)
    write_saved_model(model, folder)
    (folder / "fingerprint.pb").unlink(missing_ok=True)


def _hide_initializer(graph: Any) -> None:
    """Leave the initializer only where TensorFlow 1 had it, in a collection.

    Of several MetaGraphs one is loaded as TensorFlow 1 does, which takes what
    TensorFlow 2 keeps among the signatures for one that it has to serve.
    """
    if MAIN_OP in graph.collection_def and INIT_SIGNATURE in graph.signature_def:
        del graph.signature_def[INIT_SIGNATURE]
