"""Builds the files of a signature model, SavedModel or Keras, for one runtime."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from cpr.artifacts.compiled import Runtime
from cpr.artifacts.detect import Artifact, Kind
from cpr.artifacts.keras_file import inspect
from cpr.artifacts.quiet import without_noise
from cpr.compiling.casts import check_casts
from cpr.compiling.declined import Declined
from cpr.compiling.frozen import FrozenGraph, freeze, wrapped
from cpr.compiling.graph_rewrites import without_erfc
from cpr.compiling.xla_builds import powers_up_to, write_for_xla
from cpr.extras import import_extra
from cpr.runtimes.keras_export import export_to
from cpr.runtimes.signatures import Signature
from cpr.runtimes.tf_functions import TfFunctions
from cpr.runtimes.tf_session import TfSession
from cpr.savedmodel.keras_loading import load_keras
from cpr.savedmodel.tensorflow_library import import_tensorflow, without_deprecations

_OPSET = 18
_MISSING_OPS = re.compile(r"^(?:TF Select|Custom) ops: (.+)$", re.MULTILINE)


def build_signatures(
    artifact: Artifact,
    tags: tuple[str, ...],
    runtime: Runtime,
    batch_sizes: Sequence[int],
    into: Path,
) -> dict[str, Any]:
    """Write a file for each signature that computes something of its own.

    Returns:
        The part `model` of the record, without what only comparing shows. A
        signature has a `file`, or `why_not`: why it cannot be converted.

    Raises:
        Declined: There is no signature.
        LoadError: The model itself cannot be loaded.
    """
    tf = import_tensorflow()
    with tempfile.TemporaryDirectory(prefix="cpr-compile-") as made, without_deprecations(tf):
        folder, runner, signatures, tagged = _load(tf, artifact, tags, Path(made))
        inner_ones = {name: inner for name, (_, inner) in signatures.items()}

        @cache
        def load_functions() -> TfFunctions:
            return TfFunctions(tf, folder, tagged, inner_ones)

        if not signatures:
            raise Declined("the model has no signature")
        sizes = powers_up_to(max(batch_sizes)) if runtime == "xla" else []
        entries: dict[str, Any] = {}
        files: dict[str, dict[str, Any]] = {}
        for name, (declared, inner) in signatures.items():
            try:
                frozen = freeze(tf, runner, inner, load_functions)
            except Declined as error:
                told: dict[str, Any] = {"why_not": str(error)}
            else:
                key = frozen.identity
                if key not in files:
                    path = into / f"function-{len(files)}.{_SUFFIXES[runtime]}"
                    files[key] = _written(tf, runtime, folder, tagged, inner, frozen, sizes, path)
                told = dict(files[key])
            entry = {**_entry(declared, inner), **told}
            for side, names in entry.pop("tensors", {}).items():
                for item in entry[side].values():
                    item["name"] = names[item["name"]]
            entries[name] = entry
        model = {"tags": sorted(tagged), "signatures": entries}
        return {**model, "batch_sizes": sizes} if sizes else model


_SUFFIXES: dict[Runtime, str] = {"litert": "tflite", "onnx": "onnx", "xla": "pb"}
_Pairs = dict[str, tuple[Signature, Signature]]


def _load(
    tf: Any, artifact: Artifact, tags: tuple[str, ...], made: Path
) -> tuple[Path, TfSession | TfFunctions, _Pairs, frozenset[str]]:
    """The model, each signature as it is served and as its graph has it, and the graph's tags."""
    if artifact.kind is Kind.KERAS:
        file = inspect(artifact.path)
        session, declared = export_to(made, tf, load_keras(file), file.path)
        inner = session.signatures[declared.name]
        return made, session, {declared.name: (declared, inner)}, session.tags
    session = TfSession(tf, artifact.path, tags)
    pairs = {name: (item, item) for name, item in session.signatures.items()}
    if not session.unrestored:
        return artifact.path, session, pairs, session.tags
    session.close()
    functions = TfFunctions(tf, artifact.path, session.tags, session.signatures)
    return artifact.path, functions, pairs, session.tags


def _entry(declared: Signature, inner: Signature) -> dict[str, Any]:
    """A signature as the record holds it; `name` is the tensor's in the file."""
    sides = {}
    for side in ("inputs", "outputs"):
        outer, within = getattr(declared, side), getattr(inner, side)
        by_tensor = {spec.name: alias for alias, spec in within.items()}
        sides[side] = {
            alias: {
                "tensor": spec.name,
                "dtype": spec.dtype,
                "shape": None if spec.shape is None else list(spec.shape),
                "name": by_tensor.get(spec.name, alias) if outer is not within else alias,
            }
            for alias, spec in outer.items()
        }
    return {"method": declared.method, **sides}


