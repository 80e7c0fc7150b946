"""What TensorFlow itself sees in a SavedModel and answers, in a process made for each question.

The processes are forked from one that has imported TensorFlow and nothing
else, so a table or variable of one model cannot help another one out.
"""

from __future__ import annotations

import math
import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

import numpy as np

from cpr.savedmodel.tensorflow_library import first_line, import_tensorflow, without_deprecations

Arrays = Mapping[str, Any]
Asked = Sequence[tuple[str, Arrays]]
Answer = dict[str, Any] | str
"""Outputs by alias, or why there are none."""
Loader = Literal["tf2", "v1"]
P = ParamSpec("P")
T = TypeVar("T")


def in_fresh_process(work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """What `work` returns in a process of its own.

    Raises:
        ProcessDied: It did not end by itself.
    """
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    fork = multiprocessing.get_context("forkserver")
    fork.set_forkserver_preload(["preloaded"])
    with ProcessPoolExecutor(1, mp_context=fork) as pool:
        try:
            return pool.submit(work, *given, **named).result()
        except BrokenProcessPool as error:
            raise ProcessDied("TensorFlow ended its process") from error


class ProcessDied(Exception):
    """A process ended before it had answered."""


def ask(folder: str, tags: Sequence[str], loader: Loader, asked: Asked) -> list[Answer]:
    """What a model answers through one of TensorFlow's loaders, one call after the other.

    A model that cannot be loaded gives the reason as its only answer.
    """
    tf = import_tensorflow()
    with without_deprecations(tf):
        try:
            call = (_version_2 if loader == "tf2" else _version_1)(tf, folder, list(tags))
        except Exception as error:  # TensorFlow raises almost anything
            return [f"cannot be loaded: {_said(error, folder)}"]
        return [_answer(call, signature, inputs, folder) for signature, inputs in asked]


def first_taken(
    folder: str, tags: Sequence[str], variants: Mapping[str, Sequence[Arrays]]
) -> dict[str, int]:
    """Of each signature's inputs the place of the first that the model takes."""
    flat = [(name, one) for name, some in variants.items() for one in some]
    places = [place for some in variants.values() for place in range(len(some))]
    found: dict[str, int] = {}
    for loader in ("v1", "tf2"):
        answers = ask(folder, tags, loader, flat)
        for (name, _), place, answer in zip(flat, places, answers, strict=False):
            if not isinstance(answer, str):
                found.setdefault(name, place)
    return found


def view(folder: str) -> dict[str, Any]:
    """What TensorFlow's own messages and checkpoint reader say of a SavedModel."""
    tf = import_tensorflow()
    from tensorflow.python.saved_model import loader_impl
    from tensorflow.python.tools.saved_model_cli import _OP_DENYLIST

    model = loader_impl.parse_saved_model(folder)
    prefix = Path(folder) / "variables" / "variables"
    has_variables = prefix.with_name("variables.index").exists()
    return {
        "graphs": [
            {
                **_graph(graph, tf),
                "assets": _assets(loader_impl.get_asset_tensors(folder, graph), Path(folder)),
            }
            for graph in model.meta_graphs
        ],
        "variables": _variables(tf.train.load_checkpoint(str(prefix))) if has_variables else {},
        "denied": sorted(_OP_DENYLIST),
    }


def _version_2(tf: Any, folder: str, tags: list[str]) -> Callable[[str, Arrays], Arrays]:
    loaded = tf.saved_model.load(folder, tags=tags)

    def call(signature: str, inputs: Arrays) -> Arrays:
        found = loaded.signatures[signature]
        specs = found.structured_input_signature[1]
        for alias, spec in specs.items():
            # Some kernels end the process where they meet a rank that they were not traced for.
            if not spec.shape.is_compatible_with(inputs[alias].shape):
                raise ValueError(f"{alias} has the shape {inputs[alias].shape}, not {spec.shape}")
        given = {name: tf.constant(value) for name, value in inputs.items()}
        return {name: _array(tf, value) for name, value in found(**given).items()}

    return call


def _version_1(tf: Any, folder: str, tags: list[str]) -> Callable[[str, Arrays], Arrays]:
    session = tf.compat.v1.Session(
        graph=tf.Graph(), config=tf.compat.v1.ConfigProto(allow_soft_placement=True)
    )
    with session.graph.as_default():
        loaded = tf.compat.v1.saved_model.load(session, tags, folder)

    def call(signature: str, inputs: Arrays) -> Arrays:
        found = loaded.signature_def[signature]
        wanted = {
            alias: info.coo_sparse.values_tensor_name or info.name
            for alias, info in found.outputs.items()
        }
        return session.run(
            wanted, {found.inputs[alias].name: value for alias, value in inputs.items()}
        )

    return call


def _array(tf: Any, value: Any) -> Any:
    return (value.values if isinstance(value, tf.SparseTensor) else value).numpy()


def _answer(
    call: Callable[[str, Arrays], Arrays], signature: str, inputs: Arrays, folder: str
) -> Answer:
    try:
        outputs = call(signature, inputs)
    except Exception as error:  # as above
        return _said(error, folder)
    return {name: np.asarray(value) for name, value in outputs.items()}


def _said(error: Exception, folder: str) -> str:
    return f"{type(error).__name__}: {first_line(error, Path(folder))}"


def _assets(tensors: Mapping[str, bytes], folder: Path) -> list[list[Any]]:
    """The file, tensor and size of each asset, as the loader of TensorFlow 1 feeds them."""
    found = []
    for tensor, path in tensors.items():
        file = Path(os.fsdecode(path))
        size = file.stat().st_size if file.is_file() else None
        found.append([str(file.relative_to(folder / "assets")), tensor, size])
    return sorted(found)


def _graph(graph: Any, tf: Any) -> dict[str, Any]:
    info, library = graph.meta_info_def, graph.graph_def.library
    nodes = [*graph.graph_def.node, *(node for one in library.function for node in one.node_def)]
    ops: dict[str, int] = {}
    for node in nodes:
        ops[node.op] = ops.get(node.op, 0) + 1
    shown = {
        name: signature
        for name, signature in graph.signature_def.items()
        if not name.startswith("__saved_model_")
    }
    return {
        "tags": sorted(info.tags),
        "facts": {
            "TensorFlow": info.tensorflow_version or "unknown",
            "strip_default_attrs": info.stripped_default_attrs,
            "producer": graph.graph_def.versions.producer,
            "min_consumer": graph.graph_def.versions.min_consumer,
        },
        "signatures": {name: _signature(one, tf) for name, one in shown.items()},
        "hidden": sorted(set(graph.signature_def) - set(shown)),
        "nodes": len(graph.graph_def.node),
        "functions": len(library.function),
        "ops": ops,
    }


def _signature(signature: Any, tf: Any) -> dict[str, Any]:
    def tensors(infos: Any) -> dict[str, Any]:
        return {
            alias: {
                "dtype": tf.dtypes.as_dtype(info.dtype).name,
                "shape": tf.TensorShape(info.tensor_shape).as_list()
                if not info.tensor_shape.unknown_rank
                else None,
                "tensor": info.coo_sparse.values_tensor_name or info.name,
            }
            for alias, info in infos.items()
        }

    return {
        "method": signature.method_name,
        "inputs": tensors(signature.inputs),
        "outputs": tensors(signature.outputs),
    }


def _variables(reader: Any) -> dict[str, Any]:
    shapes = reader.get_variable_to_shape_map()
    found = {}
    for key, dtype in reader.get_variable_to_dtype_map().items():
        size = None if dtype.name == "string" else dtype.size * math.prod(shapes[key])
        found[key] = [dtype.name, shapes[key], size]
    return found
