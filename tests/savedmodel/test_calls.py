"""Functions that call themselves, or one another without end, are refused before TensorFlow."""

from pathlib import Path

import pytest

from cpr.errors import LoadError
from cpr.savedmodel import protos
from cpr.savedmodel.calls import refuse_endless_calls


def model_of(calls):
    """A model with these functions: what each calls, by name."""
    model = protos.SavedModel()
    library = model.meta_graphs.add().graph_def.library
    for name, called in calls.items():
        function = library.function.add()
        function.signature.name = name
        for place, other in enumerate(called):
            node = function.node_def.add(name=f"call{place}", op="PartitionedCall")
            node.attr["f"].func.name = other
    return model


def chain(count):
    return {f"f{n}": [f"f{n + 1}"] for n in range(count - 1)} | {f"f{count - 1}": []}


FINE = {
    "none": {},
    "a long chain": chain(200),
    "one that is not there": {"f": ["gone"]},
    "each calls all below": {f"f{n}": [f"f{m}" for m in range(n)] for n in range(10)},
    "one that is called often": {"f": ["g"] * 5000, "g": ["h"] * 20, "h": []},
    "each twice, but not often": {**{f"f{n}": [f"f{n + 1}"] * 2 for n in range(8)}, "f8": []},
    "many": {f"f{n}": [] for n in range(5000)},
}
ENDLESS = {
    "too long a chain": chain(201),
    "long beyond any stack": chain(20_000),
    "itself": {"f": ["f"]},
    "one another": {"f": ["g"], "g": ["h"], "h": ["f"]},
    "far below": {"main": ["f0"], **chain(50), "f49": ["f25"]},
}


@pytest.mark.parametrize("calls", FINE.values(), ids=FINE)
def test_functions_that_end_are_let_through(calls):
    refuse_endless_calls(model_of(calls), Path("model"))


@pytest.mark.parametrize("calls", ENDLESS.values(), ids=ENDLESS)
@pytest.mark.parametrize("is_reversed", [False, True])
def test_functions_without_end_are_refused(calls, is_reversed):
    if is_reversed:
        calls = dict(reversed(calls.items()))
    with pytest.raises(LoadError) as caught:
        refuse_endless_calls(model_of(calls), Path("model"))
    assert caught.value.problem.startswith(
        "model has functions that call themselves, or one another more than 200 deep, such as '"
    )
    assert caught.value.hint


MULTIPLIED = {
    "each twice": {**{f"f{n}": [f"f{n + 1}"] * 2 for n in range(12)}, "f12": []},
    "each calls all below": {f"f{n}": [f"f{m}" for m in range(n)] for n in range(100)},
    "each by way of two": {
        **{f"f{n}": [f"a{n}", f"b{n}"] for n in range(20)},
        **{f"{one}{n}": [f"f{n + 1}"] * (n < 19) for n in range(20) for one in "ab"},
    },
}


@pytest.mark.parametrize("calls", MULTIPLIED.values(), ids=MULTIPLIED)
@pytest.mark.parametrize("is_reversed", [False, True])
def test_functions_that_multiply_are_refused(calls, is_reversed):
    if is_reversed:
        calls = dict(reversed(calls.items()))
    with pytest.raises(LoadError, match="call one another so often") as caught:
        refuse_endless_calls(model_of(calls), Path("model"))
    assert caught.value.hint


def test_the_branches_of_a_condition_and_a_function_by_its_name_are_calls():
    model = model_of({"f": [], "g": []})
    first, second = model.meta_graphs[0].graph_def.library.function
    first.node_def.add(name="case", op="Case").attr["branches"].list.func.add(name="g")
    second.node_def.add(name="call", op="f")
    with pytest.raises(LoadError):
        refuse_endless_calls(model, Path("model"))
