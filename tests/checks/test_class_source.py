"""Faults of a class that passes every check and then harms a request."""

import pytest

HEAD = """
import json
import os
import pickle
from pathlib import Path

import joblib
import numpy as np


class MyPredictor:
    def __init__(self, model=None, model_dir=None):
        self._model = model
        self._cache = None
        self._folder = model_dir

    @classmethod
    def from_path(cls, model_dir):
        {from_path}
        return cls(None, {given})

    def predict(self, instances, **kwargs):
        {predict}
        return instances
"""


def source(from_path="pass", predict="pass", given="None"):
    return HEAD.format(from_path=from_path, predict=predict, given=given)


@pytest.fixture
def found_in(report_of):
    """The ids that the checks of a class find in its source."""

    def check(text, **options):
        report = report_of({"predictor.py": text}, groups=["class"], no_run=True, **options)
        return [item.id for item in report.findings]

    return check


@pytest.mark.parametrize(
    "statement",
    [
        "self.inputs = instances",
        "self.count += 1",
        "self._model.last = instances",
        "self.seen.append(instances)",
        "self.by_key[kwargs['key']] = instances",
        "self.a, b = 1, 2",
        "for one in instances:\n            self.one = one",
        "if kwargs:\n            self.kwargs = kwargs",
    ],
)
def test_state_on_self_is_found(found_in, statement):
    assert found_in(source(predict=statement)) == ["CPR114"]


@pytest.mark.parametrize(
    "statement",
    [
        "inputs = self._model",
        "if self._cache is None:\n            self._cache = 1",
        "if not self._cache:\n            self._cache = 1",
        "if not hasattr(self, 'late'):\n            self.late = 1",
        "if kwargs['a'] not in self.known:\n            self.known[kwargs['a']] = 1",
        "other = []\n        other.append(1)",
    ],
)
def test_what_is_local_or_filled_in_once_is_not(found_in, statement):
    assert found_in(source(predict=statement)) == []


def test_state_kept_by_a_method_that_predict_calls(report_of):
    text = source(predict="self._prepare(instances)")
    text += "\n    def _prepare(self, rows):\n        self.rows = rows\n"
    (found,) = report_of({"predictor.py": text}, groups=["class"], no_run=True).findings
    assert (found.id, found.line) == (
        "CPR114",
        text.splitlines().index("        self.rows = rows") + 1,
    )
    assert "_prepare keeps something of the request on self: self.rows = rows" in found.message


@pytest.mark.parametrize(
    "statement",
    [
        "open(os.path.join(model_dir, 'x'), 'w').close()",
        "open(model_dir + '/x', mode='ab')",
        "(Path(model_dir) / 'x').write_text('')",
        "Path(model_dir, 'x').open('w')",
        "joblib.dump({}, os.path.join(model_dir, 'x'))",
        "path = f'{model_dir}/x'\n        np.save(path, [1])",
        "os.makedirs(os.path.join(model_dir, 'cache'))",
        "model = object()\n        model.save(model_dir)",
        "import shutil\n        shutil.copy('/etc/hosts', model_dir)",
        "with open(os.path.join(model_dir, 'x'), 'wb') as file:\n            pickle.dump({}, file)",
    ],
)
def test_writing_into_the_model_directory_is_found(found_in, statement):
    assert found_in(source(from_path=statement)) == ["CPR113"]


@pytest.mark.parametrize(
    "statement",
    [
        "model = joblib.load(os.path.join(model_dir, 'x'))",
        "open(os.path.join(model_dir, 'x')).read()",
        "open('/tmp/x', 'w').close()",
        "joblib.dump(model_dir, '/tmp/x')",
        "print(model_dir)",
    ],
)
def test_reading_from_it_in_from_path_is_not(found_in, statement):
    assert found_in(source(from_path=statement)) == []


@pytest.mark.parametrize(
    ("statement", "identity"),
    [
        ("joblib.load(os.path.join(self._folder, 'x'))", "CPR116"),
        ("(Path(self._folder) / 'x').read_text()", "CPR116"),
        ("open(os.path.join(self._folder, 'x'), 'w')", "CPR113"),
        ("print(os.path.exists(self._folder))", "CPR112"),
        ("return os.path.join(self._folder, 'x')", None),
    ],
)
def test_what_predict_does_with_the_model_directory(found_in, statement, identity):
    text = source(predict=statement, given="model_dir")
    assert found_in(text) == ([identity] if identity else [])


