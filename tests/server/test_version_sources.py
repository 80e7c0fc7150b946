"""Which versions there are to serve, and what they are called."""

import io
import json
import tarfile
from pathlib import Path

import fsspec
import pytest

from cpr.errors import PackageRefused, UsageError
from cpr.server.options import ServeOptions, VersionSource
from cpr.server.version_sources import find_versions, numbered, rescan, version_of_package


@pytest.fixture
def base(tmp_path):
    """Makes a directory with entries: names that end in / are folders with a model."""

    def make(*names):
        folder = tmp_path / "models"
        for name in names:
            path = folder / name
            if name.endswith("/"):
                path.mkdir(parents=True)
                (path / "model.onnx").touch()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
        return str(folder)

    return make


@pytest.fixture
def package(tmp_path):
    """Makes a source distribution by name, without a manifest."""

    def make(name, **files):
        path = tmp_path / name
        with tarfile.open(path, "w:gz") as archive:
            for member, text in {"predictor.py": "", **files}.items():
                info = tarfile.TarInfo(f"top/{member}")
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text.encode()))
        return str(path)

    return make


@pytest.mark.parametrize(
    ("names", "has_class", "expected"),
    [
        (["1/", "2/", "10/"], False, ["1", "2", "10"]),
        (["1/", "2/", "10/"], True, ["1", "2", "10"]),
        (["007/", "labels.txt", ".tmp-8/", "preprocessor.pkl"], True, ["007"]),
        (["1/", "vocabulary.txt"], True, []),
        (["1/", "vocabulary.txt"], False, ["1"]),
        (["1/", "model.onnx"], False, []),
        (["1/", "uploading/"], True, []),
        (["1/", "uploading/"], False, ["1"]),
        (["3"], False, []),
        (["model.onnx"], False, []),
        (["²/"], True, []),
    ],
    ids=[
        "by number", "with a class", "with companions", "a class's own files", "of a model",
        "a model beside", "a class's own folder", "an upload", "a file", "a model", "superscript",
    ],
)  # fmt: skip
def test_numbered_directories_are_versions(base, names, has_class, expected):
    assert numbered(base(*names), has_class=has_class) == expected


def test_directory_that_is_not_there_has_no_numbers(tmp_path):
    assert numbered(str(tmp_path / "nowhere"), has_class=False) == []


def test_numbered_directories_are_found_behind_a_url():
    files = fsspec.filesystem("memory")
    for name in ("1/model.onnx", "12/model.onnx", "labels.txt"):
        files.pipe(f"/numbers/{name}", b"x")
    assert numbered("memory://numbers", has_class=False) == ["1", "12"]
    files.pipe("/numbers/model.onnx", b"x")
    assert numbered("memory://numbers", has_class=False) == []
    assert numbered("https://models.example/iris", has_class=False) == []


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("latest", ["10"]),
        ("all", ["1", "2", "10"]),
        ("2, 1", ["1", "2"]),
        ("010", ["10"]),
        ("1,1", ["1"]),
    ],
    ids=["latest", "all", "list", "by value", "twice"],
)
def test_policy_chooses_among_the_numbers(base, policy, expected):
    folder = base("1/", "2/", "10/")
    found = find_versions([], folder, opening={"framework": "onnx"}, policy=policy)
    assert [version.name for version in found] == expected
    assert found[-1].open_with == {
        "framework": "onnx",
        "model_dir": f"{folder}/{expected[-1]}",
        "target": None,
    }
    assert found[-1].watch == (folder,)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("3", "there is no version 3; there are 1, 2."),
        ("newest", "the versions are 'newest'; expected latest, all, or numbers."),
        ("1,-2", "the versions are '1,-2'; expected latest, all, or numbers."),
    ],
    ids=["missing", "word", "negative"],
)
def test_version_that_is_not_there_is_refused(base, policy, said):
    with pytest.raises(UsageError) as caught:
        find_versions([], base("1/", "2/"), opening={}, policy=policy)
    assert caught.value.problem == said


