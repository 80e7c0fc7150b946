"""Messages in text, against what protobuf's own reader makes of the same text."""

import tracemalloc

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st

from cpr.savedmodel import protos, reader, text_form
from cpr.savedmodel.text_form import parse_text

NODE = 'node {\n  name: "a"\n  op: "Const"\n}\n'


def theirs(text, message=protos.GraphDef):
    return text_format.Parse(text, message(), descriptor_pool=protos.POOL)


def test_a_model_is_read_as_protobuf_reads_it_and_line_by_line(any_saved_model, monkeypatch):
    model = reader.read_saved_model(any_saved_model)
    text = text_format.MessageToString(model, descriptor_pool=protos.POOL)
    expected = theirs(text, protos.SavedModel)
    # What is not plain would be left to protobuf's slow reader.
    monkeypatch.setattr(text_form, "text_format", None)
    assert parse_text(text, protos.SavedModel) == expected


@pytest.mark.parametrize(
    "value",
    [
        "tensor { dtype: DT_FLOAT float_val: 0.1 float_val: -1e-20 float_val: inf double_val: 3 }",
        "tensor {\n float_val: 0.1\n float_val: -inf\n float_val: 1e-45\n double_val: -0.0\n}",
        "tensor {\n int64_val: -9223372036854775808\n uint64_val: 18446744073709551615\n}",
        'tensor {\n string_val: "\\377\\000\\"\\n\\t\\\\"\n string_val: "é"\n string_val: ""\n}',
        "b: true",
        "type: DT_FLOAT_REF",
        "i: 0x10",
        's: "one" "two"',
        "s: 'single'",
        "tensor < dtype: DT_INT8 >",
        "i: 1 # a comment",
        "list {\n i: [1, 2]\n}",
    ],
)
def test_values_are_read_as_protobuf_reads_them(value):
    text = f'node {{\n  name: "a"\n  attr {{\n    key: "v"\n    value {{\n{value}\n}}\n}}\n}}\n'
    assert parse_text(text, protos.GraphDef) == theirs(text)


@pytest.mark.parametrize(
    "text",
    [
        "node {",
        "}",
        NODE + "}",
        'node {\n name: "a"\n name: "b"\n}',
        "versions {\n}\nversions {\n}",
        "nodes {\n}",
        "node: 3",
        "node {\n name {\n}\n}",
        "versions {\n producer: 2147483648\n}",
        "versions {\n producer: 1.5\n}",
        'node {\n name: "a"b"\n}',
        'node {\n name: "\\377"\n}',
        'node {\n attr {\n  key: "x"\n  value {\n   i: 1\n   b: true\n  }\n }\n}',
        'node {\n attr {\n  key: "x"\n  value {\n   b: 1.5\n  }\n }\n}',
        'node {\n attr {\n  key: "x"\n  value {\n   type: DT_NOTHING\n  }\n }\n}',
    ],
)
def test_what_protobuf_refuses_is_refused_with_its_words(text):
    with pytest.raises((text_format.ParseError, UnicodeDecodeError)) as expected:
        theirs(text)
    with pytest.raises(expected.type) as found:
        parse_text(text, protos.GraphDef)
    assert str(found.value) == str(expected.value)


@given(st.binary(max_size=30), st.floats(width=32), st.integers(-(2**63), 2**63 - 1))
def test_any_value_that_is_written_is_read_again(data, number, whole):
    graph = protos.GraphDef()
    value = graph.node.add(name="n").attr["a"]
    value.tensor.string_val.append(data)
    value.tensor.float_val.append(number)
    value.tensor.int64_val.append(whole)
    text = text_format.MessageToString(graph, descriptor_pool=protos.POOL)
    # By their text: no NaN is equal to another.
    assert str(parse_text(text, protos.GraphDef)) == str(theirs(text))


def test_the_lines_of_a_text_are_not_all_held_at_once():
    text = 'node {\n  op: "MatMul"\n  input: "a/long/name/of/a/node"\n}\n' * 20_000
    tracemalloc.start()
    parse_text(text, protos.GraphDef)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4.3 * len(text)  # 5.4 where they were
