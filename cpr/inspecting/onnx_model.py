"""An ONNX model: its opsets, inputs and outputs, operators and weights, without onnx."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from cpr.errors import LoadError
from cpr.inspecting.inspection import Graph, Inspection, Problem, SignatureView, Tensor, Variable
from cpr.inspecting.single_file import single_file
from cpr.inspecting.tensor_samples import sample_for
from cpr.savedmodel.dtypes import item_bytes
from cpr.savedmodel.message_table import describe
from cpr.savedmodel.skim import Malformed, skim

# onnx/onnx-ml.proto, as far as it is looked at; large values of attributes are no part of it.
_MESSAGES = """
ModelProto: 1 ir_version int64, 8 opset_import OperatorSetIdProto*, 2 producer_name string,
  3 producer_version string, 4 domain string, 5 model_version int64, 7 graph GraphProto,
  14 metadata_props StringStringEntryProto*, 25 functions FunctionProto*
OperatorSetIdProto: 1 domain string, 2 version int64
StringStringEntryProto: 1 key string, 2 value string
FunctionProto: 1 name string, 7 node NodeProto*, 10 domain string
GraphProto: 1 node NodeProto*, 2 name string, 5 initializer TensorProto*,
  11 input ValueInfoProto*, 12 output ValueInfoProto*
NodeProto: 3 name string, 4 op_type string, 7 domain string, 5 attribute AttributeProto*
AttributeProto: 1 name string, 6 g GraphProto, 11 graphs GraphProto*
TensorProto: 1 dims int64*, 2 data_type int32, 8 name string, 9 raw_data bytes,
  13 external_data StringStringEntryProto*, 14 data_location int32
ValueInfoProto: 1 name string, 2 type TypeProto
TypeProto: value( 1 tensor_type TypeProto.Tensor, 4 sequence_type TypeProto.Sequence,
  5 map_type TypeProto.Map, 9 optional_type TypeProto.Sequence )
TypeProto.Tensor: 1 elem_type int32, 2 shape TensorShapeProto
TypeProto.Sequence: 1 elem_type TypeProto
TypeProto.Map: 1 key_type int32, 2 value_type TypeProto
TensorShapeProto: 1 dim TensorShapeProto.Dimension*
TensorShapeProto.Dimension: value( 1 dim_value int64, 2 dim_param string )
"""
# TensorProto.DataType, in order.
_TYPES = [
    "undefined", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool",
    "float16", "float64", "uint32", "uint64", "complex64", "complex128", "bfloat16",
    "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "uint4", "int4",
    "float4_e2m1fn", "float8_e8m0fnu", "uint2", "int2",
]  # fmt: skip
_STANDARD = ("", "ai.onnx", "ai.onnx.ml")
_DEPTH = 20


def inspect_file(path: Path) -> Inspection:
    """Everything that an ONNX file says.

    Raises:
        LoadError: It is no ONNX model, or is damaged.
    """
    try:
        model = skim(path, _model_class()).model
    except (DecodeError, Malformed) as error:
        raise LoadError(
            f"{path} is not an ONNX model, or is damaged: {error}",
            hint="Copy it again, in binary mode, or convert the model again.",
        ) from error
    if not model.HasField("graph"):
        raise LoadError(
            f"{path} is not an ONNX model, or is damaged: it holds no graph.",
            hint="Copy it again, in binary mode, or convert the model again.",
        )
    problems: list[Problem] = []
    variables = tuple(_variables(path, model.graph, problems))
    nodes = [*_nodes(model.graph), *(node for one in model.functions for node in one.node)]
    names = Counter(_operator(node) for node in nodes)
    custom = sorted({node.domain for node in nodes if node.domain not in _STANDARD})
    own = {function.domain for function in model.functions}
    for domain in custom:
        if domain not in own:
            problems.append(
                Problem(
                    "warning",
                    "custom-operators",
                    f"It has operators of the domain {domain!r}, which ONNX does not define.",
                    "ONNX Runtime needs a library that has them.",
                )
            )
    graph = Graph(
        signatures=(_signature(model.graph, {item.name for item in variables}),),
        nodes=len(nodes),
        functions=len(model.functions),
        ops=dict(sorted(names.items(), key=lambda item: (-item[1], item[0]))),
        constant_bytes=sum(item.size for item in variables),
    )
    return single_file(
        path,
        "onnx",
        "ONNX",
        facts=_facts(model),
        graphs=(graph,),
        variables=variables,
        problems=tuple(problems),
    )


def _model_class() -> Any:
    pool = descriptor_pool.DescriptorPool()
    file = describe("cpr/onnx.proto", _MESSAGES, package="onnx", syntax="proto2")
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("onnx.ModelProto"))


def _facts(model: Any) -> dict[str, str | bool | int]:
    facts: dict[str, str | bool | int] = {"IR version": model.ir_version}
    for opset in model.opset_import:
        facts[f"opset {opset.domain or 'ai.onnx'}"] = opset.version
    if model.producer_name:
        facts["producer"] = f"{model.producer_name} {model.producer_version}".strip()
    facts |= {item.key: item.value[:200] for item in model.metadata_props[:20]}
    return facts


def _nodes(graph: Any, depth: int = 0) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute if depth < _DEPTH else ():
            for inner in (*([attribute.g] if attribute.HasField("g") else ()), *attribute.graphs):
                yield from _nodes(inner, depth + 1)


def _operator(node: Any) -> str:
    return f"{node.domain}.{node.op_type}" if node.domain not in _STANDARD else str(node.op_type)


def _type(number: int) -> str:
    return _TYPES[number] if 0 <= number < len(_TYPES) else f"type {number}"


def _variables(path: Path, graph: Any, problems: list[Problem]) -> Iterator[Variable]:
    for tensor in graph.initializer:
        dtype, shape = _type(tensor.data_type), tuple(tensor.dims)
        size = math.ceil(item_bytes(dtype) * math.prod(shape))
        yield Variable(tensor.name, dtype, shape, size)
        beside = {item.key: item.value for item in tensor.external_data}.get("location")
        if beside is None:
            continue
        if Path(beside).is_absolute() or ".." in Path(beside).parts:
            message = (
                f"The weight {tensor.name!r} lies at {beside!r}, outside of the model's folder."
            )
            problems.append(Problem("error", "weights-escape", message, "Do not load this model."))
        elif not (path.parent / beside).is_file():
            message = f"The weight {tensor.name!r} lies in {beside}, which is missing."
            problems.append(
                Problem("error", "weights-missing", message, "Copy that file beside the model.")
            )


def _signature(graph: Any, weights: set[str]) -> SignatureView:
    # Up to IR version 3, weights are listed among the inputs too.
    inputs = tuple(_tensor(item) for item in graph.input if item.name not in weights)
    outputs = tuple(_tensor(item) for item in graph.output)
    return SignatureView("predict", "", inputs, outputs, sample_for(inputs))


def _tensor(item: Any) -> Tensor:
    kind = item.type.WhichOneof("value")
    if kind != "tensor_type":
        words = {"sequence_type": "sequence", "map_type": "map", "optional_type": "optional"}
        return Tensor(item.name, words.get(kind, "unknown"), None)
    found = item.type.tensor_type
    sizes = tuple(
        dim.dim_value if dim.WhichOneof("value") == "dim_value" and dim.dim_value > 0 else None
        for dim in found.shape.dim
    )
    return Tensor(item.name, _type(found.elem_type), sizes if found.HasField("shape") else None)