def test_version_is_called_by_its_number_and_found_in_its_folder(base):
    folder = base("007/")
    (version,) = find_versions([], folder, opening={}, policy="latest")
    assert version.name == "7"
    assert version.open_with["model_dir"] == f"{folder}/007"


def test_rescan_finds_the_number_that_has_come(base):
    folder = base("1/")
    options = ServeOptions(
        versions=find_versions([], folder, opening={}, policy="latest"),
        default_version="1",
        base_dir=folder,
        version_policy="latest",
    )
    assert rescan(options) == options
    (Path(folder) / "2").mkdir()
    assert rescan(options).default_version == "2"
    assert [version.name for version in rescan(options).versions] == ["2"]


def test_rescan_says_that_every_number_is_gone(base, tmp_path):
    folder = base("1/")
    (Path(folder) / "1").rename(tmp_path / "away")
    options = ServeOptions(base_dir=folder, version_policy="latest")
    with pytest.raises(UsageError, match="models holds no numbered version"):
        rescan(options)


def test_each_of_several_packages_is_a_version(package):
    targets = [package("iris-0.1.tar.gz"), package("iris-0.2.tar.gz")]
    found = find_versions(targets, "/models", opening={}, policy="")
    assert found == (
        VersionSource(
            "0.1", {"model_dir": "/models", "target": targets[0]}, (targets[0], "/models")
        ),
        VersionSource(
            "0.2", {"model_dir": "/models", "target": targets[1]}, (targets[1], "/models")
        ),
    )


def test_two_packages_of_one_version_are_refused(package):
    with pytest.raises(UsageError) as caught:
        find_versions(
            [package("iris-0.1.tar.gz"), package("other-0.1.tar.gz")], "", opening={}, policy=""
        )
    assert caught.value.problem.endswith("other-0.1.tar.gz are both version 0.1.")


def test_several_targets_must_be_packages(package, tmp_path):
    with pytest.raises(UsageError, match="several targets must be packages"):
        find_versions([package("iris-0.1.tar.gz"), str(tmp_path)], "", opening={}, policy="")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("iris_routine-0.1.tar.gz", ("iris_routine", "0.1")),
        ("my-iris-1.0.post1.tar.gz", ("my-iris", "1.0.post1")),
        ("routine.tgz", ("routine", "1")),
    ],
    ids=["usual", "hyphens", "no version"],
)
def test_package_without_a_manifest_is_versioned_by_its_file_name(package, name, expected):
    assert version_of_package(package(name)) == expected


def test_package_behind_a_url_is_versioned_by_its_file_name():
    url = "gs://bucket/iris_routine-0.3-py3-none-any.whl"
    assert version_of_package(url) == ("iris_routine", "0.3")


def test_damaged_package_is_refused(tmp_path):
    (tmp_path / "iris-0.1.tar.gz").write_bytes(b"no archive")
    with pytest.raises(PackageRefused, match=r"iris-0\.1\.tar\.gz is refused"):
        find_versions([str(tmp_path / "iris-0.1.tar.gz")], "", opening={}, policy="")


@pytest.mark.parametrize(
    ("files", "target", "expected"),
    [
        ({"cpr.toml": '[project]\nversion = "1.4+local"'}, "{}", "1.4-local"),
        ({}, "{}", "1"),
        ({"predictor.py": ""}, "{}/predictor.py:Mine", "1"),
    ],
    ids=["project with a version", "project without", "class in a file"],
)
def test_the_one_version_of_one_target(tmp_path, files, target, expected):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (version,) = find_versions([target.format(tmp_path)], "", opening={}, policy="")
    assert version.name == expected
    assert json.loads(json.dumps(version.open_with)) == {"target": target.format(tmp_path)}
    assert version.watch == (target.format(tmp_path).partition(":")[0],)


def test_a_class_by_its_module_is_watched_where_it_is_imported_from(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (version,) = find_versions(["predictor:Mine"], "", opening={}, policy="")
    assert version.watch == (str(tmp_path),)
