"""Explanation metadata and the signature of a model: one made from the other, and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median_low, multimode
from typing import Any

from cpr.errors import BadInput, LoadError
from cpr.explaining.examples import opened
from cpr.explaining.leaves import leaves, rebuilder, zeros_like
from cpr.explaining.metadata import InputMetadata, Metadata, OutputMetadata
from cpr.suggest import did_you_mean
from cpr.wire.b64 import decode_b64

_FLOATS = ("float16", "bfloat16", "float32", "float64")
_MOST_NAMES = 1_000


def generate(
    description: Mapping[str, Any],
    *,
    signature_name: str = "",
    output: str = "",
    samples: Sequence[Any] = (),
    features: Mapping[str, Any] | None = None,
) -> Metadata:
    """The metadata of a model, as AI Platform wanted it beside the SavedModel.

    Args:
        description: What `cpr.describing.describe` found.
        signature_name: The signature to explain; by default the default one.
        output: The output to explain, where there are several.
        samples: Instances that baselines are made of: the median of numbers,
            of everything else the most frequent value. Without any, zeros.
        features: What the model parses of serialized Examples, by name; each is
            an input then.

    Raises:
        BadInput: There is no such signature or output, or several outputs.
    """
    signatures = description["signatures"]
    name = signature_name or description["default_signature"]
    if name not in signatures:
        raise BadInput(
            f"there is no signature {name!r}; the model has {', '.join(signatures)}.",
            hint=did_you_mean(name, signatures),
        )
    signature = signatures[name]
    if not signature["inputs"] and signature["outputs"]:
        raise BadInput(
            f"the signature {name!r} takes no inputs: there is nothing to explain.",
            hint="Name another one with --signature-name.",
        )
    labels = description.get("labels") or []
    is_tensorflow = description["kind"] == "tensorflow"
    shown = [opened(decode_b64(sample))[0] for sample in samples]
    typical = typical_instance(shown) if shown else None
    if features:
        inputs = _unknown_inputs(typical or zeros_like(features))
    elif signature["form"] == "row":
        inputs = [_row(list(signature["inputs"]), typical)]
    else:
        inputs = [
            _input(alias, item, _part(typical, alias, signature))
            for alias, item in signature["inputs"].items()
        ]
    return Metadata(
        inputs or _unknown_inputs(typical),
        [_output(signature["outputs"], output, labels)],
        "tensorflow2" if is_tensorflow else "custom_container",
    )


def typical_instance(samples: Sequence[Any]) -> Any:
    """The instance whose values are medians, or the most frequent, of those of the samples.

    Raises:
        BadInput: The samples are not all of one form.
    """
    rows = [leaves(sample) for sample in samples]
    if len({len(row) for row in rows}) != 1:
        raise BadInput(
            "the instances that baselines are to be made of have different numbers of values.",
            hint="Give instances of one form.",
        )
    return rebuilder(samples[0])([_typical(column) for column in zip(*rows, strict=True)])


def check(
    metadata: Metadata, description: Mapping[str, Any], features: Mapping[str, Any] | None = None
) -> None:
    """Make sure that metadata names what the model has.

    Args:
        metadata: What is beside it.
        description: What `cpr.describing.describe` found.
        features: What the model parses of serialized Examples, by name.

    Raises:
        LoadError: An input or output is not there, or has another form.
    """
    known = description["signatures"].values()
    inputs = {
        name: item
        for signature in known
        for alias, item in signature["inputs"].items()
        for name in {alias, item.get("tensor", alias)}
    }
    outputs = {
        name
        for signature in known
        for alias, item in signature["outputs"].items()
        for name in {alias, item.get("tensor", alias)}
    }
    has_tensors = any(item.get("tensor") for item in inputs.values())
    for entry in metadata.inputs if has_tensors else ():
        if entry.tensor in (features or {}):
            continue
        if entry.tensor not in inputs:
            where = f"inputs.{entry.name}.input_tensor_name"
            raise _unknown(metadata, where, entry.tensor, {*inputs, *(features or {})})
        _check_width(metadata, entry, inputs[entry.tensor]["shape"])
    for result in metadata.outputs if outputs else ():
        if result.tensor not in outputs:
            where = f"outputs.{result.name}.output_tensor_name"
            raise _unknown(metadata, where, result.tensor, outputs)


def _check_width(
    metadata: Metadata, entry: InputMetadata, shape: Sequence[int | None] | None
) -> None:
    width = shape[-1] if shape else None
    if width is None or len(shape or ()) < 2:
        return
    named = {"index_feature_mapping": len(entry.features)} if entry.features else {}
    for number, baseline in enumerate(entry.baselines):
        if isinstance(baseline, list) and len(shape or ()) == 2:
            named[f"input_baselines[{number}]"] = len(baseline)
    for what, count in named.items():
        if count != width:
            raise LoadError(
                f"{metadata.source}: inputs.{entry.name}.{what} has {count} values; the input "
                f"has {width}.",
                hint="Give one for each value of the input.",
            )


def _unknown(metadata: Metadata, where: str, name: str, known: Any) -> LoadError:
    return LoadError(
        f"{metadata.source}: {where} is {name!r}; the model has "
        f"{', '.join(sorted(map(repr, known)))}.",
        hint=did_you_mean(name, known) or "Write it anew with cpr explain --write-metadata.",
    )


def _row(names: list[str], typical: Any) -> InputMetadata:
    is_named = any(name != f"x{number}" for number, name in enumerate(names))
    return InputMetadata(
        "features",
        "features",
        _given(typical) or [0],
        names if is_named else [],
        "bag_of_features" if is_named else "identity",
        "numeric",
    )


def _input(alias: str, item: Mapping[str, Any], typical: Any) -> InputMetadata:
    is_number = item["dtype"] in _FLOATS
    zero = "" if item["dtype"] == "string" else 0
    return InputMetadata(
        alias,
        alias,
        _given(typical) or [zero],
        modality="numeric" if is_number else "categorical",
    )


def _unknown_inputs(typical: Any) -> list[InputMetadata]:
    """The inputs of a class that tells nothing of itself, as far as samples do."""
    if not isinstance(typical, dict):
        return [InputMetadata("features", "features", _given(typical))]
    return [
        InputMetadata(key, key, [value], modality="numeric" if _is_number(value) else "categorical")
        for key, value in typical.items()
    ]


def _part(typical: Any, alias: str, signature: Mapping[str, Any]) -> Any:
    if isinstance(typical, dict):
        return typical.get(alias)
    return typical if len(signature["inputs"]) == 1 else None


def _given(typical: Any) -> list[Any]:
    return [] if typical is None else [typical]


def _output(outputs: Mapping[str, Any], wanted: str, labels: Sequence[str]) -> OutputMetadata:
    named = list(labels) if len(labels) <= _MOST_NAMES else []
    numeric = {alias: item for alias, item in outputs.items() if item["dtype"] != "string"}
    if wanted and outputs and wanted not in numeric:
        raise BadInput(
            f"there is no output {wanted!r} with scores; those that have are "
            f"{', '.join(numeric) or 'none'}.",
            hint=did_you_mean(wanted, numeric),
        )
    if not wanted and len(numeric) > 1:
        raise BadInput(
            f"the signature has several outputs with scores: {', '.join(numeric)}.",
            hint="Name the one to explain with --output.",
        )
    alias = wanted or next(iter(numeric), "probabilities" if labels else "prediction")
    return OutputMetadata(alias, alias, named)


def _typical(values: Sequence[Any]) -> Any:
    known = [value for value in values if value is not None]
    if known and all(map(_is_number, known)):
        return median_low(known)
    return multimode(map(_hashable, known))[0] if known else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _hashable(value: Any) -> Any:
    return value if isinstance(value, (str, bytes, bool, int, float)) else repr(value)