def test_a_method_that_loads_on_the_first_request_is_found(found_in):
    text = source(predict="self._load()", given="model_dir")
    text += "\n    def _load(self):\n        return joblib.load(self._folder + '/model.joblib')\n"
    assert found_in(text) == ["CPR116"]


def test_printing_in_predict_is_told_once(found_in):
    assert found_in(source(predict="print(1); print(2)")) == ["CPR112"]
    assert found_in(source(from_path="print(1)")) == []


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        ("self, instances", ["CPR110"]),
        ("self, instances, *, size=None", ["CPR110"]),
        ("self, instances, **kw", []),
    ],
)
def test_a_predict_without_keywords(found_in, signature, expected):
    text = source().replace("self, instances, **kwargs", signature)
    assert found_in(text) == expected


def test_a_subclass_of_ours_needs_no_keywords(found_in):
    text = source().replace("self, instances, **kwargs", "self, instances, *, size=1")
    text = "from cpr import Predictor\n" + text.replace(
        "class MyPredictor", "class MyPredictor(Predictor)"
    )
    assert found_in(text) == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"instances": [], "data": 1}', ["CPR111"]),
        (b'{"instances": [], "self": 1}', ["CPR111"]),
        (b'{"instances": [], "stats": 1}', ["CPR111"]),
        (b'{"instances": [], "size": 1}', []),
        (b"no JSON", []),
        (b"[1]", []),
    ],
)
def test_a_request_whose_key_collides(found_in, body, expected):
    text = source().replace("self, instances, **kwargs", "self, data, **kwargs")
    assert found_in(text.replace("return instances", "return data"), requests=[body]) == expected


def test_a_directory_that_is_loaded_whole_and_holds_other_things(report_of, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    for name in ("saved_model.pb", "labels.txt"):
        (model / name).write_text("")
    text = "import tensorflow as tf\n" + source("tf.saved_model.load(model_dir)")
    files = {"predictor.py": text}
    options = {"groups": ["class"], "no_run": True, "model_dir": str(model)}
    (found,) = report_of(files, **options).findings
    assert found.id == "CPR117"
    assert "holds labels.txt" in found.message
    (model / "labels.txt").unlink()
    assert report_of(files, **options).findings == ()


@pytest.mark.parametrize(
    ("line", "identity"),
    [
        ("sys.exit(1)", "CPR115"),
        ("os._exit(1)", "CPR115"),
        ("os.chdir(model_dir)", "CPR115"),
        ("logging.basicConfig(level=10)", "CPR115"),
        ("exit(1)", "CPR115"),
        ("np.float(1)", "CPR118"),
        ("np.product([1])", "CPR118"),
        ("torch.load('x')", "CPR119"),
        ("torch.load('x', weights_only=False)", None),
        ("np.float64(1)", None),
        ("sys.exc_info()", None),
    ],
)
def test_calls_of_libraries(found_in, line, identity):
    text = "import logging\nimport sys\nimport torch\n" + source(from_path=line)
    assert found_in(text) == ([identity] if identity else [])


@pytest.mark.parametrize(
    ("statement", "identity", "shims"),
    [
        ("from sklearn.externals import joblib", "CPR118", ()),
        ("import sklearn.externals.six", "CPR118", ()),
        ("from sklearn.externals import joblib", None, ("sklearn-externals",)),
        (
            "try:\n    from sklearn.externals import joblib\nexcept ImportError:\n    pass",
            None,
            (),
        ),
        ("import pandas as pd\nx = pd.DataFrame().as_matrix()", "CPR118", ()),
        ("import sklearn\nx = 'sklearn.externals.joblib'", None, ()),
    ],
)
def test_names_that_are_gone(found_in, statement, identity, shims):
    assert found_in(f"{statement}\n{source()}", shims=shims) == ([identity] if identity else [])


def test_what_a_main_block_does_is_nobodys_business(found_in):
    text = (
        source() + "\n\nif __name__ == '__main__':\n    import sys\n    sys.exit(os.chdir('/'))\n"
    )
    assert found_in(text) == []
