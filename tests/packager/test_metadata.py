import ast

import pytest

from cpr.packager.describe import Description
from cpr.packager.metadata import metadata_files
from cpr.packager.modules import lay_out

NAMES = [
    "predictor.py", "caf\u00e9.py", "pkg/__init__.py", "pkg/a.py", "pkg/table[1].csv",
    "pkg/data/deep.bin", "pkg/data/not-a-module/x.py", "pkg/sub/b.py", "bare/c.py",
    "loose.csv", "folder/loose.csv", "run-me.py",
]  # fmt: skip


def test_every_file_is_a_module_in_a_package_data_or_loose():
    layout = lay_out(NAMES)
    assert layout.modules == ("caf\u00e9", "predictor")
    assert layout.packages == ("bare", "pkg", "pkg.sub")
    assert layout.data == {
        "pkg": ("data/deep.bin", "data/not-a-module/x.py", "table[1].csv"),
    }
    assert layout.loose == ("folder/loose.csv", "loose.csv", "run-me.py")
    assert layout.top_level == ("bare", "caf\u00e9", "pkg", "predictor")


@pytest.fixture
def files():
    description = Description(
        "My-Routine",
        "1.0",
        ('importlib-metadata; python_version < "3.8"', "numpy>=1.26", "x @ https://e.org/x.whl"),
        ">=3.7",
    )
    return metadata_files(description, lay_out(NAMES), "predictor.P", [*NAMES, "cpr-manifest.json"])


def test_the_generated_setup_py_says_everything_in_ascii_literals(files):
    call = ast.parse(files["setup.py"].decode("ascii")).body[-1].value
    keywords = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
    assert keywords == {
        "name": "My-Routine",
        "version": "1.0",
        "description": "Custom prediction routine predictor.P",
        "py_modules": ["caf\u00e9", "predictor"],
        "packages": ["bare", "pkg", "pkg.sub"],
        "package_data": {"pkg": ["data/deep.bin", "data/not-a-module/x.py", "table[[]1].csv"]},
        "install_requires": [
            'importlib-metadata; python_version < "3.8"', "numpy>=1.26", "x @ https://e.org/x.whl",
        ],
        "python_requires": ">=3.7",
        "include_package_data": False,
        "zip_safe": False,
    }  # fmt: skip


def test_requirements_with_markers_have_their_section(files):
    assert files["my_routine.egg-info/requires.txt"].decode() == (
        'numpy>=1.26\nx @ https://e.org/x.whl\n\n[:python_version < "3.8"]\nimportlib-metadata\n'
    )


def test_the_metadata_names_what_pip_needs(files):
    assert files["PKG-INFO"] == files["my_routine.egg-info/PKG-INFO"]
    lines = files["PKG-INFO"].decode().splitlines()
    assert lines[:3] == ["Metadata-Version: 2.1", "Name: My-Routine", "Version: 1.0"]
    assert "Requires-Python: >=3.7" in lines
    assert "Requires-Dist: numpy>=1.26" in lines


def test_sources_lists_every_file_of_the_package(files):
    listed = files["my_routine.egg-info/SOURCES.txt"].decode().splitlines()
    assert listed == sorted({*NAMES, *files, "cpr-manifest.json"})


def test_a_package_that_needs_nothing_has_no_requires_txt():
    files = metadata_files(Description("x", "1"), lay_out(["a.py"]), "a.P", ["a.py"])
    assert "x.egg-info/requires.txt" not in files
    assert b"install_requires" not in files["setup.py"]
