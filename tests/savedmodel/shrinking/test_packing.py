import numpy as np
import pytest

from cpr.savedmodel.shrinking.packing import (
    DT_BFLOAT16,
    DT_DOUBLE,
    DT_FLOAT,
    DT_HALF,
    DT_INT8,
    DT_INT32,
    DT_INT64,
    SMALLEST,
    pack_float,
    pack_integer,
)


def weight(*shape, dtype="f4", scale=1.0):
    return (np.random.default_rng(0).normal(size=shape) * scale).astype(dtype)


def unpacked(packed):
    stored = np.frombuffer(packed.data, "i1").reshape(packed.shape).astype("f4")
    return stored * np.frombuffer(packed.scale, "f4").reshape(packed.scale_shape)


@pytest.mark.parametrize(
    ("precision", "dtype", "share", "error"),
    [
        ("float16", DT_HALF, 0.5, 2e-3),
        ("bfloat16", DT_BFLOAT16, 0.5, 2e-2),
        ("int8", DT_INT8, 0.27, 3e-2),
    ],
)
def test_a_weight_is_packed_within_what_its_bits_hold(precision, dtype, share, error):
    values = weight(64, 64)
    packed = pack_float(values, DT_FLOAT, precision)
    assert packed.dtype == dtype
    assert packed.unpacked_dtype == DT_FLOAT
    assert packed.size <= share * values.nbytes
    assert 0 < packed.error < error


def test_int8_says_how_far_it_is_from_the_weight():
    values = weight(64, 64)
    packed = pack_float(values, DT_FLOAT, "int8")
    assert np.abs(unpacked(packed) - values).max() == pytest.approx(packed.error)


def test_int8_scales_the_last_axis_unless_another_fits_clearly_better():
    by_output = weight(64, 64) * np.logspace(-3, 3, 64, dtype="f4")
    assert pack_float(by_output, DT_FLOAT, "int8").scale_shape == (1, 64)
    by_row = np.ascontiguousarray(by_output.T)
    assert pack_float(by_row, DT_FLOAT, "int8").scale_shape == (64, 1)


def test_a_channel_of_zeros_stays_zeros():
    values = weight(64, 64)
    values[:, 7] = 0
    assert not unpacked(pack_float(values, DT_FLOAT, "int8"))[:, 7].any()


def test_what_has_one_dimension_gets_float16_where_int8_is_asked_for():
    assert pack_float(weight(2048), DT_FLOAT, "int8").dtype == DT_HALF


@pytest.mark.parametrize("precision", ["float16", "bfloat16", "int8"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_not_finite_is_left_alone(precision, value):
    values = weight(64, 64)
    values[3, 4] = value
    assert pack_float(values, DT_FLOAT, precision) is None


def test_a_weight_beyond_float16_is_left_alone():
    assert pack_float(weight(64, 64, scale=1e6), DT_FLOAT, "float16") is None
    assert pack_float(weight(64, 64, scale=1e6), DT_FLOAT, "bfloat16") is not None


def test_bfloat16_rounds_to_even_as_tensorflow_does():
    tf = pytest.importorskip("tensorflow", reason="needs the extra cpr[tensorflow]")
    values = np.concatenate([weight(5000), np.float32([0.0, -0.0, 1 / 3, 3e38, 1e-40])])
    packed = pack_float(values, DT_FLOAT, "bfloat16")
    theirs = tf.bitcast(tf.cast(values, tf.bfloat16), tf.uint16).numpy()
    assert (np.frombuffer(packed.data, "<u2") == theirs).all()


def test_float64_is_packed_too():
    packed = pack_float(weight(64, 64, dtype="f8"), DT_DOUBLE, "float16")
    assert (packed.dtype, packed.unpacked_dtype) == (DT_HALF, DT_DOUBLE)


@pytest.mark.parametrize("precision", ["float16", "bfloat16", "int8"])
def test_small_weights_are_left_alone(precision):
    assert pack_float(weight(SMALLEST - 1), DT_FLOAT, precision) is None


@pytest.mark.parametrize("edge", [2**31 - 1, -(2**31)])
def test_int64_becomes_int32_up_to_its_limits(edge):
    values = np.arange(SMALLEST)
    values[5] = edge
    packed = pack_integer(values, DT_INT64)
    assert (packed.dtype, packed.unpacked_dtype) == (DT_INT32, DT_INT64)
    assert (np.frombuffer(packed.data, "<i4") == values).all()


@pytest.mark.parametrize("beyond", [2**31, -(2**31) - 1])
def test_int64_beyond_int32_is_left_alone(beyond):
    values = np.arange(SMALLEST)
    values[5] = beyond
    assert pack_integer(values, DT_INT64) is None


@pytest.mark.parametrize("precision", ["float16", "bfloat16", "int8"])
@pytest.mark.parametrize("scale", [1e300, 3e38, 1e-38, 1e-44, 1e-310, 0])
@pytest.mark.parametrize(("dtype", "number"), [("f4", DT_FLOAT), ("f8", DT_DOUBLE)])
def test_any_scale_is_packed_to_finite_numbers_or_left_alone(precision, scale, dtype, number):
    with np.errstate(over="ignore", under="ignore"):
        values = (np.clip(weight(64, 64, dtype="f8"), -1, 1) * scale).astype(dtype)
    if not np.isfinite(values).all():
        assert pack_float(values, number, precision) is None
        return
    packed = pack_float(values, number, precision)
    if packed is not None:
        assert np.isfinite(packed.error)
        assert packed.error <= np.abs(values).max()
