"""A Keras archive or HDF5 file: its version, layers, inputs and weights, without Keras."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from itertools import starmap
from pathlib import Path
from typing import Any

from cpr.artifacts.keras_file import code_carriers, read_config
from cpr.errors import EnvironmentProblem
from cpr.extras import import_extra
from cpr.inspecting.inspection import Graph, Inspection, Problem, SignatureView, Tensor, Variable
from cpr.inspecting.single_file import single_file
from cpr.inspecting.tensor_samples import sample_for

_WEIGHTS = "model.weights.h5"
# What tells one layer of a class from another, at a glance.
_TELLING = ("units", "filters", "input_dim", "output_dim", "num_heads", "activation", "rate")
_DAMAGED = (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile)
# What is compressed is unpacked again for each step back in it.
_MOST_PACKED_BYTES = 100_000_000
_HEADER = 30  # bytes of a zip member's own header before its name


def inspect_file(path: Path) -> Inspection:
    """Everything that a Keras file says.

    Raises:
        LoadError: It is damaged, or is not a whole model.
        EnvironmentProblem: An HDF5 file needs the library h5py.
    """
    version, config = read_config(path)
    inner = config.get("config") if isinstance(config, dict) else None
    layers = list(_layers(inner))
    problems = [
        Problem(
            "error",
            "lambda-layer",
            f"It has a Lambda layer{layer}: Python code inside a model file, which is not run.",
            "Use a layer class instead.",
        )
        for layer in code_carriers(config)
    ]
    variables: tuple[Variable, ...] = ()
    try:
        variables = tuple(_variables(path))
    except EnvironmentProblem as error:
        problems.append(
            Problem(
                "note",
                "weights-not-listed",
                f"Its weights are not listed: {error.problem}",
                error.hint,
            )
        )
    except _DAMAGED as error:
        problems.append(
            Problem(
                "error",
                "weights-damaged",
                f"Its weights cannot be read: {error}",
                "Save the model again.",
            )
        )
    is_archive = path.suffix == ".keras"
    signatures = _signatures(layers)
    return single_file(
        path,
        "keras",
        "Keras archive" if is_archive else "Keras HDF5 file",
        facts={
            "Keras": version or "unknown",
            "model": str(config.get("class_name", "unknown")) if isinstance(config, dict) else "",
        },
        graphs=(Graph(signatures=signatures),) if signatures else (),
        variables=variables,
        contents={"Layers": tuple(starmap(_layer, layers))} if layers else {},
        problems=tuple(problems),
    )


def _layer(kind: str, name: str, config: dict[str, Any]) -> dict[str, str]:
    told = [f"{key} {config[key]}" for key in _TELLING if isinstance(config.get(key), (int, str))]
    return {"layer": name, "class": kind, "with": ", ".join(told)}


def _layers(config: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The layers, those of nested models too: class, name, configuration."""
    pending = [config]
    while pending:
        found = pending.pop(0)
        listed = found.get("layers") if isinstance(found, dict) else None
        for layer in listed if isinstance(listed, list) else ():
            inner = layer.get("config") if isinstance(layer, dict) else None
            if isinstance(inner, dict):
                yield str(layer.get("class_name")), str(inner.get("name", "")), inner
                pending.append(inner)


def _signatures(layers: list[tuple[str, str, dict[str, Any]]]) -> tuple[SignatureView, ...]:
    """What the model takes; Keras files do not say the shapes of outputs."""
    inputs = []
    for kind, name, config in layers:
        shape = config.get("batch_shape", config.get("batch_input_shape"))
        if kind == "InputLayer" and isinstance(shape, list):
            sizes = tuple(size if isinstance(size, int) else None for size in shape)
            inputs.append(Tensor(name, str(config.get("dtype", "float32")), sizes))
    if not inputs:
        return ()
    return (SignatureView("predict", "", tuple(inputs), (), sample_for(inputs)),)


def _variables(path: Path) -> Iterator[Variable]:
    h5py = import_extra("h5py", "tensorflow")
    found: list[Variable] = []

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            role: Any = "optimizer" if "optimizer" in name.split("/", 1)[0] else "weight"
            shape = tuple(map(int, item.shape or ()))
            found.append(Variable(name, str(item.dtype), shape, int(item.nbytes), role=role))

    if path.suffix != ".keras":
        with h5py.File(path, "r") as file:
            file.visititems(note)
        return iter(found)
    with zipfile.ZipFile(path) as archive:
        if _WEIGHTS not in archive.namelist():
            raise KeyError(f"there is no {_WEIGHTS} in it")
        member = archive.getinfo(_WEIGHTS)
        # Keras stores it plainly, so that it can be read where it stands.
        is_plain = member.compress_type == zipfile.ZIP_STORED
        if not is_plain and member.file_size > _MOST_PACKED_BYTES:
            raise ValueError(f"{_WEIGHTS} is compressed, and has {member.file_size:,} bytes")
        opened = _Part(path, member) if is_plain else archive.open(member)
        with opened as weights, h5py.File(weights, "r") as file:
            file.visititems(note)
    return iter(found)


class _Part(io.RawIOBase):
    """The bytes of an uncompressed member of a zip file, as a file of their own."""

    def __init__(self, path: Path, member: zipfile.ZipInfo) -> None:
        self._file = path.open("rb")
        self._file.seek(member.header_offset)
        header = self._file.read(_HEADER)
        names = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        self._start = member.header_offset + _HEADER + names
        self._size = member.file_size
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place."""
        self._at = offset + {0: 0, 1: self._at, 2: self._size}[whence]
        return self._at

    def tell(self) -> int:
        """The place."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read what fits."""
        self._file.seek(self._start + self._at)
        data = self._file.read(min(len(buffer), max(self._size - self._at, 0)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
