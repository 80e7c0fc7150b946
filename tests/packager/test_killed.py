"""SIGKILL at any point of packaging leaves whole files only: the old ones or the new ones."""

import os
import select
import subprocess
import sys
import zipfile

import pytest

from cpr.errors import CprError
from cpr.key_pairs import generate
from cpr.messages import Call
from cpr.packager import verify_package
from cpr.serving import open_routine

pytest.importorskip("cryptography", reason="signatures need the extra sign")
pytest.importorskip("cyclonedx", reason="bills of materials need the extra sbom")

READER = """
from pathlib import Path

class P:
    @classmethod
    def from_path(cls, model_dir):
        predictor = cls()
        predictor.factor = float(Path(model_dir, "factor.txt").read_text())
        return predictor

    def predict(self, instances, **kwargs):
        return [self.factor * x for x in instances]
"""
# Builds once to count its calls into C, among which is all that reaches the disk; then
# kills a fork of itself at the n-th, each in a folder of its own: a third of the n lie
# anywhere, the others where files get their names.
DRIVER = """
import os, random, signal, sys
from pathlib import Path
from cpr.config import load_settings
from cpr.messages import Call
from cpr.packager import ReleaseOptions, build_release

base, is_tried, points = Path(sys.argv[1]), sys.argv[2] == "tried", int(sys.argv[3])
os.chdir(base)
FLAGS = {"project.prediction_class": "predictor.P", "project.name": "x", "project.version": "1"}
FLAGS["package.extra_packages"] = ("helper-1.0-py3-none-any.whl",)
REQUEST = Call(b'{"instances": [1]}', request_id="r.json:1")

def build(out, version):
    project = base / version
    options = ReleaseOptions(
        model_dir=str(project / "model"), has_sbom=True, key=base / "key",
        is_tried=is_tried, requests=[REQUEST],
    )
    settings = load_settings(project, flags=FLAGS, environ={})
    assert build_release(project, out_dir=out, settings=settings, options=options,
                         environ={}).is_published

def counted(out, version, last=0):
    calls = publishing = 0
    def count(frame, event, argument):
        nonlocal calls, publishing
        if event == "c_call":
            calls += 1
            if calls == last:
                os.kill(os.getpid(), signal.SIGKILL)
        elif event == "call" and frame.f_code.co_name == "_publish":
            publishing = calls
    sys.setprofile(count)
    build(out, version)
    sys.setprofile(None)
    return calls, publishing

build(base / "old-out", "old")
total, publishing = counted(base / "new-out", "new")
assert publishing
chance = random.Random(3)
chosen = [chance.randrange(1, total) for _ in range(points // 3)]
chosen += [chance.randrange(publishing, total) for _ in range(points - points // 3)]
for number, point in enumerate(chosen):
    out = base / f"out-{number}"
    if number % 2:
        build(out, "old")
    sys.stdout.flush()
    child = os.fork()
    if not child:
        counted(out, "new", point)
        os._exit(0)
    was_killed = os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert was_killed or is_tried  # waiting for another process takes now more calls, now fewer
build(base / "out-0", "new")
"""

# A signed package answers as the old or the new one; parts of both are refused.
ANSWERS = {b'{"predictions":[2.0]}', b'{"predictions":[3.0]}', "PackageRefused", "LoadError"}


@pytest.fixture
def base(tmp_path):
    """Two versions of a project, an extra package, and a key."""
    for version, factor in (("old", "2"), ("new", "3")):
        (tmp_path / version / "model" / "deep").mkdir(parents=True)
        (tmp_path / version / "predictor.py").write_text(f"VERSION = {version!r}\n{READER}")
        (tmp_path / version / "model" / "factor.txt").write_text(factor)
        (tmp_path / version / "model" / "deep" / f"{version}.bin").write_bytes(bytes(100_000))
    with zipfile.ZipFile(tmp_path / "helper-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("helper.py", "")
    generate(tmp_path / "key")
    return tmp_path


def content(folder):
    """Every file that has its name, by path; unfinished ones are hidden."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    return {
        name: path.read_bytes()
        for name, path in found.items()
        if path.is_file() and not name.startswith(".")
    }


def of_model(files):
    return {name: data for name, data in files.items() if "/" in name}


def answer(out, key):
    package = str(out / "x-1.tar.gz")
    options = {"require_signature": key}
    try:
        with open_routine(package, str(out / "x-1-model"), **options) as routine:
            return routine.answer([Call(b'{"instances": [1]}')])[0].body
    except CprError as error:
        return type(error).__name__


@pytest.mark.parametrize(("way", "points"), [("untried", 50), ("tried", 6)])
def test_killed_anywhere_every_file_is_the_old_one_or_the_new_one(base, way, points):
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, base, way, str(points)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    old, new = content(base / "old-out"), content(base / "new-out")
    assert old.keys() - {"x-1-model/deep/old.bin"} == new.keys() - {"x-1-model/deep/new.bin"}
    for number in range(1, points):
        out = base / f"out-{number}"
        found = content(out) if out.exists() else {}
        assert of_model(found) in ({}, of_model(old), of_model(new))
        for name in found.keys() - of_model(found).keys():
            assert found[name] in (old[name], new[name]), name
        if number % 2:
            assert {n for n in old if "/" not in n} <= found.keys()
            assert of_model(found)
        if "x-1.tar.gz" in found:
            assert verify_package(out / "x-1.tar.gz").name == "x"
            assert answer(out, base / "key.pub") in ANSWERS
    # The next run cleans up after the one that was killed.
    assert content(base / "out-0") == new
    assert not [name for name in os.listdir(base / "out-0") if "model" in name and ".tmp" in name]


HANGING = """
import os, time

class P:
    @classmethod
    def from_path(cls, model_dir):
        with open(os.environ["PIPE"], "w") as pipe:
            pipe.write(str(os.getpid()))
        time.sleep(600)

    def predict(self, instances, **kwargs):
        return instances
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
def test_a_killed_trial_leaves_no_process(base):
    """The process that tries a package ends with the one that started it."""
    (base / "new" / "predictor.py").write_text(HANGING)
    os.mkfifo(base / "pipe")
    command = [sys.executable, "-m", "cpr", "package", base / "new", "--name=x", "--version=1"]
    command += ["--prediction-class=predictor.P", f"--model-dir={base / 'new' / 'model'}"]
    environ = {**os.environ, "PIPE": str(base / "pipe")}
    with subprocess.Popen(list(map(str, command)), env=environ) as process:
        descriptor = os.pidfd_open(int((base / "pipe").read_text()))
        process.kill()
    assert select.select([descriptor], [], [], 60)[0]
    os.close(descriptor)
    assert content(base / "new" / "dist") == {}
