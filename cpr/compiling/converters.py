"""Converts one signature for LiteRT or ONNX Runtime."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cpr.artifacts.quiet import without_noise
from cpr.compiling.declined import Declined
from cpr.compiling.frozen import FrozenGraph, wrapped
from cpr.compiling.graph_rewrites import without_erfc
from cpr.extras import import_extra

_OPSET = 18
_MISSING_OPS = re.compile(r"^(?:TF Select|Custom) ops: (.+)$", re.MULTILINE)


def to_litert(tf: Any, folder: Path, name: str, tags: frozenset[str], frozen: FrozenGraph) -> bytes:
    """The signature of a SavedModel as a LiteRT model; raises Declined."""
    try:
        return _to_litert(tf, folder, name, tags)
    except Declined as error:
        # What TensorFlow 1 exported cannot be read so, but as a graph of constants it can.
        if "operations that LiteRT does not have" in str(error):
            raise
        return frozen_to_litert(tf, frozen)


def _to_litert(tf: Any, folder: Path, name: str, tags: Any) -> bytes:
    return _converted(
        lambda: tf.lite.TFLiteConverter.from_saved_model(
            str(folder), signature_keys=[name], tags=set(tags)
        ).convert()
    )


def frozen_to_litert(tf: Any, frozen: FrozenGraph) -> bytes:
    """A frozen graph as a LiteRT model; raises Declined."""
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


def to_onnx(tf: Any, frozen: FrozenGraph) -> bytes:
    """A frozen graph as an ONNX model, its tensors called `in:` and `out:` and the aliases.

    Raises:
        Declined: tf2onnx cannot convert it.
    """
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
