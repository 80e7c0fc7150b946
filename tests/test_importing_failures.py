"""User modules that cannot be imported: what is said, where, and what to do."""

import sys

import pytest

from cpr.errors import LoadError
from cpr.importing import importable, locate
from cpr.sources import Sources


@pytest.fixture
def failure(tmp_path):
    """The error of locating predictor.MyPredictor in a package with these files."""

    def locate_in(files, requirements=()):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        sources = Sources(roots=(tmp_path,), requirements=requirements)
        with pytest.raises(LoadError) as caught, importable(sources):
            locate("predictor.MyPredictor", sources)
        return caught.value

    return locate_in


START = "importing 'predictor.MyPredictor' failed: "

FAILURES = {
    "syntax error": (
        {"predictor.py": "import os\ndef predict(:\n"},
        "SyntaxError: invalid syntax (predictor.py:2: def predict(:)",
    ),
    "syntax error in a helper": (
        {"predictor.py": "import helper", "helper.py": "x = = 1"},
        "SyntaxError: invalid syntax (helper.py:1: x = = 1)",
    ),
    "indentation": (
        {"predictor.py": "class A:\nx = 1"},
        "IndentationError: expected an indented block after class definition on line 1",
    ),
    "exception whose text is 0": (
        {"predictor.py": "raise KeyError(0)"},
        "KeyError: 0 (predictor.py:1 in <module>: raise KeyError(0))",
    ),
    "exception without text": (
        {"predictor.py": "assert 1 == 2"},
        "AssertionError (predictor.py:1 in <module>: assert 1 == 2)",
    ),
    "exception in a library": (
        {"predictor.py": "import json\njson.loads('{')"},
        "JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 "
        "(char 1) (predictor.py:2 in <module>: json.loads('{'))",
    ),
    "sys.exit": (
        {"predictor.py": "import sys\nsys.exit('no licence')"},
        "SystemExit: no licence (predictor.py:2 in <module>: sys.exit('no licence'))",
    ),
    "sys.exit without text": ({"predictor.py": "raise SystemExit"}, "SystemExit (predictor.py:1"),
    "circular import": (
        {"predictor.py": "import helper", "helper.py": "from predictor import MyPredictor"},
        "ImportError: cannot import name 'MyPredictor' from partially initialized module "
        "'predictor'",
    ),
    "circular import by name": (
        {"predictor.py": "import helper", "helper.py": "from predictor import g"},
        "(helper.py:1 in <module>: from predictor import g)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("files", "said"), FAILURES.values(), ids=FAILURES)
def test_failed_import_says_what_and_where(failure, files, said):
    error = failure(files)
    assert error.problem.startswith(START)
    assert said in error.problem
    assert error.__cause__ is not None
    is_own_syntax = isinstance(error.__cause__, SyntaxError) and "helper.py" not in files
    assert is_own_syntax != ("predictor.py" in error.user_traceback)
    assert isinstance(error.__cause__, SyntaxError) == ("Correct the line" in error.hint)
    assert "importing.py" not in error.user_traceback
    assert "pydoc" not in error.user_traceback
    assert "<frozen" not in error.user_traceback


def test_file_that_is_no_text_is_told(failure):
    assert "null bytes" in failure({"predictor.py": "x = '\0'"}).problem


def test_failure_of_a_parent_package_is_told_too(tmp_path):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").write_text("1 / 0")
    (tmp_path / "pkg" / "predictor.py").write_text("class P: ...")
    sources = Sources(roots=(tmp_path,))
    with pytest.raises(LoadError) as caught, importable(sources):
        locate("pkg.predictor.P", sources)
    assert caught.value.problem == (
        "importing 'pkg.predictor.P' failed: ZeroDivisionError: division by zero "
        "(__init__.py:1 in <module>: 1 / 0)"
    )


def test_interrupt_passes(tmp_path):
    (tmp_path / "predictor.py").write_text("raise KeyboardInterrupt")
    sources = Sources(roots=(tmp_path,))
    with pytest.raises(KeyboardInterrupt), importable(sources):
        locate("predictor.MyPredictor", sources)
    assert "predictor" not in sys.modules


OWN_OR_LIBRARY = (
    "If 'absent_module' is a module of yours, it is not in the package: add it, or give its "
    "package with --package. If it is a library, install it: pip install absent_module."
)

MISSING = {
    "requirement": (
        "import absent_module",
        ("absent_module>=2", "pytest"),
        "The package requires what is not there: absent_module>=2 (not installed). "
        + OWN_OR_LIBRARY,
    ),
    "helper left out": ("import absent_module", (), OWN_OR_LIBRARY),
    "misspelled helper": ("import preproces", (), "Did you mean 'preprocess'?"),
    "library of another name": ("import cv2_absent", (), "pip install cv2_absent."),
    "part of a package of the user's": (
        "import pkg.absent",
        (),
        "The package has no 'pkg.absent': was a file left out of it?",
    ),
    "part of a library": (
        "import json.contrib",
        (),
        "The library 'json' is there, but it has no 'json.contrib'; another version may.",
    ),
    "name that moved": (
        "from sklearn.externals import joblib",
        (),
        "That has moved since the code was written; try --shim sklearn-externals.",
    ),
    "attribute that moved": (
        "import numpy\nx = numpy.float",
        (),
        "That has moved since the code was written; try --shim numpy-aliases.",
    ),
    "name that is nowhere": ("from json import absent", (), ""),
    "something else": ("1 / 0", (), ""),
    "something else, and a requirement": (
        "1 / 0",
        ("absent",),
        "The package requires what is not there: absent (not installed).",
    ),
}


@pytest.mark.parametrize(("text", "requirements", "hint"), MISSING.values(), ids=MISSING)
def test_missing_module_is_told_by_what_it_may_be(failure, text, requirements, hint):
    if "sklearn" in text:
        pytest.importorskip("sklearn", reason="needs scikit-learn")
    files = {"predictor.py": text, "preprocess.py": "", "pkg/__init__.py": ""}
    found = failure(files, requirements).hint
    assert found.endswith(hint) if hint else found == ""


@pytest.mark.parametrize(
    ("module", "library"),
    [("cv2", "opencv-python-headless"), ("google.cloud", "google-cloud-…")],
)
def test_library_is_named_as_pip_knows_it(failure, module, library, monkeypatch):
    # Missing for sure: None in sys.modules stops an import.
    monkeypatch.setitem(sys.modules, module.partition(".")[0], None)
    text = f"raise ModuleNotFoundError('No module', name={module!r})"
    assert f"pip install {library}." in failure({"predictor.py": text}).hint
