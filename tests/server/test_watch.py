"""What is watched of a project and a model, and that a change is told once it is complete."""

import asyncio
import dataclasses
import json
import os
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import pytest

from cpr.errors import EnvironmentProblem
from cpr.server import watch
from cpr.server.options import ServeOptions, VersionSource
from cpr.server.watch import changes

PATIENCE_S = 60


@pytest.fixture
def served(tmp_path):
    """A project with a model, and the options that serve it."""
    project = tmp_path / "project"
    for name in ("predictor.py", "cpr.toml", "model/1/weights.bin", "requests/a.json"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("1")
    model = str(project / "model")
    source = VersionSource("1", watch=(str(project), model))
    return project, ServeOptions(base_dir=model, versions=(source,))


def first_change(options, act, *, then=None):
    """The first change that is told after `act` ran; `then` makes a second one."""

    async def listen():
        async with aclosing(changes(options)) as told:
            waiting = asyncio.ensure_future(anext(told))
            await asyncio.sleep(0)
            act()
            found = [await asyncio.wait_for(waiting, PATIENCE_S)]
            if then is not None:
                then()
                found.append(await asyncio.wait_for(anext(told), PATIENCE_S))
            return found

    return asyncio.run(listen())


def test_edit_is_told(served):
    project, options = served
    file = project / "predictor.py"
    assert first_change(options, lambda: file.write_text("22")) == [[str(file)]]


def test_edit_before_anybody_listens_is_told(served):
    project, options = served

    async def listen():
        async with aclosing(changes(options)) as told:
            (project / "predictor.py").write_text("22")
            return await asyncio.wait_for(anext(told), PATIENCE_S)

    assert asyncio.run(listen()) == [str(project / "predictor.py")]


@pytest.fixture(params=["watchfiles", "looking"])
def means(request, monkeypatch):
    """Both ways to be woken."""
    if request.param == "looking":

        def missing(module, extra):
            raise EnvironmentProblem("not installed")

        monkeypatch.setattr(watch, "import_extra", missing)
        monkeypatch.setattr(watch, "_POLL_S", 0.01)


def replace(file, text):
    """Write as editors do: a new file takes the place of the old one."""
    other = file.with_name("4913")
    other.write_text(text)
    other.replace(file)


@pytest.mark.usefixtures("means")
@pytest.mark.parametrize(
    "act",
    [
        lambda p: replace(p / "predictor.py", "1"),
        lambda p: (p / "predictor.py").unlink(),
        lambda p: (p / "helpers.py").write_text("1"),
        lambda p: (p / "requests" / "a.json").write_text("22"),
        lambda p: (p / "model" / "1" / "weights.bin").write_text("22"),
        lambda p: (p / "model" / "1").rename(p / "model" / "2"),
    ],
    ids=["replaced", "removed", "new", "request", "model", "version"],
)
def test_change_is_told_however_it_is_made(served, act):
    project, options = served
    assert first_change(options, lambda: act(project))[0]


@pytest.mark.usefixtures("means")
def test_a_folder_that_comes_is_watched_from_then_on(served):
    project, options = served
    package = project / "package"

    def come():
        package.mkdir()
        (package / "part.py").write_text("1")

    told = first_change(options, come, then=lambda: (package / "part.py").write_text("22"))
    assert told == [[str(package / "part.py")]] * 2


@pytest.mark.parametrize(
    "name",
    [
        ".git/index", "__pycache__/predictor.cpython-311.pyc", "predictor.py~", ".predictor.py.swp",
        "4913", "cache.sqlite", "access.json", "log.txt",
        "venv/lib/site.py", "iris.egg-info/SOURCES.txt",
    ],
)  # fmt: skip
def test_what_nobody_has_written_is_left_alone(served, name):
    project, options = served
    (project / "venv").mkdir()
    (project / "venv" / "pyvenv.cfg").touch()

    def act():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("new")
        (project / "predictor.py").write_text("22")

    assert first_change(options, act) == [[str(project / "predictor.py")]]


def test_what_the_server_itself_writes_is_left_alone(served):
    project, options = served
    said, log = project / "model" / "said.txt", project / "model" / "access.log"
    code = (
        "import asyncio, json, sys\n"
        "from pathlib import Path\n"
        "from cpr.server.options import ServeOptions\n"
        "from cpr.server.watch import changes\n"
        "options = ServeOptions.from_json(json.loads(sys.argv[1]))\n"
        "told = changes(options)\n"
        "print('something', flush=True)\n"
        "Path(options.access_log).write_text('a line')\n"
        "Path(options.base_dir, 'weights').write_text('2')\n"
        "sys.stderr.write(json.dumps(asyncio.run(anext(told))))\n"
    )
    given = dataclasses.replace(options, access_log=str(log)).to_json()
    with said.open("w") as stream:
        done = subprocess.run(
            [sys.executable, "-c", code, json.dumps(given)],
            stdout=stream,
            stderr=subprocess.PIPE,
            check=True,
        )
    assert json.loads(done.stderr) == [str(project / "model" / "weights")]


def test_package_file_is_watched_alone_in_its_folder(tmp_path):
    package = tmp_path / "dist" / "iris-0.1.tar.gz"
    package.parent.mkdir()
    package.write_bytes(b"1")
    options = ServeOptions(versions=(VersionSource("0.1", watch=(str(package),)),))

    def act():
        (package.parent / "other.py").write_text("1")
        replace(package, "22")

    assert first_change(options, act) == [[str(package)]]


def test_dangling_link_does_not_end_the_watch(served):
    project, options = served

    def act():
        (project / "link.py").symlink_to("nowhere")
        (project / "predictor.py").write_text("22")

    assert first_change(options, act) == [[str(project / "predictor.py")]]


def test_nothing_is_told_of_a_file_that_is_only_read(served):
    project, options = served
    stat = (project / "predictor.py").stat()

    def act():
        os.utime(project / "predictor.py", ns=(stat.st_atime_ns + 1, stat.st_mtime_ns))
        Path(project / "cpr.toml").write_text("22")

    assert first_change(options, act) == [[str(project / "cpr.toml")]]
