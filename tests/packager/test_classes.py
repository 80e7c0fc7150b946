import pytest

from cpr.errors import ConfigError
from cpr.packager.classes import check_class, imported_tops, normal_name, parse


@pytest.fixture
def checked(tmp_path):
    def check(name, files):
        paths = {}
        for file, source in files.items():
            paths[file] = tmp_path / file
            paths[file].parent.mkdir(parents=True, exist_ok=True)
            paths[file].write_text(source)
        return check_class(name, paths)

    return check


CLASS = "class P:\n    class Inner:\n        pass\n"


@pytest.mark.parametrize(
    ("name", "files", "file"),
    [
        ("m.P", {"m.py": CLASS}, "m.py"),
        ("m.P.Inner", {"m.py": CLASS}, "m.py"),
        ("p.m.P", {"p/__init__.py": "", "p/m.py": CLASS}, "p/m.py"),
        ("p.m.P", {"p/m.py": CLASS}, "p/m.py"),
        ("p.P", {"p/__init__.py": "from p.m import P\n", "p/m.py": CLASS}, "p/__init__.py"),
        ("m.P", {"m.py": "from elsewhere import Q as P\n"}, "m.py"),
        ("m.P", {"m.py": "import elsewhere\nP = elsewhere.Q\n"}, "m.py"),
        ("m.P", {"m.py": "P: type = object\n"}, "m.py"),
        ("m.P", {"m.py": "from elsewhere import *\n"}, "m.py"),
        ("m.P", {"m.py": "def __getattr__(name): ...\n"}, "m.py"),
        ("m.P", {"m.py": "try:\n    import x\nexcept ImportError:\n    class P: ...\n"}, "m.py"),
        ("m.P", {"m.py": "if True:\n    pass\nelse:\n    class P: ...\n"}, "m.py"),
        ("m.P", {"m.py": "# -*- coding: latin-1 -*-\nclass P: ...\n"}, "m.py"),
    ],
)
def test_finds_the_class_where_its_name_says(checked, name, files, file):
    assert checked(name, files).file == file


@pytest.mark.parametrize(
    ("name", "files", "message"),
    [
        ("m.P", {"n.py": CLASS}, r"no module 'm'\. Its modules: n\.py"),
        ("predictor.P", {"predict.py": CLASS}, r"Did you mean 'predict\.py'"),
        ("m.Q", {"m.py": CLASS}, r"m\.py defines no 'Q'\. Its classes: P\."),
        ("m.P.Outer", {"m.py": CLASS}, r"m\.py defines no 'P\.Outer'\. Its classes: Inner\."),
        ("m.P", {"m.py": ""}, r"Its classes: none\."),
        ("m.P", {"m.py": "x = " + "1 + " * 50_000 + "1"}, r"m\.py is not Python 3: .*recursion"),
        ("m.P", {"m.py": "x = 1\nprint 'old'\nclass P: pass"}, r"m\.py:2 is not Python 3"),
        ("p.m.P", {"p/__init__.py": ""}, r"p/__init__\.py defines no 'm'"),
    ],
)
def test_a_class_that_is_not_there_is_named(checked, name, files, message):
    with pytest.raises(ConfigError, match=message):
        checked(name, files)


@pytest.mark.parametrize("name", ["m:P", "m.P"])
def test_both_spellings_are_one_name(name):
    assert normal_name(name) == "m.P"


@pytest.mark.parametrize("name", ["P", "m.", ".P", "m.1", "m-n.P", "m:P:Q", "m/n.py:P", ""])
def test_other_spellings_are_refused(name):
    with pytest.raises(ConfigError, match=r"expected module\.Class"):
        normal_name(name)


def test_lists_absolute_imports_with_their_lines(tmp_path):
    (tmp_path / "m.py").write_text(
        "import a.b, c\nfrom d.e import f\nfrom . import g\ndef h():\n    import i\n"
    )
    found = list(imported_tops(parse(tmp_path / "m.py")))
    assert found == [("a", 1), ("c", 1), ("d", 2), ("i", 5)]
