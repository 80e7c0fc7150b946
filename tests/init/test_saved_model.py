"""The signatures of a SavedModel, read from bytes that are written here by hand."""

import pytest

from cpr.errors import LoadError
from cpr.init.saved_model import SignatureInfo, TensorInfo, read_signatures

FLOAT, TEXT, INT64 = 1, 7, 9


def number(value):
    value &= (1 << 64) - 1
    encoded = b""
    while value > 0x7F:
        encoded, value = encoded + bytes([value & 0x7F | 0x80]), value >> 7
    return encoded + bytes([value])


def field(at, value):
    if isinstance(value, int):
        return number(at << 3) + number(value)
    value = value.encode() if isinstance(value, str) else value
    return number(at << 3 | 2) + number(len(value)) + value


def entry(key, value):
    return field(1, key) + field(2, value)


def tensor(dtype, *sizes, unknown_rank=False):
    shape = b"".join(field(2, field(1, size)) for size in sizes)
    shape += field(3, 1) if unknown_rank else b""
    return field(1, "x:0") + field(2, dtype) + field(3, shape)


def signature(inputs, outputs):
    tensors = [field(1, entry(*item)) for item in inputs.items()]
    tensors += [field(2, entry(*item)) for item in outputs.items()]
    return b"".join(tensors) + field(3, "tensorflow/serving/predict")


def graph(signatures, *tags):
    info = field(1, b"".join(field(4, tag) for tag in tags))
    return info + b"".join(field(5, entry(*item)) for item in signatures.items())


@pytest.fixture
def write(tmp_path):
    def write(*graphs):
        path = tmp_path / "saved_model.pb"
        path.write_bytes(field(1, 1) + b"".join(field(2, item) for item in graphs))
        return path

    return write


SCORE = signature({"x": tensor(FLOAT, -1, 4)}, {"y": tensor(INT64, -1)})


def test_reads_types_and_shapes(write):
    inputs = {"words": tensor(TEXT, -1, 300), "any": tensor(FLOAT, unknown_rank=True)}
    path = write(graph({"score": signature(inputs, {"n": tensor(INT64)})}, "serve"))
    assert read_signatures(path) == [
        SignatureInfo(
            "score",
            {"any": TensorInfo("float32", None), "words": TensorInfo("string", (None, 300))},
            {"n": TensorInfo("int64", ())},
        )
    ]


def test_takes_the_graph_for_serving(write):
    path = write(graph({"train": SCORE}, "train"), graph({"serve": SCORE}, "serve"))
    assert [item.name for item in read_signatures(path)] == ["serve"]


def test_takes_the_only_graph_whatever_its_tags(write):
    assert [item.name for item in read_signatures(write(graph({"a": SCORE}, "x", "y")))] == ["a"]


def test_leaves_out_what_tensorflow_keeps_for_itself(write):
    path = write(graph({"__saved_model_init_op": SCORE, "b": SCORE, "a": SCORE}, "serve"))
    assert [item.name for item in read_signatures(path)] == ["a", "b"]


def test_skips_fields_that_it_does_not_know(write):
    fixed = number(99 << 3 | 1) + b"12345678" + number(98 << 3 | 5) + b"1234"
    assert len(read_signatures(write(fixed + graph({"a": SCORE}, "serve")))) == 1


def test_says_that_no_graph_is_for_serving(write):
    with pytest.raises(LoadError, match="has no graph with the tag serve, but 2 others"):
        read_signatures(write(graph({}, "train"), graph({}, "eval")))


@pytest.mark.parametrize("cut", range(3, 40, 4))
def test_a_file_that_is_cut_off_never_crashes(write, cut):
    path = write(graph({"a": SCORE}, "serve"))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(LoadError, match="damaged"):
        read_signatures(path)
