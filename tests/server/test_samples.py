"""Sample requests: where they are found, and what becomes of bad ones."""

import io
import json
import logging
import tarfile

import pytest

from cpr.errors import BadInput, UsageError
from cpr.server.options import VersionSource
from cpr.server.samples import MOST, samples_of

REQUEST = '{"instances": [[1, 2]]}'
RECORD = json.dumps({"request": {"instances": [3]}, "response": {"predictions": [4]}})


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def of(target, named=""):
    return samples_of(VersionSource("1", {"target": str(target)}), named)


FOUND = {"body": REQUEST, "place": "a.json:1"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"requests/a.json": REQUEST}, [FOUND]),
        (
            {"requests/a.json": REQUEST, "golden/a.json": '{"predictions": [7]}'},
            [{**FOUND, "expected": {"predictions": [7]}}],
        ),
        (
            {"requests/a.jsonl": "[1]\n[2]"},
            [
                {"body": '{"instances": [[1]]}', "place": "a.jsonl:1"},
                {"body": '{"instances": [[2]]}', "place": "a.jsonl:2"},
            ],
        ),
        (
            {"requests/a.jsonl": RECORD},
            [
                {
                    "body": '{"instances": [3]}',
                    "place": "a.jsonl:1",
                    "expected": {"predictions": [4]},
                }
            ],
        ),
        (
            {"requests/a.request.json": REQUEST, "requests/a.response.json": '{"error": "no"}'},
            [{"body": REQUEST, "place": "a.request.json:1", "fails": True}],
        ),
        ({"requests/README.md": "nothing"}, []),
        ({}, []),
    ],
    ids=["request", "golden", "instances", "record", "expected error", "no request", "none"],
)
def test_requests_of_a_project_are_its_samples(tmp_path, files, expected):
    found = of(write(tmp_path, files))
    assert found == expected
    assert json.loads(json.dumps(found)) == found


def test_a_class_in_a_file_has_the_samples_of_its_project(tmp_path):
    files = {"cpr.toml": "", "src/predictor.py": "", "requests/a.json": REQUEST}
    write(tmp_path, files)
    assert of(f"{tmp_path}/src/predictor.py:Mine") == [FOUND]


def test_a_package_brings_its_samples(tmp_path):
    files = {
        "predictor.py": "",
        "requests/a.json": REQUEST,
        "golden/a.json": '{"predictions": [7]}',
        "requests/deeper/b.json": REQUEST,
    }
    with tarfile.open(tmp_path / "iris-0.1.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"iris-0.1/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    assert of(tmp_path / "iris-0.1.tar.gz") == [{**FOUND, "expected": {"predictions": [7]}}]


@pytest.mark.parametrize(
    "target", [None, "gs://bucket/iris-0.1.tar.gz"], ids=["no target", "behind a URL"]
)
def test_without_a_project_there_are_none(target):
    assert samples_of(VersionSource("1", {"target": target})) == []


@pytest.mark.parametrize(
    "files",
    [
        {"requests/a.json": "{"},
        {"requests/a.json": REQUEST, "golden/b.json": "{}"},
    ],
    ids=["not JSON", "golden answer missing"],
)
def test_bad_samples_that_were_found_are_told_and_left_out(tmp_path, caplog, files):
    with caplog.at_level(logging.WARNING, logger="cpr"):
        assert of(write(tmp_path, files)) == []
    assert "cannot be used as samples" in caplog.text


def test_samples_that_are_found_are_few_and_those_named_are_all_taken(tmp_path):
    lines = "\n".join(str(number) for number in range(MOST + 5))
    write(tmp_path, {"requests/a.jsonl": lines})
    assert len(of(tmp_path)) == MOST
    assert len(of(tmp_path, str(tmp_path / "requests"))) == MOST + 5


def test_samples_that_are_named_must_be_right(tmp_path):
    write(tmp_path, {"requests/a.json": REQUEST, "bad.json": "{"})
    with pytest.raises(BadInput, match="not in JSON format"):
        of(tmp_path, str(tmp_path / "bad.json"))
    with pytest.raises(UsageError, match=r"b\.json cannot be read"):
        of(tmp_path, str(tmp_path / "b.json"))
