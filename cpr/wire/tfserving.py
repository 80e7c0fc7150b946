"""TensorFlow Serving's REST predict calls, for the tensors of a model's signature.

Rows: ``{"instances": [...]}`` to ``{"predictions": [...]}``. Columns:
``{"inputs": …}`` to ``{"outputs": …}``. Status codes, key names and the form
of numbers are the model server's; messages say more than its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from cpr.config import PredictorSettings
from cpr.errors import BadInput, BadOutput, shorten
from cpr.messages import Instances
from cpr.wire import kserve
from cpr.wire.b64 import decode_b64, may_hold_b64
from cpr.wire.json_codec import dumps, loads
from cpr.wire.lenient_json import loads_first
from cpr.wire.row_text import serving_floats, serving_row_texts
from cpr.wire.tensors import describe

_QUOTES_OF_A_KEY = 2


class Unprintable(BadOutput):
    """Outputs that make no rows; TensorFlow Serving blames the request for them."""

    http_status, grpc_code = 400, 3


def decode(body: bytes, settings: PredictorSettings, *, with_b64: bool) -> Instances:
    """Read a request body: as TensorFlow Serving, bytes are always decoded.

    Parameters hold nothing but `signature_name`, and that only if it names
    one; other keys are ignored.

    Raises:
        BadInput: The body is not JSON, or not of the row or column form.
    """
    del settings, with_b64
    # One key and no texts: nothing is there twice, and no base64.
    is_bare = body.count(b'"') == _QUOTES_OF_A_KEY
    document = _read(body, is_bare)
    if is_bare and type(values := document.get("instances")) is list and values:
        return Instances(values, {}, "rows")
    name = document.get("signature_name", "")
    if type(name) is not str:
        raise BadInput(f"'signature_name' must be a string value, not {describe(name)}.")
    parameters = {"signature_name": name} if name else {}
    if "instances" not in document and "inputs" not in document:
        raise BadInput("Missing 'inputs' or 'instances' key.", hint=_found(document))
    if "inputs" in document:
        if "instances" in document:
            raise BadInput("Not formatted correctly: give 'inputs' or 'instances', not both.")
        return Instances(
            document["inputs"] if is_bare else _with_bytes(body, document["inputs"], "inputs"),
            parameters,
            "columns",
        )
    values = document["instances"]
    if type(values) is not list:
        raise BadInput(f"Expecting 'instances' value to be an list/array, not {describe(values)}.")
    if not values:
        raise BadInput("No values found in 'instances': expected at least one.")
    if not is_bare:
        values = _with_bytes(body, values, "instances")
    return Instances(values, parameters, "rows")


def encode_rows(predictions: Any, settings: PredictorSettings) -> bytes:
    """Write ``{"predictions": [...]}``: of a signature's outputs, or what predict made of them.

    Raises:
        Unprintable: The outputs do not make rows.
        BadOutput: They have no JSON form.
    """
    del settings
    if type(predictions) is dict or isinstance(predictions, Mapping):
        predictions = _as_rows(predictions)
    elif isinstance(predictions, np.ndarray):
        predictions = _printable("", predictions)
    texts = serving_row_texts(predictions)
    if texts is not None:
        return b'{"predictions":[' + b",".join(texts) + b"]}"
    return b"".join((b'{"predictions":', _dumps(predictions, "predictions"), b"}"))


def encode_columns(outputs: Mapping[str, Any], settings: PredictorSettings) -> bytes:
    """Write ``{"outputs": …}``: the only output bare, or an object of several.

    Raises:
        BadOutput: They have no JSON form.
    """
    del settings
    tensors = {name: _printable(name, np.asarray(value)) for name, value in outputs.items()}
    bare: Any = next(iter(tensors.values())) if len(tensors) == 1 else tensors
    return b'{"outputs":' + _dumps(bare, "outputs") + b"}"


encode_error = kserve.encode_error


def _read(body: bytes, is_bare: bool) -> dict[str, Any]:
    """The object; read again, slowly, where TensorFlow Serving is more lenient than JSON."""
    try:
        document = loads(body)
        if not is_bare and _may_repeat(body, document):
            document = loads_first(body)
    except BadInput:
        try:
            document = loads_first(body)
        except BadInput as error:
            raise BadInput(f"JSON Parse error: {kserve.undecodable(body, error)}") from error
    if type(document) is not dict:
        raise BadInput(f"Request body is not a JSON object: it is {describe(document)}.")
    return document


def _may_repeat(body: bytes, document: Any) -> bool:
    """Whether a key that counts may stand there twice; a text may hold its name too."""
    if type(document) is not dict:
        return False
    once = ("instances" in document) + ("inputs" in document) + ("signature_name" in document)
    found = body.count(b'"instances"') + body.count(b'"inputs"') + body.count(b'"signature_name"')
    return found > once


def _found(document: Mapping[str, Any]) -> str:
    return f"The body's keys are: {', '.join(map(shorten, list(document)[:8])) or 'none'}."


def _with_bytes(body: bytes, values: Any, name: str) -> Any:
    return decode_b64(values, name) if may_hold_b64(body) else values


def _as_rows(outputs: Mapping[str, Any]) -> Any:
    """One value of each row of the only output, or an object of several."""
    arrays = {name: np.asarray(value) for name, value in outputs.items()}
    sizes = set()
    for name, array in arrays.items():
        if array.ndim == 0:
            raise Unprintable(f"Tensor name: {name} has no shape information: it is no batch.")
        sizes.add(array.shape[0])
    if len(sizes) > 1:
        sizes_by_name = ", ".join(f"{name}: {array.shape[0]}" for name, array in arrays.items())
        raise Unprintable(f"The outputs have inconsistent batch size: {sizes_by_name}.")
    columns = {name: _printable(name, array) for name, array in arrays.items()}
    if len(columns) == 1:
        return next(iter(columns.values()))
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _printable(name: str, array: Any) -> Any:
    """Text of byte strings, or bytes where the alias ends in ``_bytes``."""
    kind = array.dtype.kind
    if kind in "iub" or (kind == "f" and array.dtype.itemsize != 2):
        return array
    if kind not in "OS":
        raise Unprintable(
            f"Failed to write JSON value for tensor type: {array.dtype.name} {name}".rstrip() + "."
        )
    if name.endswith("_bytes"):
        return array.tolist()
    flat = [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in array.ravel()]
    texts = np.empty(len(flat), object)
    texts[:] = flat
    return texts.reshape(array.shape).tolist()


def _dumps(value: Any, name: str) -> bytes:
    """As `json_codec.dumps`, but floats as TensorFlow Serving writes them."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size:
        return _nested(serving_floats(value), value.shape).encode()
    if isinstance(value, np.floating):
        return serving_floats(np.asarray(value))[0].encode()
    if isinstance(value, Mapping):
        items = (orjson.dumps(str(key)) + b":" + _dumps(item, name) for key, item in value.items())
        return b"{" + b",".join(items) + b"}"
    if isinstance(value, list) and any(isinstance(item, (dict, np.generic)) for item in value):
        return b"[" + b",".join(_dumps(item, name) for item in value) + b"]"
    return dumps(value, nonfinite="literal", name=name)


def _nested(texts: list[str], shape: tuple[int, ...]) -> str:
    """The texts of all values, at least one, in the brackets of a shape."""
    for size in reversed(shape):
        texts = [f"[{','.join(texts[i : i + size])}]" for i in range(0, len(texts), size)]
    return texts[0]
