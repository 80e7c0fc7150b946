"""A package with all that goes with it: tried in its own process, then put in place whole."""

import json
import os
import zipfile

import pytest

from cpr.config import load_settings
from cpr.errors import ConfigError, LoadError, PackageRefused, UsageError
from cpr.key_pairs import generate
from cpr.messages import Call
from cpr.packager import ReleaseOptions, build_release, verify_package
from cpr.packager.lock import pins
from cpr.serving import open_routine

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
REQUEST = Call(b'{"instances": [1, 2]}', request_id="requests/rows.jsonl:3")


@pytest.fixture
def project(make_project):
    return make_project({"predictor.py": READER, "model/factor.txt": "2", "model/.DS_Store": "x"})


@pytest.fixture
def release(tmp_path):
    def release(project, flags=None, **options):
        named = {
            "project.prediction_class": "predictor.P",
            "project.name": "x",
            "project.version": "1",
        }
        if "model_dir" in options:
            options["model_dir"] = str(options["model_dir"])
        return build_release(
            project,
            out_dir=tmp_path / "out",
            settings=load_settings(project, flags={**named, **(flags or {})}, environ={}),
            options=ReleaseOptions(**options),
            environ={},
        )

    return release


@pytest.fixture
def helper(tmp_path):
    """A wheel that a project may need."""
    path = tmp_path / "wheels" / "helper-1.0-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("helper.py", "FACTOR = 3\n")
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def ids(release):
    return [finding.id for finding in release.trial.findings]


def test_package_and_model_are_put_in_place_together(project, release, tmp_path):
    done = release(project, model_dir=project / "model", requests=[REQUEST])
    assert (done.trial.depth, done.trial.requests, ids(done)) == ("answered", 1, [])
    assert names(tmp_path / "out") == ["x-1-model", "x-1.tar.gz"]
    assert names(tmp_path / "out" / "x-1-model") == ["factor.txt"]
    assert done.package.manifest.model == done.model.files
    assert verify_package(done.package.path) == done.package.manifest
    with open_routine(str(done.package.path), str(done.model.path)) as routine:
        assert routine.answer([REQUEST])[0].body == b'{"predictions":[2.0,4.0]}'


def test_everything_comes_out_the_same_again(project, release, helper, tmp_path):
    flags = {"package.extra_packages": (str(helper),), "project.requirements": ("numpy",)}

    def build():
        release(project, flags, model_dir=project / "model", has_sbom=True)
        found = {path.name: path for path in (tmp_path / "out").rglob("*") if path.is_file()}
        return {name: (path.read_bytes(), path.stat().st_ino) for name, path in found.items()}

    first, second = build(), build()
    assert {name: content for name, (content, _) in first.items()} == {
        name: content for name, (content, _) in second.items()
    }
    assert first["x-1.tar.gz"][1] != second["x-1.tar.gz"][1]
    assert sorted(first) == ["factor.txt", helper.name, "x-1.cdx.json", "x-1.tar.gz"]


def test_without_a_model_directory_the_package_is_imported(project, release):
    done = release(project, requests=[REQUEST])
    assert (done.trial.depth, ids(done)) == ("imported", [])
    assert done.model is None


def test_the_projects_own_model_directory_is_known(project, release):
    (project / "cpr.toml").write_text("[project]\nmodel_dir = 'model'\n")
    done = release(project, requests=[REQUEST])
    assert (done.trial.depth, done.trial.requests) == ("answered", 1)
    assert done.model is None


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import left_behind\n", "No module named 'left_behind'"),
        ("open('beside.txt')\n", "No such file or directory: 'beside.txt'"),
        ("class P: ...\n", "from_path"),
        ("import os; os._exit(3)\n", "exit code 3 while importing the package"),
    ],
    ids=["a module", "a data file", "the class", "a crash"],
)
def test_what_works_only_beside_the_project_is_found(
    project, release, tmp_path, monkeypatch, source, message
):
    """The package is imported where nothing of the project is in reach, the folder included."""
    text = source if "class P" in source else f"{source}{READER}"
    (project / "predictor.py").write_text(text)
    (project / "left_behind.py").write_text("")
    (project / "beside.txt").write_text("")
    monkeypatch.chdir(project)
    done = release(project, {"package.include": ("predictor.py",)})
    assert not done.is_published
    assert ids(done) == ["CPR281"]
    assert message in done.trial.findings[0].message
    assert names(tmp_path / "out") == []


