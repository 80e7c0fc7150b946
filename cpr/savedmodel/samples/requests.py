"""A request for a signature that the model answers: values of the right type and shape.

Where the signature parses ``tf.Example``, the value is one with the features
that the graph looks for.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

from cpr.savedmodel import protos
from cpr.savedmodel.layout import DEFAULT_SIGNATURE
from cpr.savedmodel.meta_graph import Signature, TensorSpec
from cpr.savedmodel.reach import reach, signature_nodes
from cpr.savedmodel.samples.features import PARSERS, constant_texts, parsed_features

_TEXT = "text"
_WORDS = {"string": _TEXT, "bool": False}
_MOST_VALUES = 1_000_000


class NoSample(ValueError):
    """No JSON that could be sent says what a signature takes; the message says why."""


def sample_request(
    signature: Signature, meta_graph: protos.Message | None = None, *, is_only: bool = False
) -> dict[str, Any]:
    """A request body with one instance, in the form of AI Platform and of TensorFlow Serving.

    Args:
        signature: What is asked, as its graph takes it (`as_fed`).
        meta_graph: Where it is from; without it, ``tf.Example`` is not told from text.
        is_only: Whether the model has no other signature, so that it needs no name.

    Raises:
        NoSample: An input is no dense tensor, or they are huge.
    """
    _refuse_what_cannot_be_sent(signature)
    examples = _example_inputs(signature, meta_graph) if meta_graph is not None else {}
    values = {
        alias: _in_json(examples[alias]) if alias in examples else sample_value(alias, spec)
        for alias, spec in signature.inputs.items()
    }
    instance = next(iter(values.values())) if len(signature.inputs) == 1 and values else values
    named = (
        {} if is_only or signature.name == DEFAULT_SIGNATURE else {"signature_name": signature.name}
    )
    return {**named, "instances": [instance]}


def sample_value(alias: str, spec: TensorSpec) -> Any:
    """A value of one instance for an input; its first dimension counts instances."""
    value: Any = _WORDS.get(spec.dtype, 0 if "int" in spec.dtype else 0.0)
    if spec.dtype == "string" and alias.endswith("_bytes"):
        value = _in_json(_TEXT.encode())
    for size in reversed((spec.shape or ())[1:]):
        value = [value] * (1 if size is None else size)
    return value


def example_of(parser: protos.Message, constants: Mapping[str, list[bytes]]) -> protos.Message:
    """A ``tf.Example`` with every feature that a parsing node looks for.

    Args:
        parser: The node.
        constants: The texts of the constants of its graph, by the node's name.
    """
    example = protos.Example()
    total = 0
    for key, dtype, shape in parsed_features(parser, constants):
        count = math.prod(shape)
        total += count
        _refuse_huge(total, key.decode("utf-8", "replace"))
        feature = example.features.feature[key.decode("utf-8", "replace")]
        if dtype == "string":
            feature.bytes_list.value.extend([_TEXT.encode()] * count)
        elif dtype == "float32":
            feature.float_list.value.extend([0.0] * count)
        else:
            feature.int64_list.value.extend([0] * count)
    return example


def _refuse_what_cannot_be_sent(signature: Signature) -> None:
    total = 0
    for alias, spec in signature.inputs.items():
        if spec.encoding != "dense":
            raise NoSample(f"the input {alias} is {spec.encoding}")
        total += math.prod(size or 1 for size in (spec.shape or ())[1:])
        _refuse_huge(total, alias)


def _refuse_huge(total: int, name: str) -> None:
    """Refuse what has too many values up to and with a name."""
    if total > _MOST_VALUES:
        raise NoSample(f"it has {total:,} values with those of {name}")


def _in_json(data: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(data).decode()}


def _example_inputs(signature: Signature, meta_graph: protos.Message) -> dict[str, bytes]:
    """The inputs of a signature that take serialized examples, with one each."""
    texts = [
        alias
        for alias, spec in signature.inputs.items()
        if spec.dtype == "string" and len(spec.shape or ()) <= 1
    ]
    if len(texts) != 1:
        return {}
    found = reach(meta_graph, signature_nodes(meta_graph, [signature.name]))
    graph = meta_graph.graph_def
    bodies = [[node for node in graph.node if node.name in found.nodes]]
    for function in graph.library.function:
        if function.signature.name in found.functions:
            bodies.append(function.node_def)
    for body in bodies:
        for node in body:
            if node.op in PARSERS:
                example = example_of(node, constant_texts(body))
                return {texts[0]: example.SerializeToString(deterministic=True)}
    return {}
