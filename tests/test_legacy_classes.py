"""Classes as people wrote them for AI Platform between 2019 and 2023, run unmodified."""

import json
import logging
import sys
from pathlib import Path

import pytest

from cpr.errors import UserCodeError
from cpr.messages import Call
from cpr.serving import open_routine

NAMES = '''
import numpy as np

class MyPredictor(object):
    """The tutorial's shape: from_path last, its argument named otherwise."""

    def __init__(self, names):
        self._names = names

    def predict(self, instances, **kwargs):
        probabilities = np.asarray(instances)
        if kwargs.get("probabilities"):
            return probabilities.tolist()
        return [self._names[index] for index in np.argmax(probabilities, axis=1)]

    @classmethod
    def from_path(cls, path):
        with open(path + "/names.txt") as file:
            return cls(file.read().split())
'''
DICT_INSTANCES = """
class MyPredictor:
    def predict(self, instances, **kwargs):
        text = instances["text"]
        return {"words": text.split()}
"""
TEXT_INSTANCES = """
import base64, json

class MyPredictor:
    def predict(self, instances, **kwargs):
        return json.dumps({"bytes": len(base64.b64decode(instances))})
"""
SCALAR = """
import numpy as np

class MyPredictor:
    def predict(self, instances, **kwargs):
        return np.mean(np.array(instances, dtype="float32"))
"""
LONGER = '''
class MyPredictor:
    """More predictions than instances: each with its neighbours."""

    def predict(self, instances, **kwargs):
        return [(name, kwargs.get("size", 3) - rank) for name in instances for rank in range(2)]
'''
ARRAY = """
import numpy as np

class MyPredictor:
    def predict(self, instances, **kwargs):
        rows = np.array(instances, dtype=np.float32)
        return {"logits": rows * 0.1, "class": rows.argmax(axis=1), "ok": rows.max() > 1}
"""
FRAME = """
import pandas as pd

class MyPredictor:
    def predict(self, instances, **kwargs):
        frame = pd.DataFrame(instances)
        frame["total"] = frame["price"] * frame["count"]
        return frame[["price", "total"]]
"""
STATE = '''
class MyPredictor:
    """Keeps state on the class and the object; another object serves."""

    loaded = 0

    def __init__(self):
        self.seen = []

    def predict(self, instances, **kwargs):
        self.seen += instances
        return [MyPredictor.loaded, len(self.seen)]

    @classmethod
    def from_path(cls, model_dir):
        cls.loaded += 1
        return Wrapper(cls())

class Wrapper:
    def __init__(self, inner):
        self.inner = inner

    def predict(self, instances, **kwargs):
        return self.inner.predict(instances, **kwargs)
'''
SIGNATURE = """
class MyPredictor:
    def predict(self, instances, *, signature_name="serving_default", **kwargs):
        return [signature_name, sorted(set(kwargs) - {"stats"})]
"""
TIMED = """
class MyPredictor:
    def predict(self, instances, **kwargs):
        stats = kwargs["stats"]
        with stats.time("lookup"):
            found = [name.upper() for name in instances]
        stats["extra"] = 1
        return [found, sorted(stats), stats["lookup"] >= 0]
"""
WITHOUT_KEYWORDS = """
class MyPredictor:
    def predict(self, instances):
        return list(reversed(instances))
"""
LAZY = """
import os

class MyPredictor:
    def __init__(self, model_dir):
        self._model_dir = model_dir

    def predict(self, instances, **kwargs):
        with open(os.path.join(self._model_dir, "names.txt")) as file:
            names = file.read().split()
        with open(os.path.join(self._model_dir, "cache.txt"), "a") as file:
            file.write("written")
        return names[instances[0]]

    @classmethod
    def from_path(cls, model_dir):
        return cls(model_dir)
"""
CHDIR = """
import os

class MyPredictor:
    def predict(self, instances, **kwargs):
        with open("names.txt") as file:
            return file.read().split()

    @classmethod
    def from_path(cls, model_dir):
        os.chdir(model_dir)
        return cls()
"""
EXIT = """
import sys

class MyPredictor:
    def predict(self, instances, **kwargs):
        if not instances:
            sys.exit(1)
        return instances
"""
NOISY = """
import logging
logging.basicConfig(level=logging.DEBUG, force=True)
print("imported")

class MyPredictor:
    def predict(self, instances, **kwargs):
        print(instances)
        logging.getLogger().warning("predicting")
        return instances
"""
DECODES = '''
import base64

class MyPredictor:
    """Indexes ['b64'] itself, as classes for the late service did."""

    def predict(self, instances, **kwargs):
        return [len(base64.b64decode(instance["image"]["b64"])) for instance in instances]
'''
CASES = {
    "names": (NAMES, {"instances": [[0.1, 0.9], [0.8, 0.2]]}, ["high", "low"]),
    "keyword": (NAMES, {"instances": [[0.5, 0.5]], "probabilities": True}, [[0.5, 0.5]]),
    "dict_instances": (DICT_INSTANCES, {"instances": {"text": "a b"}}, {"words": ["a", "b"]}),
    "text_instances": (TEXT_INSTANCES, {"instances": "YWJj"}, '{"bytes": 3}'),
    "scalar": (SCALAR, {"instances": [1, 2]}, 1.5),
    "longer": (LONGER, {"instances": ["a"], "size": 9}, [["a", 9], ["a", 8]]),
    "array": (ARRAY, {"instances": [[1, 3]]}, {"logits": [[0.1, 0.3]], "class": [1], "ok": True}),
    "frame": (FRAME, {"instances": [{"price": 2, "count": 3}]}, [{"price": 2, "total": 6}]),
    "state": (STATE, {"instances": [1, 2, 3]}, [1, 3]),
    "signature": (SIGNATURE, {"instances": [], "signature_name": "s", "n": {}}, ["s", ["n"]]),
    "timed": (TIMED, {"instances": ["a"]}, [["A"], ["extra", "lookup"], True]),
    "without_keywords": (WITHOUT_KEYWORDS, {"instances": [1, 2], "size": 3}, [2, 1]),
    "lazy": (LAZY, {"instances": [1]}, "high"),
    "chdir": (CHDIR, {"instances": []}, ["low", "high"]),
    "noisy": (NOISY, {"instances": [1]}, [1]),
    "decodes": (DECODES, {"instances": [{"image": {"b64": "YWJj"}}]}, [3]),
}  # fmt: skip