def test_a_file_of_the_model_that_was_left_behind_is_found(project, release, tmp_path):
    (project / "predictor.py").write_text(READER.replace("factor.txt", ".factor"))
    (project / "model" / ".factor").write_text("2")
    done = release(project, model_dir=project / "model", requests=[REQUEST])
    assert ids(done) == ["CPR281"]
    assert "factor" in done.trial.findings[0].message
    assert names(tmp_path / "out") == []
    flags = {"package.model_keep": (".factor",)}
    assert release(project, flags, model_dir=project / "model", requests=[REQUEST]).is_published


def test_an_answer_that_differs_is_found(project, release, tmp_path):
    """A fallback hides that a file of the model is missing."""
    (project / "predictor.py").write_text(
        READER.replace(
            'float(Path(model_dir, "factor.txt").read_text())',
            '3.0 if Path(model_dir, ".DS_Store").exists() else 2.0',
        )
    )
    done = release(project, model_dir=project / "model", requests=[REQUEST])
    assert ids(done) == ["CPR283"]
    (finding,) = done.trial.findings
    assert finding.message.endswith("than the project: predictions[0] is 2.0 instead of 3.0")
    assert (finding.file, finding.line) == ("requests/rows.jsonl", 3)
    assert names(tmp_path / "out") == []


def test_a_request_that_fails_is_found(project, release, tmp_path):
    bad = Call(b'{"instances": [null]}', request_id="bad.json:1")
    done = release(project, model_dir=project / "model", requests=[REQUEST, bad])
    assert ids(done) == ["CPR282"]
    assert done.trial.findings[0].message.startswith("bad.json:1 fails in the package: ")
    assert "traceback" in done.trial.findings[0].data
    assert names(tmp_path / "out") == []


def test_answers_by_chance_are_remarked_on(project, release):
    source = READER.replace("self.factor * x", "__import__('random').random()")
    (project / "predictor.py").write_text(source)
    done = release(project, model_dir=project / "model", requests=[REQUEST])
    assert ids(done) == ["CPR284"]
    assert done.is_published


def test_a_project_that_cannot_be_asked_is_remarked_on(make_project, release):
    setup = "from setuptools import setup\n"
    setup += "setup(name='x', version='1', package_dir={'': 'lib'}, py_modules=['predictor'])\n"
    files = {"setup.py": setup, "lib/predictor.py": READER, "model/factor.txt": "2"}
    project = make_project(files)
    done = release(project, model_dir=project / "model", requests=[REQUEST])
    assert ids(done) == ["CPR285"]
    assert done.is_published


def test_a_trial_that_fails_leaves_everything_as_it_was(project, release, tmp_path):
    release(project, model_dir=project / "model", has_sbom=True)
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    (project / "model" / "factor.txt").write_text("no number")
    assert not release(project, model_dir=project / "model", has_sbom=True).is_published
    after = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert after == before
    assert release(project, model_dir=project / "model", is_tried=False).is_published


def test_an_extra_package_is_copied_recorded_and_found(project, release, helper, tmp_path):
    (project / "predictor.py").write_text(
        READER.replace("self.factor", "__import__('helper').FACTOR")
    )
    flags = {"package.extra_packages": (str(helper),)}
    done = release(project, flags, model_dir=project / "model", requests=[REQUEST])
    assert ids(done) == []
    assert names(tmp_path / "out") == [helper.name, "x-1-model", "x-1.tar.gz"]
    assert list(done.package.manifest.extra_packages) == [helper.name]
    with open_routine(str(done.package.path), str(done.model.path)) as routine:
        assert routine.answer([REQUEST])[0].body == b'{"predictions":[3,6]}'
    (tmp_path / "out" / helper.name).unlink()
    with pytest.raises(LoadError, match=f"needs the extra package {helper.name}"):
        open_routine(str(done.package.path), str(done.model.path))


