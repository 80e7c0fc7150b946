"""What a signature answered, as a table, as JSON, or as files of numpy."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cpr.errors import BadOutput
from cpr.wire.tensors import Array

Outputs = Mapping[str, Array]
_CELL = 60
_GAP = "  "


def plain(array: Array) -> Any:
    """An array as JSON holds it: bytes as text, or ``{"b64": …}``; NaN as ``"NaN"``.

    Raises:
        BadOutput: It holds complex numbers.
    """
    # CLI start-up time: only answers need it.
    import base64

    def of(value: Any) -> Any:
        if isinstance(value, list):
            return [of(item) for item in value]
        if isinstance(value, bytes):
            try:
                return value.decode("utf-8")
            except UnicodeDecodeError:
                return {"b64": base64.b64encode(value).decode()}
        if isinstance(value, float) and not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return value

    if array.dtype.kind == "c":
        raise BadOutput(
            f"an output holds {array.dtype} numbers, which JSON does not have.",
            hint="Write numpy's files: --output FILE.npz.",
        )
    return of(_short(array).tolist())


def table(outputs: Outputs) -> str:
    """A line an instance where all outputs have one value each; else a block an output."""
    counts = {array.shape[0] if array.ndim else None for array in outputs.values()}
    if len(counts) != 1 or None in counts:
        return "\n\n".join(_block(name, array) for name, array in outputs.items())
    columns = [[name, *(_cell(value) for value in plain(array))] for name, array in outputs.items()]
    widths = [max(map(len, column)) for column in columns]
    lines = (
        _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in zip(*columns, strict=True)
    )
    return "\n".join(lines)


def document(outputs: Outputs) -> dict[str, Any]:
    """Every output with its type and shape, for ``--json``."""
    return {
        name: {"dtype": _dtype(array), "shape": list(array.shape), "values": plain(array)}
        for name, array in outputs.items()
    }


def contents(outputs: Outputs, target: Path) -> dict[Path, bytes]:
    """What files of outputs hold: an .npz archive, a .json object, or a .npy each in a folder.

    Raises:
        BadOutput: An output is not what numpy's files hold without a pickle, or
            two would have one file.
    """
    if target.suffix == ".json":
        text = json.dumps({name: plain(array) for name, array in outputs.items()})
        return {target: f"{text}\n".encode()}
    arrays = {name: _npy(_storable(name, array)) for name, array in outputs.items()}
    if target.suffix == ".npz":
        return {target: _npz(arrays)}
    names: dict[Path, str] = {}
    for name in arrays:
        other = names.setdefault(target / f"{_safe(name)}.npy", name)
        if other != name:
            raise BadOutput(
                f"the outputs {other!r} and {name!r} would both be {_safe(name)}.npy.",
                hint="Write one file: --output FILE.npz.",
            )
    return {path: arrays[name] for path, name in names.items()}


def _npy(array: Array) -> bytes:
    written = io.BytesIO()
    np.save(written, array, allow_pickle=False)
    return written.getvalue()


def _npz(arrays: Mapping[str, bytes]) -> bytes:
    """What ``np.savez`` makes, which has parameters that outputs may be called as."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, data in arrays.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), data)
    return written.getvalue()


def _storable(name: str, array: Array) -> Array:
    if array.dtype.kind != "O":
        return array
    values = array.ravel().tolist()
    flat = [value.encode() if isinstance(value, str) else value for value in values]
    if any(isinstance(value, bytes) and value.endswith(b"\0") for value in flat):
        raise BadOutput(
            f"output {name!r} holds bytes that end in zeros, which numpy's files would lose.",
            hint="Write JSON: --output FILE.json.",
        )
    return np.array(flat, np.bytes_).reshape(array.shape)


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name)


def _block(name: str, array: Array) -> str:
    values = json.dumps(plain(array), ensure_ascii=False)
    return f"{name}: {_dtype(array)} {list(array.shape)}\n{values}"


def _cell(value: Any) -> str:
    # A line break would end the row, and a terminal obeys other characters of control.
    is_text = isinstance(value, str) and value.isprintable()
    text = value if is_text else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _CELL else f"{text[: _CELL - 1]}…"


def _dtype(array: Array) -> str:
    return "string" if array.dtype.kind in "OSU" else array.dtype.name


def _short(array: Array) -> Array:
    """Floats of less than double precision with the digits that tell them apart, not seventeen."""
    if array.dtype.kind != "f" or array.dtype.itemsize >= 8:
        return array
    texts = [float(str(value)) for value in array.ravel()]
    return np.array(texts, np.float64).reshape(array.shape)
