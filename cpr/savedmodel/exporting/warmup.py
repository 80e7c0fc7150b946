"""Warm-up requests, which TensorFlow Serving replays before a version is served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cpr.errors import UsageError, shorten
from cpr.savedmodel import protos
from cpr.savedmodel.exporting.samples import given_arrays
from cpr.savedmodel.layout import DEFAULT_SIGNATURE
from cpr.savedmodel.servable import CLASSIFY, PREDICT, REGRESS, ServableFunction
from cpr.savedmodel.warmup_file import FILE, MOST
from cpr.suggest import did_you_mean
from cpr.wire.tensors import Array


def write_warmup(
    tf: Any,
    requests: Sequence[Mapping[str, Any]],
    signatures: Mapping[str, ServableFunction],
    folder: Path,
    *,
    model_name: str = "",
) -> list[tuple[str, dict[str, Array]]]:
    """Write requests as ``assets.extra/tf_serving_warmup_requests``; returns their tensors.

    Args:
        tf: TensorFlow.
        requests: As their JSON bodies: ``{"instances": […]}``, perhaps with a
            ``signature_name``.
        signatures: The signatures of the export.
        folder: The SavedModel.
        model_name: What the server will call the model; it may stay empty.

    Raises:
        UsageError: A request does not fit its signature, or there are too many.
    """
    if len(requests) > MOST:
        raise UsageError(
            f"there are {len(requests)} warm-up requests; TensorFlow Serving takes {MOST}.",
            hint="Choose some of them.",
        )
    read = [_read(i, body, signatures) for i, body in enumerate(requests)]
    path = folder / FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name, arrays in read:
            log = _log(tf, name, signatures[name], arrays, model_name)
            writer.write(log.SerializeToString(deterministic=True))
    return read


def _read(
    index: int, body: Any, signatures: Mapping[str, ServableFunction]
) -> tuple[str, dict[str, Array]]:
    what = f"warm-up request {index + 1}"
    instances = body.get("instances") if isinstance(body, Mapping) else None
    if not isinstance(instances, list) or not instances:
        raise UsageError(
            f"{what} is {shorten(body)}; expected a request.",
            hint='Write {"instances": […]}, and "signature_name" where it is not the default.',
        )
    name = body.get("signature_name", DEFAULT_SIGNATURE)
    if name not in signatures:
        raise UsageError(
            f"{what} names the signature {name!r}; there is {', '.join(map(repr, signatures))}.",
            hint=did_you_mean(str(name), signatures),
        )
    return name, given_arrays(instances, signatures[name].inputs, what)


def _log(
    tf: Any, name: str, function: ServableFunction, arrays: Mapping[str, Array], model_name: str
) -> Any:
    log = protos.PredictionLog()
    if function.method == PREDICT:
        request = log.predict_log.request
        for key, spec in function.inputs.items():
            tensor = tf.make_tensor_proto(_listed(arrays[key]), dtype=spec.dtype)
            request.inputs[key].ParseFromString(tensor.SerializeToString())
    elif function.method == CLASSIFY:
        request = log.classify_log.request
    else:
        assert function.method == REGRESS
        request = log.regress_log.request
    request.model_spec.name = model_name
    request.model_spec.signature_name = name
    if function.method != PREDICT:
        (serialized,) = arrays.values()
        request.input.example_list.examples.extend(map(_example, serialized.tolist()))
    return log


def _example(serialized: Any) -> protos.Message:
    try:
        return protos.Example.FromString(serialized)
    except (TypeError, protos.DecodeError) as error:
        raise UsageError(
            f"a warm-up request to classify or regress has the instance {shorten(serialized)}, "
            "which is no serialized tf.Example.",
            hint='Write {"b64": …} of one, and have the signature take examples: --examples FILE.',
        ) from error


def _listed(array: Array) -> Any:
    return array.tolist() if np.asarray(array).dtype == object else array
