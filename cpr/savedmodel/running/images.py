"""Image files as inputs: the file itself for a model that decodes it, else its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cpr.errors import BadInput, shorten
from cpr.savedmodel.tensorflow_library import first_line, import_tensorflow
from cpr.wire.tensors import Array

IMAGES = {".bmp", ".gif", ".jpeg", ".jpg", ".png"}
_CHANNELS = (0, 1, 3, 4)


@dataclass(frozen=True)
class ImageOptions:
    """What is done with pixels.

    Attributes:
        scale: What 0 to 255 is multiplied with, for an input of floats.
        resize: Whether to fit an image to the height and width that are declared.
    """

    scale: float = 1.0
    resize: bool = False


def read_images(paths: Sequence[Path], name: str, spec: Any, options: ImageOptions) -> Any:
    """The value of an input, from image files: a batch, unless it is declared without.

    Raises:
        BadInput: A file is no image, or does not fit what the input declares.
    """
    contents = [_content(path) for path in paths]
    if spec.dtype == "string":
        if spec.shape == () and len(paths) > 1:
            raise BadInput(f"input {name!r} takes one image, not {len(paths)}.")
        return contents if spec.shape != () else contents[0]
    sizes = spec.shape[-3:] if spec.shape and len(spec.shape) in (3, 4) else (None, None, None)
    if spec.shape is not None and len(spec.shape) not in (3, 4):
        raise BadInput(
            f"input {name!r} has the shape {list(spec.shape)}, which is not that of images.",
            hint="Images are [batch, height, width, channels].",
        )
    pixels = [
        _pixels(content, path, sizes, options)
        for content, path in zip(contents, paths, strict=True)
    ]
    shapes = {array.shape for array in pixels}
    if len(shapes) > 1:
        raise BadInput(
            f"the images of input {name!r} differ in size: "
            f"{', '.join(str(list(shape)) for shape in sorted(shapes))}.",
            hint="Give one at a time, or images of one size.",
        )
    batch = np.stack(pixels)
    typed = _typed(batch, spec.dtype, options)
    if spec.shape is None or len(spec.shape) == 4:
        return typed
    if len(typed) > 1:
        raise BadInput(f"input {name!r} takes one image, not {len(typed)}.")
    return typed[0]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error


def _pixels(
    content: bytes, path: Path, sizes: tuple[int | None, ...], options: ImageOptions
) -> Array:
    tf = import_tensorflow()
    height, width, channels = sizes
    if (channels or 0) not in _CHANNELS:
        raise BadInput(f"an image has 1, 3 or 4 channels, but the input takes {channels}.")
    try:
        image = tf.io.decode_image(content, channels=channels or 0, expand_animations=False)
    except (tf.errors.OpError, ValueError) as error:
        raise BadInput(f"{path} is no image: {shorten(first_line(error, path), 120)}") from error
    array: Array = image.numpy()
    wanted = (height or array.shape[0], width or array.shape[1])
    if array.shape[:2] == wanted:
        return array
    if not options.resize:
        raise BadInput(
            f"{path} is {array.shape[0]} x {array.shape[1]} pixels; the input takes "
            f"{wanted[0]} x {wanted[1]}.",
            hint="Give --resize to fit it.",
        )
    resized: Array = tf.image.resize(array, wanted, antialias=True).numpy()
    return resized


def _typed(batch: Array, dtype: str, options: ImageOptions) -> Array:
    wanted = np.dtype(dtype)
    if wanted.kind == "f":
        return (batch * options.scale).astype(wanted)
    if wanted.kind not in "iu" or np.iinfo(wanted).max < 255:
        raise BadInput(
            f"the pixels of an image, 0 to 255, are no values of {wanted}.",
            hint="Give the input as an array: --input NAME=FILE.npy.",
        )
    return np.clip(np.rint(batch), 0, 255).astype(wanted)