FROM_PATH = """
    @classmethod
    def from_path(cls, model_dir):
        return cls()
"""


@pytest.fixture
def model_dir(tmp_path, monkeypatch):
    folder = tmp_path / "model" / "0001"
    folder.mkdir(parents=True)
    (folder / "names.txt").write_text("low high")
    (tmp_path / "current").mkdir()
    monkeypatch.chdir(tmp_path / "current")
    return folder


@pytest.fixture
def opened(tmp_path, model_dir):
    def open_text(text):
        has_from_path = "def from_path" in text
        (tmp_path / "predictor.py").write_text(text if has_from_path else text + FROM_PATH)
        return open_routine(f"{tmp_path}/predictor.py:MyPredictor", str(model_dir))

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield open_text
    root.handlers[:], root.level = handlers, level


def ask(routine, body):
    (reply,) = routine.answer([Call(json.dumps(body).encode())])
    return reply.status, json.loads(reply.body)


@pytest.mark.parametrize(("text", "body", "expected"), CASES.values(), ids=CASES)
def test_answers(text, body, expected, opened):
    with opened(text) as routine:
        for _ in range(1 if text is STATE else 2):
            assert ask(routine, body) == (200, {"predictions": expected})


def test_state_lives_as_long_as_the_routine(opened):
    for _ in range(2):
        with opened(STATE) as routine:
            answers = [ask(routine, {"instances": [0, 0]})[1]["predictions"] for _ in range(2)]
        assert answers == [[1, 2], [1, 4]]


def test_a_class_that_changes_directory_moves_itself_only(opened, tmp_path):
    with opened(CHDIR) as routine:
        assert Path.cwd() == tmp_path / "current"
        assert ask(routine, {"instances": []})[0] == 200
        assert Path.cwd() == tmp_path / "current"


def test_sys_exit_ends_a_request_and_not_the_process(opened):
    with opened(EXIT) as routine:
        assert ask(routine, {"instances": []}) == (
            500,
            {"error": "Prediction failed: predict raised SystemExit: 1"},
        )
        assert ask(routine, {"instances": [1]})[0] == 200


@pytest.mark.parametrize("key", ["self", "instances_", "stats"])
def test_a_key_that_collides_with_an_argument_is_the_callers_fault(key, opened):
    with opened(TIMED.replace("instances", "instances_")) as routine:
        status, body = ask(routine, {"instances": ["a"], key: 1})
    assert status == 400
    assert f"top-level key {key!r}" in body["error"]


def test_an_instance_of_the_wrong_shape_names_the_users_line_to_the_operator(opened):
    with opened(NAMES) as routine:
        (reply,) = routine.answer([Call(b'{"instances": [1, 2]}')])
    assert reply.status == 500
    assert reply.error.hint.startswith("predictor.py:14 in predict: return [self._names[index]")


POSITIONAL = """
class MyPredictor:
    def predict(self, instances, stats=None, **kwargs):
        return instances
"""
STATIC = """
class MyPredictor:
    @staticmethod
    def predict(instances, **kwargs):
        return instances
"""


@pytest.mark.parametrize("text", [POSITIONAL, STATIC], ids=["positional", "static"])
def test_what_the_platform_refused_is_refused_before_the_first_request(text, opened):
    with pytest.raises(UserCodeError, match=r"invalid signature \(predictor\.py:\d\)"):
        opened(text)
    assert "predictor" not in sys.modules
