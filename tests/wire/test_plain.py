"""Values of every shape: what the writer makes of them, and which place it names."""

import collections
import json
import types

import pytest

from cpr.errors import BadOutput
from cpr.wire.json_codec import dumps
from cpr.wire.plain import plain

Pair = collections.namedtuple("Pair", "left right")

WRITTEN = {
    "tuple": ((1, (2, 3)), [1, [2, 3]]),
    "namedtuple": (Pair(1, b"x"), [1, {"b64": "eA=="}]),
    "integer_keys": ({1: "a", -2: "b"}, {"1": "a", "-2": "b"}),
    "keys_as_json_writes_them": ({True: 1, None: 2, 0.5: 3}, {"true": 1, "null": 2, "0.5": 3}),
    "mapping_proxy": (types.MappingProxyType({"a": (1,)}), {"a": [1]}),
    "user_dict": (collections.UserDict(a=1), {"a": 1}),
    "default_dict": (collections.defaultdict(list, a=[1]), {"a": [1]}),
    "huge_integers": ([2**70, -(2**64)], [2**70, -(2**64)]),
    "lone_surrogate": ({"\ud800": "\udfff"}, {"\ud800": "\udfff"}),
    "bytes": ([b"", bytearray(b"\xff"), memoryview(b"ab")[::2]], ["", "/w==", "YQ=="]),
    "empty": ([[], {}, (), ""], [[], {}, [], ""]),
}


@pytest.mark.parametrize("beside_none", [False, True], ids=["alone", "beside_none"])
@pytest.mark.parametrize(("value", "expected"), WRITTEN.values(), ids=WRITTEN)
def test_writes(value, expected, beside_none):
    if isinstance(expected, list) and isinstance(value[0], bytes):
        expected = [{"b64": text} for text in expected]
    body = dumps([None, value] if beside_none else value)
    assert json.loads(body) == ([None, expected] if beside_none else expected)


REFUSED = {
    "set": (
        {1},
        "predict returned a value that is not JSON at predictions: an object of type set.",
    ),
    "generator": ([(x for x in [1])], "at predictions[0]: an object of type generator."),
    "iterator": ({"a": map(str, [])}, "at predictions.a: an object of type map."),
    "dict_view": ({"a": {}.values()}, "at predictions.a: an object of type dict_values."),
    "class": ([int], "at predictions[0]: an object of type type."),
    "function": ([1, len], "at predictions[1]: an object of type builtin_function_or_method."),
    "complex": ([{"z": 1j}], "at predictions[0].z: an object of type complex."),
    "ellipsis": (..., "at predictions: an object of type ellipsis."),
    "bytes_key": (
        [{b"k": 1}],
        "a dict with the key b'k' at predictions[0]; JSON keys are strings.",
    ),
    "tuple_key": ({"a": {(1, 2): 3}}, "the key (1, 2) at predictions.a; JSON keys are strings."),
}


@pytest.mark.parametrize(("value", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses_and_names_the_place(value, message):
    with pytest.raises(BadOutput) as caught:
        dumps(value)
    assert message in caught.value.problem
    assert caught.value.hint.startswith(("Return lists", "Turn the key"))


def test_refused_iterators_are_not_used_up():
    rows = iter([1, 2])
    with pytest.raises(BadOutput):
        dumps(rows)
    assert list(rows) == [1, 2]


def nested(levels, wrap):
    value = 1
    for _ in range(levels):
        value = wrap(value)
    return value


WRAPS = {
    "lists": lambda value: [value],
    "dicts": lambda value: {"a": value},
    "tuples": lambda v: (v,),
}


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
@pytest.mark.parametrize("levels", [250, 260, 400, 500])
def test_writes_deep_values(wrap, levels):
    value = nested(levels, wrap)
    assert dumps(value) == json.dumps(value, separators=(",", ":")).encode()


# orjson does not count the levels of tuples in tuples.
@pytest.mark.parametrize("wrap", [WRAPS["lists"], WRAPS["dicts"]], ids=["lists", "dicts"])
@pytest.mark.parametrize("levels", [502, 100_000])
def test_refuses_values_that_are_too_deep(wrap, levels):
    with pytest.raises(BadOutput) as caught:
        dumps(nested(levels, wrap))
    assert "predict returned more than 500 levels at predictions" in caught.value.problem
    assert len(caught.value.problem) < 250


def test_refuses_values_that_contain_themselves():
    row = {"name": "a"}
    row["rows"] = [row, row]
    with pytest.raises(BadOutput) as caught:
        dumps([row])
    assert "predictions[0].rows[0].rows[0]" in caught.value.problem
    assert "contains itself" in caught.value.hint


def test_refuses_deep_values_where_the_stack_is_almost_full():
    def call(levels):
        return call(levels - 1) if levels else dumps(nested(400, WRAPS["lists"]))

    with pytest.raises(BadOutput, match="nested too deeply"):
        call(700)


def test_refuses_integers_of_thousands_of_digits():
    with pytest.raises(BadOutput, match=r"predictions cannot be written as JSON: .*4300"):
        dumps([10**5000])


class Broken(dict):
    def items(self):
        raise OSError("disk on fire")


class BrokenArray:
    def __array__(self, *_args, **_options):
        raise RuntimeError("no array today")


def test_an_exception_of_the_value_itself_is_bad_output():
    with pytest.raises(BadOutput, match=r"cannot be read: OSError: disk on fire"):
        dumps({1: Broken(a=1)})
    with pytest.raises(BadOutput, match=r"predictions\[0\]: .*BrokenArray \('no array today'\)"):
        dumps([BrokenArray()])


def test_the_path_starts_at_the_name_that_is_given():
    with pytest.raises(BadOutput, match=r"at predictions\[0\],"):
        plain({"predictions": [float("inf")]}, "error", name="")
    with pytest.raises(BadOutput, match="at the top: an object of type set"):
        plain(set(), "error", name="")


def test_a_long_path_is_cut_in_the_middle():
    with pytest.raises(BadOutput) as caught:
        dumps([{"k" * 1000: {1}}])
    assert "at predictions[0].kkk" in caught.value.problem
    assert len(caught.value.problem) < 250
