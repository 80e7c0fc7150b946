"""Images become the bytes of their files, or pixels as the input declares them."""

from dataclasses import dataclass

import numpy as np
import pytest

from cpr.errors import BadInput
from cpr.savedmodel.running.images import ImageOptions, read_images


@dataclass(frozen=True)
class Spec:
    dtype: str = "float32"
    shape: tuple | None = (None, 2, 3, 3)


PIXELS = np.arange(18, dtype=np.uint8).reshape(2, 3, 3) * 10


@pytest.fixture(scope="module")
def tf():
    return pytest.importorskip("tensorflow", reason="needs the extra cpr[tensorflow]")


@pytest.fixture(scope="module")
def png(tf, tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "a.png"
    path.write_bytes(tf.io.encode_png(PIXELS).numpy())
    return path


def read(paths, spec, **options):
    return read_images(paths, "image", spec, ImageOptions(**options))


@pytest.mark.parametrize(
    ("spec", "options", "wanted"),
    [
        (Spec(), {}, PIXELS[None].astype(np.float32)),
        (Spec(), {"scale": 0.5}, PIXELS[None].astype(np.float32) / 2),
        (Spec("uint8", (None, None, None, 3)), {}, PIXELS[None]),
        (Spec("uint8", (None, None, 3)), {}, PIXELS),
        (Spec("int32", None), {}, PIXELS[None].astype(np.int32)),
        (Spec("float32", (None, 1, 1, 3)), {"resize": True}, PIXELS.mean((0, 1))[None, None, None]),
    ],
    ids=["floats", "scaled", "bytes", "no-batch", "any-shape", "resized"],
)
def test_pixels_are_as_the_input_declares(png, spec, options, wanted):
    got = read([png], spec, **options)
    assert got.dtype == np.dtype(spec.dtype)
    assert got.shape == wanted.shape
    assert np.allclose(got, wanted, atol=1)


def test_several_images_are_a_batch(png):
    assert read([png, png, png], Spec()).shape == (3, 2, 3, 3)


def test_a_model_that_decodes_gets_the_file(png):
    assert read([png], Spec("string", (None,))) == [png.read_bytes()]
    assert read([png], Spec("string", ())) == png.read_bytes()


def test_one_channel_is_made_grey(png):
    assert read([png], Spec("uint8", (None, None, None, 1))).shape == (1, 2, 3, 1)


@pytest.mark.parametrize(
    ("spec", "problem", "hint"),
    [
        (Spec(shape=(None, 4, 4, 3)), "is 2 x 3 pixels; the input takes 4 x 4.", "--resize"),
        (Spec(shape=(None, 7)), "has the shape [None, 7], which is not that of images.", "Images"),
        (Spec(shape=(None, 2, 3, 5)), "an image has 1, 3 or 4 channels", ""),
        (Spec("int8", (None, 2, 3, 3)), "0 to 255, are no values of int8", "--input NAME="),
    ],
    ids=["size", "rank", "channels", "type"],
)
def test_an_image_that_does_not_fit_is_refused(png, spec, problem, hint):
    with pytest.raises(BadInput) as raised:
        read([png], spec)
    assert problem in raised.value.problem
    assert hint in raised.value.hint


def test_one_text_takes_one_image(png):
    with pytest.raises(BadInput, match="input 'image' takes one image, not 2"):
        read([png, png], Spec("string", ()))


def test_a_file_that_is_no_image_is_named(tf, tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(BadInput, match="is no image: "):
        read([tmp_path / "a.png"], Spec())
