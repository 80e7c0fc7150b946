"""A LiteRT model (``.tflite``): its signatures, operators and weights, without LiteRT."""

from __future__ import annotations

import math
import mmap
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from cpr.errors import LoadError
from cpr.inspecting.flatbuffer import Table, root_table
from cpr.inspecting.inspection import Graph, Inspection, Problem, SignatureView, Tensor, Variable
from cpr.inspecting.litert_operators import BUILTIN
from cpr.inspecting.single_file import single_file
from cpr.inspecting.tensor_samples import sample_for
from cpr.savedmodel.dtypes import item_bytes

# tflite/schema.fbs: TensorType, in order.
_TYPES = [
    "float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16", "complex64", "int8",
    "float64", "complex128", "uint64", "resource", "variant", "uint32", "uint16", "int4",
    "bfloat16", "int2", "uint4",
]  # fmt: skip
# Fields of its tables, by their numbers.
_OPERATOR_CODES, _SUBGRAPHS, _DESCRIPTION, _BUFFERS, _METADATA, _SIGNATURES = 1, 2, 3, 4, 6, 7
_TENSORS, _INPUTS, _OUTPUTS, _OPERATORS = 0, 1, 2, 3
_OLD_CODE, _CUSTOM, _CODE = 0, 1, 3
_SHAPE, _TYPE, _BUFFER, _NAME, _SHAPE_SIGNATURE = 0, 1, 2, 3, 7
_KEY, _SUBGRAPH_INDEX, _INDEX = 2, 4, 1
_DAMAGED = (struct.error, IndexError, ValueError, OverflowError)
_FLEX = "Flex"


def inspect_file(path: Path) -> Inspection:
    """Everything that a LiteRT file says.

    Raises:
        LoadError: It is no LiteRT model, or is damaged.
    """
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            if data[4:8] != b"TFL3":
                raise ValueError("it has not the mark of one")
            return _inspection(path, root_table(data))
    except _DAMAGED as error:
        raise LoadError(
            f"{path} is not a LiteRT model, or is damaged: {error}",
            hint="Copy it again, in binary mode, or convert the model again.",
        ) from error


def _inspection(path: Path, model: Table) -> Inspection:
    subgraphs = model.tables(_SUBGRAPHS)
    codes = [_operator(code) for code in model.tables(_OPERATOR_CODES)]
    names = Counter(
        codes[operator.number(0)] for graph in subgraphs for operator in graph.tables(_OPERATORS)
    )
    variables = tuple(_variables(subgraphs, model))
    graph = Graph(
        signatures=tuple(_signatures(model, subgraphs)),
        nodes=sum(names.values()),
        functions=len(subgraphs) - 1,
        ops=dict(sorted(names.items(), key=lambda item: (-item[1], item[0]))),
        constant_bytes=sum(item.size for item in variables),
    )
    facts: dict[str, str | bool | int] = {"schema": model.number(0)}
    if description := model.text(_DESCRIPTION):
        facts["description"] = description
    metadata = [item.text(0) for item in model.tables(_METADATA)]
    if metadata:
        facts["metadata"] = ", ".join(metadata)
    return single_file(
        path,
        "litert",
        "LiteRT",
        facts=facts,
        graphs=(graph,),
        variables=variables,
        problems=tuple(_problems(set(names))),
    )


def _problems(operators: set[str]) -> Iterator[Problem]:
    flex = sorted(name for name in operators if name.startswith(_FLEX))
    custom = sorted(name for name in operators if name not in BUILTIN and name not in flex)
    if flex:
        message = f"It has operators of TensorFlow, which LiteRT alone does not have: {flex[0]}."
        yield Problem(
            "warning",
            "tensorflow-operators",
            message,
            "Convert it with LiteRT's own operators only.",
        )
    if custom:
        message = f"It has custom operators: {', '.join(custom[:3])}."
        yield Problem(
            "warning", "custom-operators", message, "LiteRT needs a library that has them."
        )


def _operator(code: Table) -> str:
    custom = code.text(_CUSTOM)
    # Up to number 126 the old field has it, of one byte; a reader takes the larger.
    number = max(code.byte(_OLD_CODE), code.number(_CODE))
    if custom:
        return custom
    return BUILTIN[number] if 0 <= number < len(BUILTIN) else f"operator {number}"


def _signatures(model: Table, subgraphs: list[Table]) -> Iterator[SignatureView]:
    found = model.tables(_SIGNATURES)
    for signature in found:
        tensors = subgraphs[signature.number(_SUBGRAPH_INDEX)].tables(_TENSORS)
        inputs, outputs = (
            tuple(
                _tensor(tensors[item.number(_INDEX)], item.text(0))
                for item in signature.tables(side)
            )
            for side in (0, 1)
        )
        yield _view(signature.text(_KEY), inputs, outputs)
    if not found and subgraphs:
        tensors = subgraphs[0].tables(_TENSORS)
        inputs, outputs = (
            tuple(_tensor(tensors[index]) for index in subgraphs[0].integers(side))
            for side in (_INPUTS, _OUTPUTS)
        )
        yield _view("predict", inputs, outputs)


def _view(name: str, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> SignatureView:
    return SignatureView(name, "", inputs, outputs, sample_for(inputs))


def _tensor(tensor: Table, alias: str = "") -> Tensor:
    sizes = tensor.integers(_SHAPE_SIGNATURE) or tensor.integers(_SHAPE)
    shape = tuple(None if size < 0 else size for size in sizes)
    name = tensor.text(_NAME)
    return Tensor(alias or name, _type(tensor), shape, name)


def _type(tensor: Table) -> str:
    number = tensor.byte(_TYPE)
    return _TYPES[number] if 0 <= number < len(_TYPES) else f"type {number}"


def _variables(subgraphs: list[Table], model: Table) -> Iterator[Variable]:
    """The tensors that have their values in the file."""
    sizes = [max(buffer.length(0), buffer.long(2)) for buffer in model.tables(_BUFFERS)]
    for graph in subgraphs:
        for tensor in graph.tables(_TENSORS):
            buffer = tensor.number(_BUFFER)
            if 0 < buffer < len(sizes) and sizes[buffer]:
                shape, dtype = tuple(tensor.integers(_SHAPE)), _type(tensor)
                size = math.ceil(item_bytes(dtype) * math.prod(shape)) or sizes[buffer]
                yield Variable(tensor.text(_NAME), dtype, shape, min(size, sizes[buffer]))
