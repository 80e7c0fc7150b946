"""Which of a request's parameters reach predict, and when `stats` does."""

import functools

import pytest

import cpr
from cpr.binding import Binding, load
from cpr.config import PredictorSettings
from cpr.contract import Contract
from cpr.errors import BadInput
from cpr.messages import Instances
from cpr.predictor import Stats


def routine(predict, **members):
    """A plain class with the given predict; from_path returns an instance."""
    members = {"from_path": classmethod(lambda cls, path: cls()), "predict": predict, **members}
    return type("Routine", (), members)


def subclass(predict, **members):
    members = {"from_path": classmethod(lambda cls, path: cls()), "predict": predict, **members}
    return type("Routine", (cpr.Predictor,), members)


def opened(cls, *, strict=False):
    return load(cls, "predictor.Routine", "/model", PredictorSettings(strict=strict))


def run(cls, parameters=None, *, strict=False, values=()):
    return opened(cls, strict=strict).run(Instances(values, parameters or {}))


def keywords(self, instances, **kwargs):
    return kwargs


def only_instances(self, instances):
    return "ran"


def by_name(self, instances, *, size=0):
    return size


def wants_stats(self, instances, *, stats):
    return stats


def test_from_path_gets_the_directory_by_position():
    class Routine:
        @classmethod
        def from_path(cls, any_name_at_all, /):
            instance = cls()
            instance.path = any_name_at_all
            return instance

        def predict(self, rows):
            return self.path

    assert run(Routine) == "/model"


@pytest.mark.parametrize("values", [[1], {"a": 1}, "text", 3, None, []], ids=repr)
def test_instances_of_any_type_reach_predict_unchanged(values):
    assert run(routine(lambda self, instances, **kwargs: [instances]), values=values) == [values]


@pytest.mark.parametrize(
    ("predict", "passed"),
    [
        (keywords, {"size": 1, "chunks": 2}),
        (by_name, 1),
        (only_instances, "ran"),
        (lambda self, instances, *, chunks=0, **other: (chunks, other["size"]), (2, 1)),
    ],
    ids=["**kwargs", "by name", "takes nothing", "both"],
)
def test_only_what_the_signature_takes_is_passed(predict, passed):
    result = run(routine(predict), {"size": 1, "chunks": 2})
    if isinstance(result, dict):
        result.pop("stats")
    assert result == passed


def passing_on(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def closed(function):
    @functools.wraps(function)
    def wrapper(self, instances):
        return function(self, instances)

    return wrapper


def unnamed(function):
    def wrapper(self, instances, **kwargs):
        return function(self, instances, **kwargs)

    return wrapper


@pytest.mark.parametrize(
    ("predict", "passed"),
    [
        (passing_on(only_instances), "ran"),
        (passing_on(by_name), 1),
        (passing_on(passing_on(by_name)), 1),
        (closed(keywords), {}),
        (unnamed(keywords), {"size": 1, "stats": {}}),
        (functools.partialmethod(by_name, size=7), 1),
    ],
    ids=["closed inside", "names inside", "twice", "closed outside", "no wraps", "partialmethod"],
)
def test_decorated_predict_gets_what_both_wrapper_and_function_take(predict, passed):
    assert run(routine(predict), {"size": 1}) == passed


def test_compiled_predict_gets_the_instances_alone():
    class Compiled:
        predict = staticmethod(iter)

    assert list(Binding(Compiled(), Contract.AI_PLATFORM).run(Instances([1], {"size": 2}))) == [1]


@pytest.mark.parametrize(
    ("cls", "is_given"),
    [
        (routine(keywords), True),
        (routine(wants_stats), True),
        (subclass(keywords), False),
        (subclass(wants_stats), True),
    ],
    ids=["plain, **kwargs", "plain, by name", "subclass, **kwargs", "subclass, by name"],
)
@pytest.mark.parametrize("parameters", [{}, {"size": 1}], ids=["alone", "with others"])
def test_stats_are_given_as_on_the_platform_and_to_those_who_ask(cls, is_given, parameters):
    result = run(cls, parameters)
    stats = result if isinstance(result, Stats) else result.get("stats")
    assert isinstance(stats, Stats) == is_given


@pytest.mark.parametrize("predict", [only_instances, by_name], ids=["takes nothing", "by name"])
def test_predict_without_room_for_stats_works_unless_strict(predict):
    run(routine(predict))
    with pytest.raises(TypeError, match="unexpected keyword argument 'stats'"):
        run(routine(predict), strict=True)


def test_stats_store_the_microseconds_of_a_block():
    stats = Stats()
    with pytest.raises(ValueError), stats.time("lookup"):
        raise ValueError
    assert list(stats) == ["lookup"]
    assert stats["lookup"] > 0


@pytest.mark.parametrize(
    ("predict", "key"),
    [
        (keywords, "self"),
        (lambda this, rows, **kwargs: kwargs, "this"),
        (lambda this, rows, **kwargs: kwargs, "rows"),
        (keywords, "stats"),
        (wants_stats, "stats"),
        (passing_on(keywords), "self"),
    ],
    ids=["self", "renamed self", "renamed instances", "stats", "named stats", "decorated"],
)
def test_key_that_collides_is_the_callers_fault(predict, key):
    with pytest.raises(BadInput) as caught:
        run(routine(predict), {key: 1})
    assert caught.value.problem == (
        f"the request's top-level key {key!r} has the name of a parameter that the framework "
        "itself passes to predict."
    )
    assert caught.value.hint == "Rename the key in the request."


def positional_only(self, instances, /, **kwargs):
    return kwargs


@pytest.mark.parametrize(
    ("cls", "key"),
    [
        (routine(lambda this, rows, **kwargs: kwargs), "self"),
        (routine(positional_only), "self"),
        (subclass(keywords), "stats"),
        (routine(keywords), "signature_name"),
        (routine(keywords), "parameters"),
    ],
    ids=["self not named so", "positional-only", "stats of a subclass", "signature", "parameters"],
)
def test_key_that_does_not_collide_is_passed(cls, key):
    assert run(cls, {key: 1})[key] == 1


@pytest.mark.parametrize("key", ["self", "instance", "stats"])
def test_key_that_predict_does_not_take_is_ignored(key):
    assert run(routine(lambda self, instance: "ran"), {key: 1}) == "ran"


def test_ignored_key_is_logged_once(caplog):
    binding = opened(routine(only_instances))
    for _ in range(3):
        binding.run(Instances([], {"size": 1}))
    assert caplog.messages == ["predict() takes no parameter 'size'; the key is ignored"]


def test_ignored_key_gets_a_suggestion(caplog):
    def predict(self, instances, *, probabilities=False):
        return instances

    opened(routine(predict)).run(Instances([], {"probabilitys": 1}))
    assert caplog.messages == [
        "predict() takes no parameter 'probabilitys'; the key is ignored. "
        "Did you mean 'probabilities'?"
    ]


def test_ignored_keys_from_clients_cannot_flood_the_log(caplog):
    binding = opened(routine(only_instances))
    for number in range(100):
        binding.run(Instances([], {f"{number}" + "x" * 5000: 1}))
    assert len(caplog.messages) == 20
    assert max(map(len, caplog.messages)) < 150


def test_required_keyword_that_the_request_lacks_is_the_callers_fault():
    predict = lambda self, instances, *, size, stats: size  # noqa: E731
    assert run(routine(predict), {"size": 4}) == 4
    with pytest.raises(BadInput, match="lacks the top-level key 'size', which predict requires"):
        run(routine(predict))
