import gzip
import hashlib
import io
import os
import platform
import random
import shutil
import subprocess
import sys
import tarfile
from importlib import metadata
from pathlib import Path

import pytest

from cpr.archive import extract
from cpr.errors import ConfigError, EnvironmentProblem
from cpr.packager import verify_package
from cpr.packager.project import _read
from cpr.packager.select import Selection

FLAGS = {"project.name": "x", "project.version": "1"}


def test_builds_the_classic_tutorial_project(classic, build, tmp_path):
    built = build(classic)
    assert built.path == tmp_path / "out" / "my_custom_code-0.1.tar.gz"
    data = built.path.read_bytes()
    assert (built.size, built.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert built.findings == ()
    with tarfile.open(built.path) as archive:
        assert archive.getnames() == [
            "my_custom_code-0.1",
            "my_custom_code-0.1/PKG-INFO",
            "my_custom_code-0.1/cpr-manifest.json",
            "my_custom_code-0.1/my_custom_code.egg-info",
            "my_custom_code-0.1/my_custom_code.egg-info/PKG-INFO",
            "my_custom_code-0.1/my_custom_code.egg-info/SOURCES.txt",
            "my_custom_code-0.1/my_custom_code.egg-info/dependency_links.txt",
            "my_custom_code-0.1/my_custom_code.egg-info/top_level.txt",
            "my_custom_code-0.1/predictor.py",
            "my_custom_code-0.1/preprocess.py",
            "my_custom_code-0.1/setup.cfg",
            "my_custom_code-0.1/setup.py",
        ]


def test_the_manifest_says_what_the_package_is(classic, build):
    flags = {
        "project.requirements": ("pytest", "no-such-library>=1"),
        "project.python": ">=3.8",
        "predictor.b64": "always",
        "predictor.tags": ("serve",),
    }
    manifest = build(classic, flags).manifest
    assert (manifest.name, manifest.version) == ("my_custom_code", "0.1")
    assert manifest.prediction_class == "predictor.MyPredictor"
    assert manifest.requirements == ("pytest", "no-such-library>=1")
    assert manifest.requires_python == ">=3.8"
    assert manifest.python == platform.python_version()
    assert manifest.libraries == {"pytest": metadata.version("pytest")}
    assert manifest.predictor == {"b64": "always", "tags": ["serve"]}
    source = (classic / "preprocess.py").read_bytes()
    record = manifest.members["preprocess.py"]
    assert (record.size, record.sha256) == (len(source), hashlib.sha256(source).hexdigest())


def test_the_package_holds_what_its_manifest_names(classic, build, tmp_path):
    built = build(classic)
    assert verify_package(built.path) == built.manifest
    root = extract(built.path, tmp_path / "into")
    files = {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}
    assert files == {*built.manifest.members, "cpr-manifest.json"}


def test_the_class_may_be_written_with_a_colon(classic, build):
    built = build(classic, {"project.prediction_class": "predictor:MyPredictor"})
    assert built.manifest.prediction_class == "predictor.MyPredictor"


def test_the_projects_setup_py_is_not_run(classic, build, tmp_path):
    setup = classic / "setup.py"
    ran = tmp_path / "ran"
    setup.write_text(f"open({str(ran)!r}, 'w').close()\n" + setup.read_text())
    build(classic)
    assert not ran.exists()


def test_a_package_built_before_is_not_packed_again(classic, build):
    first = build(classic, out_dir=classic / "packages")
    second = build(classic, {"package.include": ("**",)}, out_dir=classic / "packages")
    assert not any("packages/" in name for name in second.manifest.members)
    assert first.path == second.path


@pytest.mark.parametrize(
    ("flags", "message", "hint"),
    [
        ({"project.prediction_class": ""}, "does not say which class", "predictor.MyPredictor"),
        ({"project.prediction_class": "MyPredictor"}, r"expected module\.Class", "predictor."),
        ({"project.prediction_class": "predictor.MyPredictr"}, "no 'MyPredictr'", "'MyPredictor'"),
        (
            {"project.prediction_class": "train.MyPredictor"},
            "no module 'train'",
            "train.py is in the project, but not among the files that were chosen by setup.py",
        ),
        ({"package.exclude": ("predictor.py",)}, "no module 'predictor'", "is in the project"),
        ({"project.version": "2022-06-05-13-38-45"}, "cannot be that", "2022.6.5.13.38.45"),
    ],
)  # fmt: skip
def test_refuses_to_build_what_could_not_be_served(classic, build, tmp_path, flags, message, hint):
    with pytest.raises(ConfigError, match=message) as caught:
        build(classic, flags)
    assert hint in caught.value.hint
    assert not (tmp_path / "out").exists()


def test_a_directory_that_is_not_there_is_no_project(build, tmp_path):
    with pytest.raises(ConfigError, match="nowhere is not a project directory"):
        build(tmp_path / "nowhere")


def test_a_file_that_cannot_be_read_is_named():
    # Root may read all files but such.
    selection = Selection({"a.py": Path("/proc/self/mem")}, "", "")
    with pytest.raises(EnvironmentProblem, match=r"/proc/self/mem cannot be read: \w"):
        _read(selection)


def test_a_link_out_of_the_project_that_setup_names_is_an_error(classic, build):
    (classic / "preprocess.py").unlink()
    (classic / "preprocess.py").symlink_to("/etc/passwd")
    with pytest.raises(
        ConfigError, match=r"'preprocess.py', which is not in the project"
    ) as caught:
        build(classic)
    assert caught.value.hint.startswith(
        "preprocess.py is a link out of the project, to /etc/passwd"
    )


SHUFFLED_FILES = {
    "cpr.toml": "[project]\nname = 'x'\nversion = '1'\nrequirements = ['pytest', 'numpy']\n",
    "predictor.py": "class MyPredictor: ...\n",
    "pkg/__init__.py": "",
    "pkg/z.py": "z = 1\n",
    "pkg/a/words.txt": "caf\u00e9\n",
    "B.py": "",
    "a.py": "",
}
BUILD = """
import sys
from pathlib import Path
from cpr.config import load_settings
from cpr.packager import build_package
project, out = map(Path, sys.argv[1:])
settings = load_settings(project, flags={"project.prediction_class": "predictor.MyPredictor"})
print(build_package(project, out_dir=out, settings=settings).sha256)
"""


@pytest.mark.parametrize(
    "environ",
    [
        {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "UTC"},
        {"PYTHONHASHSEED": "2", "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo", "USER": "somebody"},
    ],
    ids=["one", "another"],
)
def test_the_same_files_give_the_same_bytes(make_project, tmp_path, build, environ):
    reference = build(make_project(SHUFFLED_FILES)).sha256
    names = list(SHUFFLED_FILES)
    random.Random(environ["PYTHONHASHSEED"]).shuffle(names)
    mask = os.umask(0o077 if environ["LC_ALL"] == "C" else 0o002)
    try:
        copy = make_project({name: SHUFFLED_FILES[name] for name in names}, folder="el/sew here")
        for number, path in enumerate(copy.rglob("*")):
            os.utime(path, (number * 1e8, number * 1e8))
            if path.is_file():
                path.chmod(0o700 if number % 2 else 0o600)
            if os.geteuid() == 0:
                os.chown(path, 1000 + number, 2000)
        inherited = {k: v for k, v in os.environ.items() if k != "SOURCE_DATE_EPOCH"}
        done = subprocess.run(
            [sys.executable, "-c", BUILD, copy, tmp_path / "other"],
            env={**inherited, **environ},
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        os.umask(mask)
    assert done.stdout.strip() == reference


def test_source_date_epoch_is_the_members_time(classic, build, tmp_path):
    times = {}
    for epoch in ("", "0", "1700000000"):
        built = build(classic, environ={"SOURCE_DATE_EPOCH": epoch}, out_dir=tmp_path / f"_{epoch}")
        with tarfile.open(built.path) as archive:
            times[epoch] = {entry.mtime for entry in archive.getmembers()}
            assert {(e.uid, e.gid, e.uname, e.gname) for e in archive.getmembers()} == {
                (0, 0, "", "")
            }
            assert {e.mode for e in archive.getmembers()} == {0o644, 0o755}
    assert times == {"": {315532800}, "0": {0}, "1700000000": {1700000000}}


@pytest.mark.parametrize("epoch", ["-1", "1.5", "now", "9" * 30, "\u0663"])
def test_an_impossible_source_date_epoch_is_refused(classic, build, epoch):
    with pytest.raises(ConfigError, match="SOURCE_DATE_EPOCH is"):
        build(classic, environ={"SOURCE_DATE_EPOCH": epoch})


def test_tar_and_gzip_read_the_package_like_any_other(classic, build):
    built = build(classic)
    plain = gzip.decompress(built.path.read_bytes())
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
        names = {entry.name for entry in archive if entry.isfile()}
    assert len(names) == len(built.manifest.members) + 1
    if shutil.which("tar"):
        done = subprocess.run(
            ["tar", "tzf", built.path], capture_output=True, text=True, check=True
        )
        assert {name for name in done.stdout.split() if not name.endswith("/")} == names


REMARKS = {
    "loose-file": (
        {"config.json": "{}", "README.md": "", "LICENSE": "", "requirements-dev.txt": ""},
        {},
        ["CPR201 config.json: data beside the modules is not in the package"],
    ),
    "loose-file-taken": (
        {"config.json": "{}"},
        {"package.include": ("*.py", "*.json")},
        ["CPR201 pip will not install config.json: only files of Python packages are installed"],
    ),
    "import-left-out": (
        {"helpers/a.py": "", "a.py": "\nfrom helpers import a\n"},
        {},
        [
            "CPR202 a.py:2 imports 'helpers', which is in the project but not in the package "
            "(its files were chosen by every module and package of the project)"
        ],
    ),
    "no-module": (
        {"run-me.py": ""},
        {},
        ["CPR205 run-me.py cannot be imported by its name, so it is not in the package"],
    ),
    "nothing": ({"pkg/__init__.py": "", "pkg/config.json": "{}"}, {}, []),
}  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    [
        "from . import util",
        "from .util import scale",
        "from mypkg import util",
        "from mypkg.util import scale",
        "import mypkg.util",
        "import mypkg.util as u",
        "def later():\n        from . import util",
    ],
    ids=str,
)
def test_an_import_inside_a_package_of_what_is_left_out_is_named(
    make_project, build, predictor_source, statement
):
    project = make_project(
        {
            "predictor.py": predictor_source,
            "mypkg/__init__.py": "",
            "mypkg/util.py": "def scale(x): return x\n",
            "mypkg/model.py": f"try:\n    {statement}\nfinally:\n    from . import util\n",
        }
    )
    assert build(project, FLAGS).findings == ()
    [found] = build(project, {**FLAGS, "package.exclude": ("mypkg/util.py",)}).findings
    line = 3 if "def" in statement else 2
    assert (found.id, found.file, found.line) == ("CPR202", str(project / "mypkg/model.py"), line)
    assert found.message.startswith(f"mypkg/model.py:{line} imports 'mypkg.util', which is in the")


@pytest.mark.parametrize(("files", "flags", "expected"), REMARKS.values(), ids=REMARKS)
def test_says_what_would_surprise_later(
    make_project, build, predictor_source, files, flags, expected
):
    project = make_project({"predictor.py": predictor_source, **files})
    found = build(project, {**FLAGS, **flags}).findings
    assert [f"{item.id} {item.message}" for item in found] == expected
    assert all(item.fix and item.file for item in found)


def test_a_data_file_that_is_excluded_by_name_is_not_remarked(
    make_project, build, predictor_source
):
    project = make_project({"predictor.py": predictor_source, "table.csv": "1,2"})
    assert build(project, {**FLAGS, "package.exclude": ("table.csv",)}).findings == ()


def test_a_script_that_is_no_module_is_named(make_project, build, predictor_source):
    setup = "\nsetup(name='x', version='1',\n  scripts=['predictor.py', 'run.sh'])\n"
    project = make_project({"predictor.py": predictor_source, "setup.py": setup, "run.sh": ""})
    (found,) = build(project).findings
    assert (found.id, found.line) == ("CPR205", 3)
    assert "run.sh is no Python module" in found.message


def test_old_python_in_a_helper_is_named_and_not_fatal(make_project, build, predictor_source):
    project = make_project({"predictor.py": predictor_source, "old.py": "print 'two'\n"})
    (found,) = build(project, FLAGS).findings
    assert found.id == "CPR205" and "old.py:1 is not Python 3" in found.message


def test_the_manifest_names_the_libraries_that_the_modules_import(classic, build):
    (classic / "preprocess.py").write_text("import numpy as np\nfrom sklearn import svm\n")
    libraries = build(classic).manifest.libraries
    assert libraries["numpy"] == metadata.version("numpy")
    assert libraries["scikit-learn"] == metadata.version("scikit-learn")
