"""What is more on paper than in memory is refused before it is written."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from cpr.errors import BadOutput
from cpr.estimators.preparation import Preparation
from cpr.wire.json_codec import dumps
from cpr.wire.row_text import row_texts, serving_row_texts
from cpr.wire.weight import check_weight

FORTY = range(40)


@dataclasses.dataclass
class Pair:
    """Two of a kind."""

    left: object
    right: object


def doubled(value, pair):
    """A value that is written 2 ** 40 times."""
    for _ in FORTY:
        value = pair(value)
    return value


HEAVY = {
    "lists": doubled(1.0, lambda value: [value, value]),
    "tuples": [doubled(1, lambda value: (value, value))],
    "objects": doubled({"a": 1}, lambda value: {"left": value, "right": value}),
    "dataclasses": doubled(1, lambda value: Pair(value, value)),
    "beside numbers": [0.5, doubled("a", lambda value: [value, 1, value])],
    "rows": [[0.0] * 100_000] * 100_000,
    "objects of rows": [{"a": [0.0] * 100_000}] * 100_000,
    "texts": ["a" * 10_000_000] * 200,
    "keys": [{"a" * 10_000_000: 1}] * 200,
    "broadcast": np.broadcast_to(0.0, (1 << 40,)),
    "broadcast rows": np.broadcast_to(np.float32(0), (1 << 20, 1 << 20)),
    "a broadcast member": [{"a": np.broadcast_to(0.0, (1 << 40,))}],
    "an array many times": [np.zeros(100_000)] * 100_000,
}


@pytest.mark.parametrize("strict", [False, True], ids=["json", "strict"])
@pytest.mark.parametrize("value", HEAVY.values(), ids=HEAVY)
def test_what_would_fill_the_memory_is_refused(value, strict):
    with pytest.raises(BadOutput, match=r"^predictions would be more than 1 GiB when written out"):
        dumps(value, strict=strict)


@pytest.mark.parametrize("texts", [row_texts, serving_row_texts])
@pytest.mark.parametrize("shape", [(1 << 40,), (1 << 20, 1 << 20)], ids=["flat", "rows"])
@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_a_broadcast_array_has_no_rows_to_write(texts, shape, dtype):
    assert texts(np.broadcast_to(dtype(0), shape)) is None


def test_rows_that_are_one_are_refused_together():
    with pytest.raises(BadOutput, match="1 GiB"):
        row_texts(HEAVY["lists"])


def itself(kind):
    value = kind()
    value.append(value)
    value.append(value)
    return value


def test_what_contains_itself_is_refused():
    value = itself(list)
    with pytest.raises(BadOutput, match="more than 500 levels"):
        dumps([value])
    with pytest.raises(BadOutput, match="Circular reference"):
        dumps([value], strict=True)
    value.clear()


def test_what_has_no_end_is_not_begun():
    endless = (number for number in iter(int, 1))
    with pytest.raises(BadOutput, match="an object of type generator"):
        dumps([endless])


SHARED = {
    "rows": [[0.5, 1.5]] * 1000,
    "deep": doubled(1.0, lambda value: [value]),
    "a few times": [[["a"] * 10] * 10] * 10,
    "texts": ["a" * 1000] * 1000,
    "array": [np.zeros(10)] * 10,
}


@pytest.mark.parametrize("value", SHARED.values(), ids=SHARED)
def test_what_is_shared_and_small_is_written(value):
    check_weight(value)
    assert dumps(value)


class Tensor:
    """As torch has it: how many values there are is a method, and broadcasting is a view."""

    def __init__(self, values):
        self.values = values
        self.shape, self.nbytes = values.shape, values.nbytes

    def size(self):
        return self.shape

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return self.values

    def __array__(self, *_args, **_options):
        return self.values


def test_a_tensor_whose_size_is_a_method_is_weighed():
    assert dumps([Tensor(np.array([0.5, 1.0]))]) == b"[[0.5,1.0]]"
    with pytest.raises(BadOutput, match="1 GiB"):
        dumps([Tensor(np.broadcast_to(0.0, (1 << 40,)))])


def test_a_preprocessor_is_held_to_the_same():
    class Doubling:
        source = Path("preprocessor.pkl")
        target = None

        def __call__(self, instances):
            return HEAVY["lists"]

    with pytest.raises(BadOutput, match=r"what preprocessor\.pkl makes of the instances would be"):
        Preparation(Doubling())([[1.0]])
