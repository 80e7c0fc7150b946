"""What is built and called: hooks, both platforms' shapes, settings, what from_path returns."""

import pytest

import cpr
from cpr.binding import load
from cpr.config import PredictorSettings
from cpr.errors import UserCodeError
from cpr.messages import Instances


def routine(predict, *bases, **members):
    """A class with the given predict; from_path returns an instance."""
    members = {"from_path": classmethod(lambda cls, path: cls()), "predict": predict, **members}
    return type("Routine", bases, members)


def subclass(predict, **members):
    return routine(predict, cpr.Predictor, **members)


def opened(cls):
    return load(cls, "predictor.Routine", "/model", PredictorSettings())


def run(cls, parameters=None, values=()):
    return opened(cls).run(Instances(values, parameters or {}))


def keywords(self, instances, **kwargs):
    return kwargs


def only_instances(self, instances):
    return "ran"


HOOKS = {
    "preprocess": lambda self, values: [*values, "pre"],
    "postprocess": lambda self, values: [*values, "post"],
}


def calls(self, name):
    self.__dict__.setdefault("called", []).append(name)


@pytest.mark.parametrize(
    ("make", "expected"),
    [(subclass, ["pre", "post"]), (routine, [])],
    ids=["subclass", "plain class"],
)
def test_hooks_run_on_subclasses_only(make, expected):
    hooks = {
        **HOOKS,
        "warmup": lambda self: calls(self, "warmup"),
        "close": lambda self: calls(self, "close"),
    }
    binding = opened(make(lambda self, instances: instances, **hooks))
    assert binding.run(Instances([])) == expected
    binding.warmup()
    binding.close()
    assert getattr(binding.predictor, "called", []) == (["warmup", "close"] if expected else [])


def test_subclass_without_hooks_is_called_plainly():
    binding = opened(subclass(only_instances))
    binding.warmup()
    binding.close()
    assert binding.run(Instances([])) == "ran"


@pytest.mark.parametrize(
    ("member", "expected"), [({}, False), ({"batchable": True}, True)], ids=["default", "says so"]
)
def test_batching_is_opted_into(member, expected):
    assert opened(routine(only_instances, **member)).is_batchable is expected


class Vertex:
    def load(self, artifacts_uri):
        self.uri = artifacts_uri

    def predict(self, instances, **kwargs):
        return {"predictions": [self.uri, instances, kwargs]}


class VertexWithHooks(Vertex):
    def preprocess(self, prediction_input):
        return prediction_input["instances"] + [prediction_input["size"]]

    def postprocess(self, results):
        return {**results, "post": True}


@pytest.mark.parametrize(
    ("cls", "answer"),
    [
        (Vertex, {"predictions": ["/model", {"instances": [1], "size": 2, "stats": 3}, {}]}),
        (VertexWithHooks, {"predictions": ["/model", [1, 2], {}], "post": True}),
    ],
    ids=["least", "with hooks"],
)
def test_vertex_ai_chain_runs_over_the_whole_body(cls, answer):
    binding = opened(cls)
    assert binding.answers_whole_body
    assert not binding.is_batchable
    assert binding.run(Instances([1], {"size": 2, "stats": 3})) == answer
    binding.warmup()
    binding.close()


def test_class_of_both_shapes_serves_as_ai_platform_class():
    members = {"load": lambda self: None, **HOOKS}
    binding = opened(routine(lambda self, instances: instances, **members))
    assert not binding.answers_whole_body
    assert binding.run(Instances([1])) == [1]


class WantsSettings(cpr.Predictor):
    @classmethod
    def from_path(cls, model_dir, *, settings):
        instance = cls()
        instance.settings = settings
        return instance

    def predict(self, instances):
        return self.settings


def test_settings_go_to_a_subclass_that_names_them():
    assert run(WantsSettings) == PredictorSettings()


def test_settings_do_not_go_to_a_plain_class():
    default = object()
    from_path = lambda cls, path, *, settings=default: cls() if settings is default else None  # noqa: E731
    assert run(routine(only_instances, from_path=classmethod(from_path))) == "ran"


def test_from_path_may_return_any_object_with_a_predict():
    estimator = routine(lambda self, X: [len(X)])()
    cls = routine(keywords, from_path=classmethod(lambda cls, path: estimator))
    assert run(cls, {"size": 1}, values=[1, 2]) == [2]


async def never(self, instances):
    return instances


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (None, "returned a NoneType without a predict method (test_binding_shapes.py:"),
        ("x", "returned a str without a predict method"),
        (routine(3)(), "returned a Routine without a predict method"),
        (routine(lambda self: 1)(), "whose predict cannot be called with one positional argument"),
        (routine(lambda self, a, b: 1)(), "missing a required argument: 'b'"),
        (routine(never)(), "it is async and would never be awaited"),
    ],
    ids=["none", "text", "not callable", "takes nothing", "wants more", "async"],
)
def test_what_from_path_returned_is_checked_too(returned, said):
    cls = routine(keywords, from_path=classmethod(lambda cls, path: returned))
    with pytest.raises(UserCodeError) as caught:
        opened(cls)
    assert said in caught.value.problem
    assert caught.value.hint.startswith("Return")


def test_users_exceptions_pass_through_unchanged():
    with pytest.raises(ZeroDivisionError):
        run(routine(lambda self, instances: 1 / 0))
