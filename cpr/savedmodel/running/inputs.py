"""Values for a signature's inputs, from what a command line says: JSON, .npy, .npz, images."""

from __future__ import annotations

import json
import re
import sys
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from cpr.errors import BadInput, UsageError, shorten
from cpr.savedmodel.running.images import IMAGES, ImageOptions, read_images
from cpr.suggest import did_you_mean
from cpr.wire.b64 import decode_b64

_NPZ = re.compile(r"(?P<path>.*\.npz)(?:\[(?P<key>.*)\])?", re.DOTALL)


class Declared(Protocol):
    """What a signature says of an input: TensorFlow's name of the type, and the shape."""

    @property
    def dtype(self) -> str:
        """Such as ``float32`` or ``string``."""

    @property
    def shape(self) -> tuple[int | None, ...] | None:
        """None for a size that varies; the whole is None if the rank does."""


def pairs(texts: Sequence[str], flag: str) -> dict[str, list[str]]:
    """The values of a repeated ``NAME=VALUE`` flag, by name.

    Raises:
        UsageError: One has no equals sign, or no name.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        name, is_pair, value = text.partition("=")
        if not is_pair or not name:
            raise UsageError(
                f"{flag} is {shorten(text)}; expected NAME=VALUE.",
                hint=f"For an input that is called x: {flag} 'x=[[1, 2]]'.",
            )
        found.setdefault(name, []).append(value)
    return found


def check_names(names: Sequence[str], known: Sequence[str], signature: str) -> None:
    """Refuse inputs that the signature does not have.

    Raises:
        BadInput: There is one; the message names those that it has.
    """
    for name in names:
        if name not in known:
            listed = ", ".join(map(repr, known)) or "no inputs"
            raise BadInput(
                f"signature {signature!r} has no input {name!r}; it takes {listed}.",
                hint=did_you_mean(name, known),
            )


def read_value(texts: Sequence[str], name: str, spec: Declared, images: ImageOptions) -> Any:
    """The value of one input: nested lists or an array.

    A file is known by its ending. Several values must be images, and make a
    batch. What is no JSON is text, for an input of strings.

    Raises:
        BadInput: A value cannot be read, or is of another type.
    """
    if all(Path(text).suffix.lower() in IMAGES for text in texts):
        return read_images([Path(text) for text in texts], name, spec, images)
    if len(texts) > 1:
        raise UsageError(
            f"--input {name} is given {len(texts)} times; only images are gathered into a batch.",
            hint=f"Give one list of all instances: --input '{name}=[…, …]'.",
        )
    [text] = texts
    if text.endswith(".npy") or _NPZ.fullmatch(text):
        return _cast(_array(text, name), name, spec)
    if text == "-" or text.endswith(".json"):
        return read_json(text)
    try:
        return decode_b64(json.loads(text), name)
    except (ValueError, RecursionError) as error:
        if spec.dtype != "string":
            raise BadInput(
                f"--input {name} is {shorten(text)}: neither JSON nor a file that ends in .json, "
                f".npy, .npz or as an image does.",
                hint="Quote JSON for the shell: --input 'x=[[1, 2]]'.",
            ) from error
    return text if spec.shape == () else [text]


def read_json(text: str) -> Any:
    """The JSON of a value: of a file that ends in .json, of standard input, or the text itself.

    Raises:
        BadInput: It is no JSON.
    """
    if text == "-" or text.endswith(".json"):
        return decode_b64(_parse(_content(text), text), text)
    return decode_b64(_parse(text.encode(), shorten(text)), "value")


def read_all(path: str) -> dict[str, Any]:
    """The values of all inputs, by name: a JSON object or an .npz archive; ``-`` is JSON.

    Raises:
        BadInput: It is neither.
    """
    if path.endswith(".npz"):
        return dict(_archive(path))
    if path.endswith(".npy"):
        raise UsageError(
            f"{path} holds one array; --inputs takes a file with all inputs by name.",
            hint=f"Name the input: --input NAME={path}.",
        )
    value = decode_b64(_parse(_content(path), path), "inputs")
    inner = value.get("inputs", value) if isinstance(value, dict) else value
    if not isinstance(inner, dict):
        raise BadInput(
            f"{path} holds {shorten(inner)}; expected an object with the inputs by name.",
            hint='{"x": [[1, 2]]}',
        )
    return inner


def cast_arrays(values: Mapping[str, Any], specs: Mapping[str, Declared]) -> dict[str, Any]:
    """The values, with arrays of the declared types where that loses nothing but precision."""
    return {
        name: _cast(value, name, specs[name]) if isinstance(value, np.ndarray) else value
        for name, value in values.items()
    }


def _content(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error


def _parse(content: bytes, path: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not JSON: {error}.") from error


def _array(text: str, name: str) -> Any:
    found = _NPZ.fullmatch(text)
    if not found:
        array = _load(text)
        if isinstance(array, dict):
            raise BadInput(f"{text} holds an archive of arrays.", hint="Call it .npz instead.")
        return array
    archive = _archive(found["path"])
    key = found["key"] or (name if name in archive else "")
    if not key and len(archive) == 1:
        [key] = archive
    if key not in archive:
        raise BadInput(
            f"{found['path']} has no array {key or name!r}; it has {', '.join(archive)}.",
            hint=f"--input {name}={found['path']}[{next(iter(archive), 'KEY')}]",
        )
    return archive[key]


def _archive(path: str) -> Mapping[str, Any]:
    loaded = _load(path)
    if not isinstance(loaded, dict):
        raise BadInput(
            f"{path} holds one array, not an archive of them.", hint="Call it .npy instead."
        )
    return loaded


def _load(path: str) -> Any:
    """The array of a .npy file, or those of an .npz archive by name."""
    try:
        with Path(path).open("rb") as file:
            # A pickle in a data file would be code.
            loaded = np.load(file, allow_pickle=False)
            if not isinstance(loaded, np.lib.npyio.NpzFile):
                return loaded
            return {key: loaded[key] for key in loaded.files}
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise BadInput(
            f"{path} is no array of numpy that can be read: {error}",
            hint="Write numbers, or texts as numpy's S or U type, with numpy.save.",
        ) from error


def _cast(array: Any, name: str, spec: Declared) -> Any:
    if spec.dtype == "string":
        if array.dtype.kind in "SU":
            texts = np.char.encode(array, "utf-8") if array.dtype.kind == "U" else array
            return texts.astype(object)
        raise BadInput(f"input {name!r} takes strings; the array holds {array.dtype}.")
    try:
        wanted = np.dtype(spec.dtype)
    except TypeError:  # such as bfloat16: the runtime may know it
        return array
    if not np.can_cast(array.dtype, wanted, "same_kind"):
        raise BadInput(
            f"input {name!r} takes {wanted}; the array holds {array.dtype}.",
            hint=f"Convert it first: array.astype('{wanted}').",
        )
    return array.astype(wanted)
