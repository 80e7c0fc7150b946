"""What a signature answered, as a table, as JSON, or as files of numpy."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cpr.errors import BadOutput, EnvironmentProblem, UsageError
from cpr.wire.tensors import Array

Outputs = Mapping[str, Array]
_CELL = 60
_GAP = "  "


def plain(array: Array) -> Any:
    """An array as JSON holds it: bytes as text, or ``{"b64": …}``; NaN as ``"NaN"``."""
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


def write(outputs: Outputs, target: Path, *, force: bool) -> list[Path]:
    """Write outputs to files: an .npz archive, a .json object, or a .npy each in a folder.

    Raises:
        UsageError: A file exists, and `force` does not say to replace it.
        BadOutput: An output is not what numpy's files hold without a pickle.
    """
    files = {target: outputs}
    if target.suffix not in (".npz", ".json"):
        files = {target / f"{_safe(name)}.npy": {name: a} for name, a in outputs.items()}
    taken = [path for path in files if path.exists()]
    if taken and not force:
        raise UsageError(f"{taken[0]} exists.", hint="Give --force to replace it.")
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_one(path, content)
    except OSError as error:
        raise EnvironmentProblem(f"{target} cannot be written: {error.strerror}.") from error
    return list(files)


def _write_one(path: Path, outputs: Outputs) -> None:
    if path.suffix == ".json":
        text = json.dumps({name: plain(array) for name, array in outputs.items()})
        path.write_text(text + "\n", encoding="utf-8")
        return
    arrays = {name: _storable(name, array) for name, array in outputs.items()}
    with path.open("wb") as file:
        if path.suffix == ".npz":
            np.savez(file, allow_pickle=False, **arrays)
        else:
            np.save(file, next(iter(arrays.values())), allow_pickle=False)


def _storable(name: str, array: Array) -> Array:
    if array.dtype.kind != "O":
        return array
    flat = array.ravel().tolist()
    if any(isinstance(value, bytes) and value.endswith(b"\0") for value in flat):
        raise BadOutput(
            f"output {name!r} holds bytes that end in zeros, which numpy's files would lose.",
            hint="Write JSON: --output FILE.json.",
        )
    return array.astype(np.bytes_)


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name)


def _block(name: str, array: Array) -> str:
    values = json.dumps(plain(array), ensure_ascii=False)
    return f"{name}: {_dtype(array)} {list(array.shape)}\n{values}"


def _cell(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _CELL else f"{text[: _CELL - 1]}…"


def _dtype(array: Array) -> str:
    return "string" if array.dtype.kind in "OSU" else array.dtype.name


def _short(array: Array) -> Array:
    """Floats of less than double precision with the digits that tell them apart, not seventeen."""
    if array.dtype.kind != "f" or array.dtype.itemsize >= 8:
        return array
    texts = [float(str(value)) for value in array.ravel()]
    return np.array(texts, np.float64).reshape(array.shape)