def _written(
    tf: Any,
    runtime: Runtime,
    folder: Path,
    tags: frozenset[str],
    signature: Signature,
    frozen: FrozenGraph,
    sizes: Sequence[int],
    path: Path,
) -> dict[str, Any]:
    """Convert and write a signature; the `file` that it is in, or `why_not`."""
    try:
        largest = check_casts(tf, frozen.graph, runtime)
        told: dict[str, Any] = {} if largest is None else {"largest": largest}
        if runtime == "xla":
            write_for_xla(signature, frozen, sizes, path)
            tensors = {"inputs": dict(frozen.inputs), "outputs": dict(frozen.outputs)}
            return {**told, "file": path.name, "tensors": tensors}
        if runtime == "onnx":
            content = _to_onnx_if_numeric(tf, signature, frozen)
        else:
            content = _to_litert_somehow(tf, folder, signature.name, tags, frozen)
    except Declined as error:
        return {"why_not": str(error)}
    path.write_bytes(content)
    return {**told, "file": path.name}


def _to_onnx_if_numeric(tf: Any, signature: Signature, frozen: FrozenGraph) -> bytes:
    for alias, spec in {**signature.inputs, **signature.outputs}.items():
        if spec.dtype == "string":
            raise Declined(f"{alias!r} holds text, of which ONNX knows too little")
    return _to_onnx(tf, frozen)


def _to_litert_somehow(
    tf: Any, folder: Path, name: str, tags: frozenset[str], frozen: FrozenGraph
) -> bytes:
    try:
        return _to_litert(tf, folder, name, tags)
    except Declined as error:
        # What TensorFlow 1 exported cannot be read so, but as a graph of constants it can.
        if "operations that LiteRT does not have" in str(error):
            raise
        return _frozen_to_litert(tf, frozen)


def _to_litert(tf: Any, folder: Path, name: str, tags: Any) -> bytes:
    return _converted(
        lambda: tf.lite.TFLiteConverter.from_saved_model(
            str(folder), signature_keys=[name], tags=set(tags)
        ).convert()
    )


def _frozen_to_litert(tf: Any, frozen: FrozenGraph) -> bytes:
    with tempfile.TemporaryDirectory(prefix="cpr-frozen-") as folder:
        module, function = wrapped(tf, frozen)
        tf.saved_model.save(module, folder, signatures={"serving_default": function})
        return _to_litert(tf, Path(folder), "serving_default", ("serve",))


def _converted(convert: Callable[[], bytes]) -> bytes:
    # The converter raises whatever MLIR, protobuf and TensorFlow raise.
    try:
        with without_noise():
            content = convert()
    except Exception as error:
        missing = sorted({op for ops in _MISSING_OPS.findall(str(error)) for op in ops.split(", ")})
        if missing:
            raise Declined(
                f"it uses operations that LiteRT does not have: {', '.join(missing)}"
            ) from error
        raise Declined(f"the LiteRT converter failed: {_first_line(error)}") from error
    return content


def _to_onnx(tf: Any, frozen: FrozenGraph) -> bytes:
    tf2onnx = import_extra("tf2onnx", "compile")
    onnx = import_extra("onnx", "compile")
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    graph = without_erfc(frozen.graph)
    # tf2onnx raises ValueError, KeyError, AssertionError and more, and logs what it cannot do.
    try:
        with _collected(logging.getLogger("tf2onnx")) as said:
            model, _ = tf2onnx.convert._convert_common(
                graph,
                name="cpr",
                opset=_OPSET,
                input_names=list(frozen.inputs.values()),
                output_names=list(dict.fromkeys(frozen.outputs.values())),
            )
    except Exception as error:
        raise Declined(f"tf2onnx failed: {_first_line(error)}") from error
    if said:
        raise Declined(f"tf2onnx says: {said[0]}")
    _rename(onnx, model, frozen)
    content: bytes = model.SerializeToString()
    return content


@contextmanager
def _collected(logger: logging.Logger) -> Iterator[list[str]]:
    """The errors that a library only logs."""
    said: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage().splitlines()[0])

    keeper = Keeper(logging.ERROR)
    logger.addHandler(keeper)
    level, propagate = logger.level, logger.propagate
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    try:
        yield said
    finally:
        logger.removeHandler(keeper)
        logger.setLevel(level)
        logger.propagate = propagate


def _rename(onnx: Any, model: Any, frozen: FrozenGraph) -> None:
    """Give the model's inputs and outputs the aliases of the signature."""
    graph, helper = model.graph, onnx.helper
    given = {item.name: item for item in graph.input}
    made = {item.name: item for item in graph.output}
    inputs, outputs = [], []
    for alias, name in frozen.inputs.items():
        if name not in given:
            raise Declined(f"tf2onnx lost the input {alias!r}")
        graph.node.insert(0, helper.make_node("Identity", [f"in:{alias}"], [name]))
        inputs.append(_copied(given[name], f"in:{alias}"))
    if set(given) - set(frozen.inputs.values()):
        raise Declined("tf2onnx made an input of a constant")
    for alias, name in frozen.outputs.items():
        graph.node.append(helper.make_node("Identity", [name], [f"out:{alias}"]))
        outputs.append(_copied(made[name], f"out:{alias}"))
    for target, items in ((graph.input, inputs), (graph.output, outputs)):
        del target[:]
        target.extend(items)


def _copied(item: Any, name: str) -> Any:
    copy = type(item)()
    copy.CopyFrom(item)
    copy.name = name
    return copy


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
