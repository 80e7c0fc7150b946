"""Serialized ``tf.Example`` messages in instances: what is explained are their features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cpr.errors import BadInput, shorten
from cpr.savedmodel import protos
from cpr.savedmodel.meta_graph import as_fed, choose_meta_graph
from cpr.savedmodel.reader import skim_saved_model
from cpr.savedmodel.samples.requests import NoSample, sample_request
from cpr.wire.b64 import decode_b64

Close = Callable[[Any], Any]
"""Makes an instance again of what `opened` made of it, with other values in it."""

_LISTS = {"int64_list": int, "float_list": float, "bytes_list": bytes}


def opened(instance: Any) -> tuple[Any, Close | None]:
    """An instance with objects of features in the places of serialized Examples.

    An instance that is one Example, or an object with nothing else in it, is the
    Example's features themselves. The second is None where there is no Example.
    """
    if isinstance(instance, bytes):
        features = _features(instance)
        if features is None:
            return instance, None
        return features, lambda values: _serialized(values, instance)
    if not isinstance(instance, (dict, list)):
        return instance, None
    parts = dict(instance.items() if isinstance(instance, dict) else enumerate(instance))
    inner = {key: opened(part) for key, part in parts.items()}
    if all(close is None for _, close in inner.values()):
        return instance, None
    return _with_parts(instance, inner)


def declared_features(folder: Path, tags: Sequence[str]) -> dict[str, Any]:
    """The features that the graphs of a SavedModel parse of Examples, with a value of each.

    Raises:
        LoadError: It is damaged, or has no graph with these tags.
    """
    graph = choose_meta_graph(skim_saved_model(folder).model, tags or None, where=folder)
    found: dict[str, Any] = {}
    for signature in as_fed(graph).values():
        try:
            request = sample_request(signature, graph)
        except NoSample:
            continue
        for instance in decode_b64(request["instances"]):
            shown, close = opened(instance)
            found |= shown if close is not None and isinstance(shown, dict) else {}
    return found


def _with_parts(instance: Any, inner: dict[Any, tuple[Any, Close | None]]) -> tuple[Any, Close]:
    closes = {key: close for key, (_, close) in inner.items() if close is not None}
    is_object = isinstance(instance, dict)
    if is_object and len(inner) == 1:
        [(key, (features, close))] = inner.items()
        return features, lambda values: {key: close(values) if close else values}

    def close_all(values: Any) -> Any:
        keys = values if is_object else range(len(values))
        made = {key: closes.get(key, _same)(values[key]) for key in keys}
        return made if is_object else list(made.values())

    found = {key: value for key, (value, _) in inner.items()}
    return (found if is_object else list(found.values())), close_all


def _same(value: Any) -> Any:
    return value


def _features(data: bytes) -> dict[str, Any] | None:
    """The features of a serialized Example, sorted by name; None where the bytes are none."""
    try:
        example = protos.Example.FromString(data)
    except protos.DecodeError:
        return None
    example.DiscardUnknownFields()
    # Other messages, and bytes of other kinds, hold what an Example does not.
    if not example.features.feature or example.ByteSize() != len(data):
        return None
    features = example.features.feature
    return {name: _value(features[name]) for name in sorted(features)}


def _value(feature: protos.Message) -> Any:
    kind = feature.WhichOneof("kind")
    values = list(getattr(feature, kind).value) if kind else []
    shown = [_text(value) if isinstance(value, bytes) else value for value in values]
    return shown[0] if len(shown) == 1 else shown


def _text(data: bytes) -> str | bytes:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data


def _serialized(values: dict[str, Any], original: bytes) -> bytes:
    """The Example with other values, of the types that it has."""
    example = protos.Example.FromString(original)
    for name, value in values.items():
        feature = example.features.feature[name]
        kind = feature.WhichOneof("kind")
        if kind:
            given = value if isinstance(value, list) else [value]
            made = [_typed(item, _LISTS[kind], name) for item in given]
            getattr(feature, kind).value[:] = made
    data: bytes = example.SerializeToString(deterministic=True)
    return data


def _typed(value: Any, kind: type, name: str) -> Any:
    if kind is bytes and isinstance(value, str):
        return value.encode()
    if kind is bytes and isinstance(value, bytes):
        return value
    if kind is float and _is_number(value):
        return float(value)
    if kind is int and _is_number(value) and float(value).is_integer():
        return int(value)
    expected = {int: "whole numbers", float: "numbers", bytes: "texts"}[kind]
    raise BadInput(
        f"the feature {name!r} is compared with {shorten(value)}; the Example has {expected}.",
        hint="Give the baseline a value of the feature's type.",
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))
