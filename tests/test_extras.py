"""A missing library and a broken one are told apart, and the extra is named."""

import sys

import pytest

from cpr.errors import EnvironmentProblem
from cpr.extras import import_extra


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Writes a module that can be imported; forgets it afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    written = []

    def write(name, source):
        path = tmp_path / f"{name}.py"
        path.write_text(source)
        written.append(name)
        return name

    yield write
    for name in written:
        sys.modules.pop(name, None)


def test_returns_the_library(library):
    assert import_extra(library("cpr_there", "answer = 42"), "demo").answer == 42


def test_returns_a_submodule():
    assert import_extra("json.decoder", "demo").JSONDecoder


@pytest.mark.parametrize(
    ("module", "named"),
    [("cpr_absent", "cpr_absent"), ("json.absent", "json.absent")],
    ids=["library", "submodule"],
)
def test_missing_library_is_named_with_its_extra(module, named):
    with pytest.raises(EnvironmentProblem) as caught:
        import_extra(module, "onnx")
    assert caught.value.problem == f"this needs the library {named!r}, which is not installed"
    assert caught.value.hint == "pip install 'cpr[onnx]'"
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_library_that_lacks_a_library_of_its_own_says_which(library):
    name = library("cpr_needy", "import cpr_absent_dependency")
    with pytest.raises(EnvironmentProblem) as caught:
        import_extra(name, "demo")
    assert caught.value.problem == (
        "the library 'cpr_needy' is installed, but needs 'cpr_absent_dependency', which is not"
    )


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise ImportError('DLL load failed')", "ImportError: DLL load failed"),
        ("raise OSError('libgomp.so.1: cannot open')", "OSError: libgomp.so.1: cannot open"),
        ("raise ValueError('numpy.dtype size changed')", "ValueError: numpy.dtype size changed"),
    ],
    ids=["import error", "shared library missing", "built for another numpy"],
)
def test_broken_library_is_told_apart_from_a_missing_one(library, source, said):
    with pytest.raises(EnvironmentProblem) as caught:
        import_extra(library("cpr_broken", source), "demo")
    assert caught.value.problem == (
        f"the library 'cpr_broken' is installed but cannot be imported: {said}"
    )
    assert caught.value.hint == "Reinstall it: pip install --force-reinstall 'cpr[demo]'"
