import os
import resource
import signal
import subprocess
import sys

import pytest

from cpr.errors import EnvironmentProblem, PackageRefused
from cpr.packager import verify_package
from cpr.packager.atomic import write_atomically

WITHOUT_NAME = pytest.param(True, id="unnamed")
WITH_NAME = pytest.param(False, id="named")


@pytest.fixture(params=[WITHOUT_NAME, WITH_NAME])
def way(request, monkeypatch):
    """Both ways to hide the unfinished file: without a name, and where that cannot be."""
    if not request.param:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    return request.param


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "x-1.tar.gz").write_bytes(b"old")
    return folder / "x-1.tar.gz"


def test_the_file_is_checked_before_it_replaces_the_old_one(way, target):
    def check(path):
        assert path.read_bytes() == b"new" * 1000
        assert target.read_bytes() == b"old"
        assert (list(target.parent.iterdir()) == [target]) is way
        return "checked"

    assert write_atomically(target, b"new" * 1000, check=check) == "checked"
    assert target.read_bytes() == b"new" * 1000
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [PackageRefused("no"), KeyboardInterrupt(), OSError(5, "no")])
def test_a_check_that_fails_leaves_the_old_file_alone(way, target, error):
    def check(path):
        raise error

    with pytest.raises((PackageRefused, KeyboardInterrupt, EnvironmentProblem)):
        write_atomically(target, b"new", check=check)
    assert target.read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_file_in_the_place_of_the_folder_is_told(target, below):
    with pytest.raises(EnvironmentProblem, match="cannot be written: ") as caught:
        write_atomically(target / below / "new", b"new", check=lambda path: None)
    assert caught.value.hint == f"{target} is a file; a folder is needed there."


def test_a_name_that_no_file_can_have_is_refused(way, target):
    with pytest.raises(EnvironmentProblem, match="cannot be written: File name too long"):
        write_atomically(target.with_name("x" * 250), b"new", check=lambda path: None)
    assert list(target.parent.iterdir()) == [target]


def test_a_full_disk_leaves_the_old_file_alone(way, target):
    """RLIMIT_FSIZE makes a write fail half-way, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(EnvironmentProblem, match=r"x-1\.tar\.gz cannot be written: File too"):
            write_atomically(target, bytes(200_000), check=lambda path: None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert target.read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_that_is_a_file_is_named(way, target):
    with pytest.raises(EnvironmentProblem, match="cannot be written: Not a directory"):
        write_atomically(target / "below" / "y.tar.gz", b"new", check=lambda path: None)
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("mask", [0o022, 0o077], ids=oct)
def test_the_file_has_the_mode_of_any_new_file(way, target, mask):
    before = os.umask(mask)
    try:
        write_atomically(target, b"new", check=lambda path: None)
    finally:
        os.umask(before)
    assert target.stat().st_mode & 0o777 == 0o666 & ~mask


KILLED = """
import os, signal, sys
from pathlib import Path
from cpr.packager.atomic import write_atomically

def check(path):
    assert path.stat().st_size == 3_000_000
    os.kill(os.getpid(), signal.SIGKILL)

write_atomically(Path(sys.argv[1]), bytes(3_000_000), check=check)
"""


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="files without a name need Linux")
def test_a_killed_process_leaves_nothing_behind(target):
    done = subprocess.run([sys.executable, "-c", KILLED, target], check=False)
    assert done.returncode == -signal.SIGKILL
    assert target.read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]


PACKAGE = """
import sys
from pathlib import Path
from cpr.config import load_settings
from cpr.packager import build_package
flags = {"project.prediction_class": "predictor.P", "project.name": "x", "project.version": "1"}
project, out = map(Path, sys.argv[1:])
settings = load_settings(project, flags=flags)
print("ready", flush=True)
for _ in range(1000):
    build_package(project, out_dir=out, settings=settings)
    print("built", flush=True)
"""


def test_killed_anywhere_the_package_is_absent_or_whole(make_project, tmp_path):
    project = make_project({"predictor.py": "class P: ...\n", "pkg/__init__.py": ""})
    (project / "pkg" / "noise.bin").write_bytes(os.urandom(200_000))
    out = tmp_path / "out"
    for built_before in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", PACKAGE, project, out], stdout=subprocess.PIPE
        )
        for _ in range(1 + built_before):
            process.stdout.readline()
        process.kill()
        process.communicate()
        files = list(out.iterdir()) if out.exists() else []
        packages = [path for path in files if path.suffix != ".tmp"]
        for package in packages:
            assert verify_package(package).name == "x"
        assert built_before == 0 or packages
