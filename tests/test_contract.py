"""What a class must be to serve, and what a wrong one is told before the first request."""

import importlib.util
import sys
import textwrap

import pytest

from cpr.contract import Contract, contract_of, where
from cpr.errors import UserCodeError

HEAD = """\
import asyncio, functools
import cpr

def wrapped(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper

def unwrapped(function):
    def wrapper(self, *args, **kwargs):
        return function(self, *args, **kwargs)
    return wrapper

class Complete:
    @classmethod
    def from_path(cls, model_dir):
        return cls()
    def predict(self, instances, **kwargs):
        return instances

"""
FROM_PATH = "@classmethod\ndef from_path(cls, model_dir): return cls()\n"
PREDICT = "def predict(self, instances, **kwargs): return instances\n"


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Imports a module from its text."""

    def write(text):
        path = tmp_path / "predictor.py"
        path.write_text(HEAD + text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location("predictor", path)
        loaded = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "predictor", loaded)
        spec.loader.exec_module(loaded)
        return loaded

    return write


@pytest.fixture
def routine(module):
    """The class Routine with a given body, defined on line 22 of predictor.py."""

    def write(body, bases=""):
        return module(f"class Routine{bases}:\n" + textwrap.indent(body, "    ")).Routine

    return write


def refusal_of(cls, **options):
    with pytest.raises(UserCodeError) as caught:
        contract_of(cls, "predictor.Routine", **options)
    return caught.value


GOOD = {
    "canonical": FROM_PATH + PREDICT,
    "without **kwargs": FROM_PATH + "def predict(self, instances): ...",
    "any names": FROM_PATH + "def predict(this, rows, **other): ...",
    "keyword-only": FROM_PATH + "def predict(self, instances, *, size=None, chunks): ...",
    "positional-only": FROM_PATH + "def predict(self, instances, /, **kwargs): ...",
    "classmethod predict": FROM_PATH + "@classmethod\ndef predict(cls, instances): ...",
    "decorated with wraps": FROM_PATH + "@wrapped\n" + PREDICT,
    "decorated without wraps": FROM_PATH + "@unwrapped\n" + PREDICT,
    "only *args": FROM_PATH + "def predict(*args, **kwargs): ...",
    "static *args": FROM_PATH + "@staticmethod\ndef predict(*args): ...",
    "partialmethod": FROM_PATH + "def _p(self, instances, size): ...\n"
    "predict = functools.partialmethod(_p, size=1)",
    "compiled": FROM_PATH + "predict = iter",
    "from_path with any name": "@classmethod\ndef from_path(cls, anything): ...\n" + PREDICT,
    "from_path with defaults": "@classmethod\ndef from_path(cls, a, b=None, *, c=None, **d): ...\n"
    + PREDICT,
    "static from_path": "@staticmethod\ndef from_path(model_dir): ...\n" + PREDICT,
    "plain from_path": "def from_path(model_dir): ...\n" + PREDICT,
    "decorated from_path": "@classmethod\n@wrapped\ndef from_path(cls, model_dir): ...\n" + PREDICT,
    "both shapes": FROM_PATH + PREDICT + "def load(self, artifacts_uri): ...",
}


@pytest.mark.parametrize("body", GOOD.values(), ids=GOOD)
def test_accepts_ai_platform_classes(routine, body):
    assert contract_of(routine(body), "predictor.Routine") is Contract.AI_PLATFORM


@pytest.mark.parametrize(
    ("body", "bases"),
    [
        (FROM_PATH + PREDICT, "(cpr.Predictor)"),
        (
            "@classmethod\ndef from_path(cls, model_dir, *, settings): ...\n" + PREDICT,
            "(cpr.Predictor)",
        ),
        ("", "(Complete)"),
    ],
    ids=["subclass", "subclass that requires settings", "inherits both"],
)
def test_accepts_subclasses(routine, body, bases):
    assert contract_of(routine(body or "pass", bases), "n") is Contract.AI_PLATFORM


@pytest.mark.parametrize(
    "body",
    [
        "def load(self, artifacts_uri): ...\ndef predict(self, instances): ...",
        "def load(self, artifacts_uri, **kwargs): ...\ndef predict(self, instances): ...\n"
        "def preprocess(self, body): ...\ndef postprocess(self, results): ...",
        "def __init__(self, size=3): ...\n@staticmethod\ndef load(uri): ...\n" + PREDICT,
    ],
    ids=["least", "whole", "static load"],
)
def test_accepts_vertex_ai_classes(routine, body):
    assert contract_of(routine(body), "predictor.Routine") is Contract.VERTEX


BAD = {
    "no from_path": (
        PREDICT + "def from_pth(cls): ...\n_cache = {}",
        "predictor 'predictor.Routine' has no from_path(model_dir) classmethod "
        "(predictor.py:22). Found: predict, from_pth, _cache. Rename 'from_pth' to 'from_path'.",
        "Add one that returns the object to serve.",
    ),
    "no predict": (
        FROM_PATH + "def predcit(self, instances): ...",
        "predictor 'predictor.Routine' is missing the required "
        "predict(self, instances, **kwargs) method (predictor.py:22). "
        "Found: from_path, predcit. Rename 'predcit' to 'predict'.",
        "Add one that returns the predictions.",
    ),
    "third positional": (
        FROM_PATH + "def predict(self, instances, size=None): ...",
        "has a predict method with an invalid signature (predictor.py:25). Expected positional "
        "parameters: ['self', 'instances']; found: ['self', 'instances', 'size'].",
        "predict(self, instances, *, size=None)",
    ),
    "no instances": (
        FROM_PATH + "def predict(self): ...",
        "found: ['self'].",
        "predict(self, instances",
    ),
    "static predict": (
        FROM_PATH + "@staticmethod\ndef predict(instances, **kwargs): ...",
        "found: ['instances']. It is a staticmethod.",
        "Make it predict(self, instances, **kwargs)",
    ),
    "static predict of two": (
        FROM_PATH + "@staticmethod\ndef predict(one, two): ...",
        "found: ['one', 'two']. It is a staticmethod.",
        "Make it predict(self",
    ),
    "async predict": (
        FROM_PATH + "async def predict(self, instances): ...",
        "has an async predict (predictor.py:25); it would never be awaited",
        "Make it a plain def.",
    ),
    "async from_path": (
        "@classmethod\nasync def from_path(cls, model_dir): ...\n" + PREDICT,
        "has an async from_path (predictor.py:23)",
        "Make it a plain def.",
    ),
    "from_path not bound": (
        "def from_path(cls, model_dir): ...\n" + PREDICT,
        "has a from_path that cannot be called with one positional argument, the model "
        "directory: missing a required argument: 'model_dir' (predictor.py:23).",
        "Put @classmethod above it.",
    ),
    "from_path takes nothing": (
        "@classmethod\ndef from_path(cls): ...\n" + PREDICT,
        "too many positional arguments (predictor.py:23).",
        "Give further parameters defaults.",
    ),
    "from_path wants more": (
        "@classmethod\ndef from_path(cls, model_dir, *, settings): ...\n" + PREDICT,
        "missing a required",
        "Give further parameters defaults.",
    ),
    "from_path no function": (
        "from_path = 'model'\n" + PREDICT,
        "'model' is not a callable object",
        "@classmethod",
    ),
    "predict no function": (
        "predict = 3\n" + FROM_PATH,
        "is missing the required predict",
        "Add one",
    ),
    "empty": ("pass", "Found: no methods.", "Add one"),
}


@pytest.mark.parametrize(("body", "said", "hint"), BAD.values(), ids=BAD)
def test_refuses_a_wrong_class_and_says_where_and_why(routine, body, said, hint):
    error = refusal_of(routine(body))
    assert said in error.problem
    assert hint in error.hint


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (PREDICT, "has no from_path(model_dir) classmethod (predictor.py:22). Found: predict."),
        (FROM_PATH, "is missing the required predict(self, instances, **kwargs) method"),
        ("pass", "Found: no methods."),
    ],
    ids=["no from_path", "no predict", "neither"],
)
def test_what_a_subclass_inherits_from_predictor_does_not_count(routine, body, said):
    error = refusal_of(routine(body, "(cpr.Predictor)"))
    assert said in error.problem
    assert "Rename" not in error.problem


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("def load(self): ...\n" + PREDICT, "its load cannot be called with one argument"),
        (
            "def load(self, u): ...\ndef predict(self, a, b): ...",
            "its predict cannot be called with one argument, the instances: missing a required "
            "argument: 'b' (predictor.py:22)",
        ),
        (
            "def load(self, u): ...\ndef postprocess(self): ...\n" + PREDICT,
            "its postprocess cannot be called with one argument, the predictions: too many",
        ),
        ("def __init__(self, x): ...\ndef load(self, u): ...\n" + PREDICT, "without arguments"),
        ("async def load(self, uri): ...\n" + PREDICT, "has an async load (predictor.py:23)"),
        (
            "def load(self, uri): ...\n" + PREDICT + "async def preprocess(self, body): ...",
            "has an async preprocess (predictor.py:25)",
        ),
    ],
    ids=[
        "load takes nothing",
        "predict wants more",
        "postprocess takes nothing",
        "constructor wants more",
        "async load",
        "async hook",
    ],
)
def test_refuses_a_wrong_vertex_ai_class(routine, body, said):
    assert said in refusal_of(routine(body)).problem


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("@wrapped\n" + PREDICT, "found: []."),
        ("@unwrapped\n" + PREDICT, "found: ['self']."),
        ("def predict(*args): ...", "found: []."),
    ],
    ids=["wraps", "without wraps", "only *args"],
)
def test_strict_counts_the_wrappers_parameters_as_the_platform_did(routine, body, found):
    assert found in refusal_of(routine(FROM_PATH + body), strict=True).problem


def test_long_lists_of_members_are_cut(routine):
    body = "\n".join(f"def method_{n}(self): ..." for n in range(20))
    assert "method_11…" in refusal_of(routine(body)).problem


@pytest.mark.parametrize(
    ("text", "named", "hint"),
    [
        (
            "from cpr import Predictor\nclass Mine(Predictor): ...",
            "'predictor.Routine' names a module, not a class (predictor.py:1). "
            "It defines Complete, Mine.",
            "Name the class: predictor.Routine.Complete",
        ),
        (
            "del Complete",
            "not a class (predictor.py:1).",
            "It defines no class with from_path and predict: write one there, or name another.",
        ),
    ],
    ids=["with classes", "without"],
)
def test_module_in_place_of_a_class_is_told_its_classes(module, text, named, hint):
    error = refusal_of(module(text))
    assert error.problem.endswith(named)
    assert error.hint == hint


def test_function_in_place_of_a_class_is_refused(module):
    error = refusal_of(module("").wrapped)
    assert error.problem == "'predictor.Routine' names a function, not a class (predictor.py:4)."


def test_object_with_both_methods_serves_as_on_the_platform(module):
    assert contract_of(module("").Complete(), "predictor.ready") is Contract.AI_PLATFORM


@pytest.mark.parametrize("thing", [3, len, dict], ids=["value", "builtin", "builtin class"])
def test_thing_without_source_has_no_place(thing):
    assert where(thing) == "source not found"
