"""Every way in which a class cannot be called, found by importing it and from its source."""

import pytest

FROM_PATH = """
    @classmethod
    def from_path(cls, model_dir):
        return cls()
"""
PREDICT = """
    def predict(self, instances, **kwargs):
        return instances
"""
SHAPES = {
    "no from_path": (PREDICT, "CPR101", 2),
    "no predict": (FROM_PATH, "CPR102", 2),
    "a third parameter": (
        FROM_PATH + "\n    def predict(self, instances, size=1):\n        return instances\n",
        "CPR103",
        8,
    ),
    "no parameter": (FROM_PATH + "\n    def predict(self):\n        return []\n", "CPR103", 8),
    "a static predict": (
        FROM_PATH + "\n    @staticmethod\n    def predict(a, b):\n        return a\n",
        "CPR103",
        8,
    ),
    "no classmethod": ("\n    def from_path(cls, model_dir):\n        return cls()\n" + PREDICT,
                       "CPR104", 4),
    "two directories": (
        "\n    @classmethod\n    def from_path(cls, model_dir, other):\n        return cls()\n"
        + PREDICT,
        "CPR105",
        4,
    ),
    "an async predict": (
        FROM_PATH + "\n    async def predict(self, instances, **kwargs):\n        return 1\n",
        "CPR106",
        8,
    ),
    "an async from_path": (
        "\n    @classmethod\n    async def from_path(cls, model_dir):\n        return cls()\n"
        + PREDICT,
        "CPR106",
        4,
    ),
}  # fmt: skip


def source(body):
    return f"\nclass MyPredictor:\n{body}"


@pytest.mark.parametrize(("body", "identity", "line"), SHAPES.values(), ids=SHAPES)
def test_the_imported_class_has_the_one_fault(report_of, body, identity, line):
    (found,) = report_of({"predictor.py": source(body)}).findings
    assert (found.id, found.file, found.line) == (identity, "predictor.py", line)
    assert "predictor.MyPredictor" in found.message
    assert found.severity == "error"


@pytest.mark.parametrize(("body", "identity", "line"), SHAPES.values(), ids=SHAPES)
def test_the_source_shows_the_same_fault(report_of, body, identity, line):
    (found,) = report_of({"predictor.py": source(body)}, no_run=True).findings
    assert (found.id, found.file) == (identity, "predictor.py")
    assert abs(found.line - line) <= 1  # of a decorated function: the line of its def


@pytest.mark.parametrize(
    "body",
    [
        FROM_PATH + PREDICT,
        FROM_PATH + "\n    def predict(self, *instances, **kwargs):\n        return instances\n",
        FROM_PATH
        + "\n    def predict(self, instances, *, size=1, **kwargs):\n        return instances\n",
        "\n    @staticmethod\n    def from_path(path):\n        return MyPredictor()\n" + PREDICT,
        "\n    @classmethod\n    def from_path(cls, path, other=1):\n        return cls()\n"
        + PREDICT,
        "\n    def load(self, artifacts_uri):\n        pass\n"
        "    def predict(self, instances):\n        return instances\n"
        "    def preprocess(self, x):\n        return x\n"
        "    def postprocess(self, x):\n        return x\n",
    ],
    ids=["plain", "star", "keyword-only", "static from_path", "default", "Vertex AI's"],
)
@pytest.mark.parametrize("no_run", [False, True], ids=["imported", "read"])
def test_a_class_that_can_serve_has_none(ids_of, body, no_run):
    assert ids_of({"predictor.py": source(body)}, no_run=no_run) == []


@pytest.mark.parametrize("no_run", [False, True], ids=["imported", "read"])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("predictor.Nobody", "'predictor.Nobody' cannot be found"),
        ("nowhere.MyPredictor", "the package has no module 'nowhere'"),
        ("predictor.make", "names a function, not a class"),
    ],
    ids=["no such class", "no such module", "a function"],
)
def test_a_name_that_leads_to_no_class(report_of, name, said, no_run):
    files = {"predictor.py": "class MyPredictor: ...\ndef make(): ...\n"}
    findings = report_of(files, prediction_class=name, no_run=no_run).findings
    if no_run and name == "predictor.make":
        assert findings == ()  # a function may well return a class: not told from the source
    else:
        (found,) = findings
        assert found.id == "CPR107"
        assert said in found.message


def test_a_class_for_vertex_ai_that_needs_arguments(ids_of):
    body = """
    def __init__(self, project):
        pass
    def load(self, artifacts_uri):
        pass
    def predict(self, instances):
        return instances
"""
    assert ids_of({"predictor.py": source(body)}) == ["CPR108 predictor.py:2"]


def test_what_a_base_in_the_package_has_counts(ids_of):
    files = {
        "predictor.py": "from base import Base\n\nclass MyPredictor(Base):\n    pass\n",
        "base.py": f"class Base:\n{FROM_PATH}{PREDICT}",
    }
    assert ids_of(files) == []
    assert ids_of(files, no_run=True) == []


def test_what_an_unknown_base_may_bring_is_left_open(ids_of):
    files = {"predictor.py": "from unknown_library import Base\nclass MyPredictor(Base): ...\n"}
    assert ids_of(files, no_run=True) == ["CPR207 predictor.py:1"]


def test_a_class_that_cannot_be_imported_is_read(ids_of):
    files = {"predictor.py": source(PREDICT) + "\nraise RuntimeError('no')\n"}
    assert ids_of(files) == ["CPR101 predictor.py:2", "CPR206 predictor.py:7"]


def test_the_fault_is_found_without_the_class_being_named(report_of):
    (found,) = report_of({"predictor.py": source(PREDICT)}, prediction_class=None).findings
    assert found.id == "CPR101"
