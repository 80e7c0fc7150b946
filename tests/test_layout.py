"""Where files may stand, and what may be in the repository."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MEGABYTE = 1_000_000
# Libraries that product modules wrap, and those whose names a module would hide.
LIBRARIES = {
    "click", "fsspec", "joblib", "keras", "litert", "numpy", "onnx", "onnxruntime", "orjson",
    "packaging", "pandas", "pip", "pytest", "rich", "setuptools", "sklearn", "tensorflow",
    "tomli", "torch", "xgboost",
}  # fmt: skip
VAGUE = {"utils", "util", "helpers", "helper", "common", "core", "misc", "base"}
# Paths that exist on one machine only, spelled so that this file does not hold one.
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|home|Users|root)/[\w.-]+")
# Users that documentation and tests invent.
INVENTED = re.compile(r"/(?:home|Users)/(?:ada|ann|me|someone|user|you)\b")


def tracked():
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listing.returncode:
        pytest.skip(f"not a git checkout: {listing.stderr.strip()}")
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def product_modules():
    for folder in ("cpr", "predictors", "packaging"):
        yield from (ROOT / folder).rglob("*.py")


@pytest.mark.parametrize(
    "path",
    ["packaging/__init__.py", "conftest.py", "__init__.py"],
    ids=["hides the packaging library", "imports before tests do", "the root is no package"],
)
def test_file_must_not_exist(path):
    assert not (ROOT / path).exists()


@pytest.mark.parametrize("folder", ["tests", "sample_routines", "benchmarks"])
def test_folder_is_not_a_package(folder):
    assert not list((ROOT / folder).rglob("__init__.py"))


def test_packaging_still_means_the_library_when_the_checkout_comes_first():
    code = "import packaging.version, packaging; print(packaging.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert not found.stdout.startswith(str(ROOT / "packaging"))


def test_no_module_has_the_name_of_a_library():
    clashes = [path for path in product_modules() if path.stem in LIBRARIES]
    assert not clashes


def test_no_ready_made_predictor_hides_the_standard_library():
    stems = {path.stem for path in (ROOT / "predictors").rglob("*.py")}
    assert not stems & sys.stdlib_module_names


def test_every_name_says_what_is_inside():
    vague = [path for path in product_modules() if {path.stem, path.parent.name} & VAGUE]
    assert not vague


def test_nothing_in_git_is_large():
    large = {path.name: path.stat().st_size for path in tracked()}
    assert not {name: size for name, size in large.items() if size > MEGABYTE}


def test_no_path_of_one_machine_is_in_the_repository():
    found = []
    for path in tracked():
        content = path.read_bytes()
        if b"\0" in content:
            continue
        text = INVENTED.sub("", content.decode("utf-8", errors="replace"))
        found += [f"{path.relative_to(ROOT)}: {match}" for match in MACHINE_PATH.findall(text)]
    assert not found
