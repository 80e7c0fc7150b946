"""Which classes look like predictors, told without importing anything."""

import pytest

from cpr.candidates import candidates, predictors_in, top_level

ROUTINE = """
class MyPredictor:
    @classmethod
    def from_path(cls, model_dir): ...
    def predict(self, instances, **kwargs): ...
"""
EXPLODING = ROUTINE + "\nraise SystemExit('imported')\n"


@pytest.fixture
def tree(tmp_path):
    """Writes files by their path and returns the folder."""

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (ROUTINE, ["MyPredictor"]),
        (EXPLODING, ["MyPredictor"]),
        ("class V:\n def load(self, uri): ...\n def predict(self, x): ...", ["V"]),
        ("class A:\n def predict(self, x): ...\n async def from_path(cls, p): ...", ["A"]),
        (
            "class A:\n from_path = classmethod(lambda c, p: c())\n def predict(self, x): ...",
            ["A"],
        ),
        (
            "class Base:\n def from_path(p): ...\nclass Mine(Base):\n def predict(self, x): ...",
            ["Mine"],
        ),
        ("class A:\n def predict(self, x): ...", []),
        ("class A:\n def from_path(cls, p): ...", []),
        ("class _Base:\n def load(self, p): ...\n def predict(self, x): ...", []),
        ("def predict(x): ...\ndef load(p): ...", []),
        ("class Broken(:", []),
        ("\0", []),
        ("", []),
    ],
    ids=[
        "AI Platform", "code that must not run", "Vertex AI", "async", "assigned", "inherited",
        "no from_path", "no predict", "private", "functions", "syntax error", "null byte", "empty",
    ],
)  # fmt: skip
def test_finds_the_predictors_of_a_file(tree, text, found):
    assert predictors_in(tree({"predictor.py": text}) / "predictor.py") == found


def test_file_that_cannot_be_read_has_no_predictors(tmp_path):
    assert predictors_in(tmp_path / "absent.py") == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("predictor.py", ["predictor.MyPredictor"]),
        ("iris/__init__.py", ["iris.MyPredictor"]),
        ("iris/predictor.py", ["iris.predictor.MyPredictor"]),
        ("iris/deep/predictor.py", ["iris.deep.predictor.MyPredictor"]),
        ("folder/predictor.py", []),
        ("setup.py", []),
        ("train.py", []),
        ("tests/predictor.py", []),
        ("iris/tests/predictor.py", []),
        (".venv/lib/predictor.py", []),
        ("not-a-name/predictor.py", []),
    ],
)
def test_finds_the_predictors_of_a_tree(tree, name, found):
    packages = {"iris/__init__.py": "", "iris/deep/__init__.py": "", "iris/tests/__init__.py": ""}
    packages |= {"tests/__init__.py": "", "not-a-name/__init__.py": ""}
    assert candidates([tree({**packages, name: ROUTINE})]) == found


def test_finds_those_of_every_root_once(tree):
    root = tree({"predictor.py": ROUTINE, "src/other.py": ROUTINE})
    assert candidates([root, root / "src", root]) == [
        "predictor.MyPredictor",
        "other.MyPredictor",
    ]


def test_package_that_contains_itself_is_walked_once(tree):
    root = tree({"iris/__init__.py": ROUTINE})
    (root / "iris" / "again").symlink_to(root / "iris")
    assert candidates([root]) == ["iris.MyPredictor"]


def test_top_level_names_are_those_that_can_be_imported(tree):
    names = [
        "predictor.py",
        "iris/__init__.py",
        "folder/x.py",
        "setup.py",
        "my-file.py",
        "note.txt",
    ]
    root = tree(dict.fromkeys(names, ""))
    assert top_level([root]) == ["predictor", "iris"]
