"""What a Keras file says before any of it is loaded: its version, and its code."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpr.errors import LoadError
from cpr.extras import import_extra

# Arrays among the arguments of layers, as of pretrained embeddings, stand there in digits, which
# pack into a fraction; a bomb packs a thousand times better.
_MOST_BYTES, _MOST_TIMES = 64 << 20, 20


@dataclass(frozen=True)
class KerasFile:
    """A ``.keras`` archive or an ``.h5`` file.

    Attributes:
        path: The file.
        version: The Keras that wrote it; empty if the file does not say.
    """

    path: Path
    version: str

    @property
    def is_archive(self) -> bool:
        """Whether it is a ``.keras`` archive."""
        return self.path.suffix == ".keras"

    @property
    def is_keras_2(self) -> bool:
        """Whether tf.keras, the Keras inside TensorFlow before 2.16, wrote it."""
        return self.version.startswith("2.")


def inspect(path: Path) -> KerasFile:
    """Read a file's version, and refuse one that carries Python code.

    Raises:
        LoadError: The file is damaged, is not a whole model, or has a Lambda
            layer, whose code Keras would run.
    """
    version, config = read_config(path)
    for layer in code_carriers(config):
        raise LoadError(
            f"{path} has a Lambda layer{layer}: Python code inside a model file, which is not run.",
            hint="Use a layer class instead; or, if you trust the file, load it in a predictor "
            "class of your own with safe_mode=False.",
        )
    return KerasFile(path, version)


def read_config(path: Path) -> tuple[str, Any]:
    """The version of Keras that wrote a file, empty if unknown, and the model's configuration.

    Raises:
        LoadError: The file is damaged, or is not a whole model.
    """
    return _read_archive(path) if path.suffix == ".keras" else _read_h5(path)


def _read_archive(path: Path) -> tuple[str, Any]:
    try:
        packed = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            metadata = json.loads(_member(archive, "metadata.json", packed))
            config = json.loads(_member(archive, "config.json", packed))
            return str(metadata.get("keras_version", "")), config
    except RecursionError as error:
        raise LoadError(f"{path} describes its model in JSON that nests too deep.") from error
    except (zipfile.BadZipFile, KeyError, ValueError, AttributeError, OSError) as error:
        raise LoadError(f"{path} is not a Keras archive, or is damaged: {error}") from error


def _member(archive: zipfile.ZipFile, name: str, packed: int) -> bytes:
    """What a member holds, unless it is large and unpacks to far more than it takes in the file.

    Args:
        archive: The archive.
        name: Of the member.
        packed: The bytes of the whole archive: a member may claim to take more.
    """
    member = archive.getinfo(name)
    size = member.file_size
    most = max(_MOST_BYTES, _MOST_TIMES * min(member.compress_size, packed))
    if size > most:
        raise ValueError(f"{name} unpacks to {size:,} bytes; at most {most:,} are expected")
    return archive.read(name)


def _read_h5(path: Path) -> tuple[str, Any]:
    h5py = import_extra("h5py", "tensorflow")
    try:
        with h5py.File(path, "r") as file:
            version, config = file.attrs.get("keras_version", ""), file.attrs.get("model_config")
    except OSError as error:
        raise LoadError(f"{path} is not an HDF5 file, or is damaged: {error}") from error
    if config is None:
        raise LoadError(
            f"{path} holds weights without their model.",
            hint="Save the whole model, with model.save(…).",
        )
    try:
        return _text(version), json.loads(_text(config))
    except RecursionError as error:
        raise LoadError(f"{path} describes its model in JSON that nests too deep.") from error
    except ValueError as error:
        raise LoadError(f"{path} describes its model in invalid JSON: {error}") from error


def code_carriers(config: Any) -> Iterator[str]:
    """Where marshalled lambdas stand, in any of Keras's ways to write them."""
    pending: list[tuple[str, Any]] = [("", config)]
    while pending:
        name, item = pending.pop()
        if isinstance(item, list):
            pending += [(name, value) for value in item]
        if not isinstance(item, dict):
            continue
        inner = item.get("config")
        inner = inner if isinstance(inner, dict) else {}
        name = f" {inner['name']!r}" if "name" in inner else name
        kind = item.get("class_name")
        is_marshalled = inner.get("function_type") == "lambda"
        is_marshalled = is_marshalled or isinstance(inner.get("function"), list)
        if kind == "__lambda__" or (kind == "Lambda" and is_marshalled):
            yield name
        pending += [(name, value) for value in item.values()]


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