def test_extra_packages_of_a_projects_file_start_there(project, release, helper, monkeypatch):
    (project / "cpr.toml").write_text(f"[package]\nextra_packages = ['../wheels/{helper.name}']\n")
    monkeypatch.chdir("/")
    assert release(project).files[0].name == helper.name


@pytest.mark.parametrize(
    ("name", "content", "kind", "message"),
    [
        ("absent.whl", None, UsageError, "is not a file"),
        ("notes.txt", b"", UsageError, "is no package file"),
        ("broken.whl", b"no zip", PackageRefused, "is refused"),
        ("x-1.tar.gz", None, ConfigError, "has the name of the package itself"),
    ],
)
def test_what_is_no_extra_package_is_refused(
    project, release, tmp_path, name, content, kind, message
):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    elif name == "x-1.tar.gz":
        path.write_bytes(release(project).package.path.read_bytes())
    with pytest.raises(kind, match=message):
        release(project, {"package.extra_packages": (str(path),)})


def test_two_extra_packages_of_one_name_are_refused(project, release, helper, tmp_path):
    other = tmp_path / helper.name
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("helper.py", "FACTOR = 4\n")
    with pytest.raises(ConfigError, match="two different extra packages are called helper"):
        release(project, {"package.extra_packages": (str(helper), str(other))})


def test_a_signed_release_is_signed_throughout(project, release, helper, tmp_path):
    pytest.importorskip("cryptography", reason="signatures need the extra sign")
    key = generate(tmp_path / "key")
    flags = {"package.extra_packages": (str(helper),)}
    done = release(project, flags, model_dir=project / "model", has_sbom=True, key=tmp_path / "key")
    assert done.key_id == key.id
    signed = [helper.name, "x-1.cdx.json", "x-1.tar.gz"]
    assert names(tmp_path / "out") == sorted([*signed, *(f"{n}.sig" for n in signed), "x-1-model"])
    for name in signed:
        key.check(tmp_path / "out" / name, (tmp_path / "out" / name).read_bytes())
    options = {"require_signature": key.path}
    open_routine(str(done.package.path), str(done.model.path), **options).close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda model: (model / "factor.txt").write_text("3"), "'factor.txt' was changed"),
        (lambda model: (model / "more.pkl").write_text(""), "'more.pkl' was not there"),
        (lambda model: (model / "factor.txt").unlink(), "'factor.txt' is missing"),
    ],
    ids=["changed", "added", "missing"],
)
def test_a_signed_package_is_bound_to_its_model(project, release, tmp_path, change, message):
    pytest.importorskip("cryptography", reason="signatures need the extra sign")
    key = generate(tmp_path / "key")
    done = release(project, model_dir=project / "model", key=tmp_path / "key")
    change(done.model.path)
    with pytest.raises(PackageRefused, match=message):
        open_routine(str(done.package.path), str(done.model.path), require_signature=key.path)


def test_a_key_that_cannot_be_read_stops_before_anything_is_built(project, release, tmp_path):
    pytest.importorskip("cryptography", reason="signatures need the extra sign")
    with pytest.raises(UsageError, match="cannot be read"):
        release(project, key=tmp_path / "absent")
    assert names(tmp_path / "out") == []


def test_the_lock_is_a_member_that_the_manifest_names(project, release):
    done = release(project, is_locked=True)
    manifest = done.package.manifest
    assert manifest.lock == "requirements.lock"
    assert "requirements.lock" in manifest.members
    assert pins(b"") == ()


def test_the_bill_of_materials_names_the_package(project, release, tmp_path):
    done = release(project, has_sbom=True)
    document = json.loads((tmp_path / "out" / "x-1.cdx.json").read_text())
    (digest,) = document["metadata"]["component"]["hashes"]
    assert digest["content"] == done.package.sha256


def test_the_copy_of_the_model_is_not_packed(project, release):
    """Not even where it lies within the project, from an earlier run or this one."""
    stage = project / "staged"
    for _ in range(2):
        done = release(project, model_dir=project / "model", stage_dir=stage)
        assert done.model.path == stage
        assert not any("factor" in name for name in done.package.manifest.members)
    assert names(stage) == ["factor.txt"]


def test_nothing_stays_in_the_folder_for_temporary_files(project, release, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    release(project, model_dir=project / "model", requests=[REQUEST])
    assert os.listdir(temporary) == []
