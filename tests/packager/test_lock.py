"""Locking, against an index of wheels that are made here; the network is never asked."""

import hashlib
import subprocess
import sys
import zipfile

import pytest

from cpr.errors import ConfigError, EnvironmentProblem
from cpr.packager import lock as lock_module
from cpr.packager.lock import Pin, lock_requirements, pins


def write_wheel(folder, name, version, requires=()):
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {line}\n" for line in requires)
    tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", tags)
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def index(tmp_path, monkeypatch):
    """Wheels of alpha, which needs beta, and of two versions of beta; name → sha256."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for tool in ("UV", "PIP"):
        monkeypatch.setenv(f"{tool}_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return {
        "alpha": write_wheel(folder, "alpha", "1.0", ["beta>=1"]),
        "beta": write_wheel(folder, "beta", "2.0"),
        "old beta": write_wheel(folder, "beta", "1.5"),
    }


@pytest.fixture(params=["uv", "pip"])
def tool(request, monkeypatch):
    if request.param == "pip":
        monkeypatch.setattr(lock_module.shutil, "which", lambda *names, **options: None)
    elif lock_module.shutil.which("uv", path=lock_module.Path(sys.executable).parent) is None:
        pytest.skip("uv is not installed")
    return request.param


def test_everything_that_is_needed_is_pinned_by_hash(tool, index, tmp_path):
    lock = lock_requirements(["alpha"], folder=tmp_path)
    assert pins(lock) == (
        Pin("alpha", "1.0", (index["alpha"],)),
        Pin("beta", "2.0", (index["beta"],)),
    )
    assert lock.decode().splitlines()[0].endswith(f", by {tool}.")
    assert lock == lock_requirements(["alpha"], folder=tmp_path)


def test_pip_installs_a_lock_and_refuses_other_files(tool, index, tmp_path):
    path = tmp_path / "requirements.lock"
    path.write_bytes(lock_requirements(["alpha", "beta<2"], folder=tmp_path))
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", path]
    install += ["--target", tmp_path / "site"]
    done = subprocess.run(install, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "beta.py").read_text() == "VERSION = '1.5'\n"
    write_wheel(tmp_path / "index", "beta", "1.5", ["alpha"])
    done = subprocess.run([*install, "--upgrade"], capture_output=True, text=True)
    assert done.returncode != 0
    assert "HASH" in done.stderr.upper()


def test_requirements_without_a_solution_are_the_projects_fault(tool, index, tmp_path):
    with pytest.raises(ConfigError, match="cannot be locked:\n") as caught:
        lock_requirements(["alpha", "beta==7"], folder=tmp_path)
    assert "beta==7" in caught.value.problem


def test_an_index_that_cannot_be_reached_is_the_machines(tool, tmp_path, monkeypatch):
    nowhere = "http://127.0.0.1:9/simple"
    variables = {"UV_DEFAULT_INDEX": nowhere, "UV_HTTP_RETRIES": "0", "PIP_INDEX_URL": nowhere}
    for variable, value in {**variables, "PIP_CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(variable, value)
    for variable in ("PIP_FIND_LINKS", "PIP_NO_INDEX", "UV_NO_INDEX", "UV_FIND_LINKS"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(EnvironmentProblem, match="cannot be locked:\n") as caught:
        lock_requirements(["a-library-that-nobody-has-cached"], folder=tmp_path)
    assert "check the network" in caught.value.hint


def test_a_machine_without_uv_and_pip_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setattr(lock_module.shutil, "which", lambda *names, **options: None)
    monkeypatch.setattr(lock_module.sys, "executable", str(tmp_path / "python"))
    with pytest.raises(EnvironmentProblem, match="cannot be started:\nNo such file"):
        lock_requirements(["alpha"], folder=tmp_path)


def test_a_folder_cannot_be_locked(index, tmp_path, monkeypatch):
    monkeypatch.setattr(lock_module.shutil, "which", lambda *names, **options: None)
    (tmp_path / "gamma").mkdir()
    (tmp_path / "gamma" / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
    )
    (tmp_path / "gamma" / "backend.py").write_text(
        "from pathlib import Path\n"
        "def prepare_metadata_for_build_wheel(folder, settings=None):\n"
        "    info = Path(folder, 'gamma-1.dist-info')\n"
        "    info.mkdir()\n"
        "    info.joinpath('METADATA').write_text("
        "'Metadata-Version: 2.1\\nName: gamma\\nVersion: 1\\n')\n"
        "    return info.name\n"
    )
    with pytest.raises(ConfigError, match=r"gamma comes from file://.*, which has no hash"):
        lock_requirements([f"gamma @ {(tmp_path / 'gamma').as_uri()}"], folder=tmp_path)


def test_what_an_extra_package_needs_is_locked_but_not_the_package(tool, index, tmp_path):
    """The manifest pins the extra package itself, which no index need have."""
    (tmp_path / "extras").mkdir()
    write_wheel(tmp_path / "extras", "helper", "1.0", ["beta<2"])
    extra = tmp_path / "extras" / "helper-1.0-py3-none-any.whl"
    lock = lock_requirements(["helper>=1", "alpha"], folder=tmp_path, extras=[extra])
    assert [(pin.name, pin.version) for pin in pins(lock)] == [("alpha", "1.0"), ("beta", "1.5")]
    assert str(tmp_path) not in lock.decode()


def test_no_requirements_need_no_index(tmp_path):
    lock = lock_requirements([], folder=tmp_path)
    assert pins(lock) == ()
    assert lock.count(b"\n") == 2


def test_pins_are_read_with_markers_extras_and_several_hashes():
    one, two = "a" * 64, "b" * 64
    text = (
        "# comment with name==1\n"
        f"numpy==2.1.0 \\\n    --hash=sha256:{one} \\\n    --hash=sha256:{two}\n"
        f"uvicorn[standard]==0.3 ; python_version < '4' \\\n    --hash=sha256:{two}\n"
        f"torch @ https://example.org/torch-2.whl \\\n    --hash=sha256:{one}\n"
    )
    assert pins(text.encode()) == (
        Pin("numpy", "2.1.0", (one, two)),
        Pin("uvicorn", "0.3", (two,)),
        Pin("torch", "", (one,)),
    )
