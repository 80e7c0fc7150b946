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


LINES = [
    {"body": '{"instances": [[1]]}', "place": "a.jsonl:1"},
    {"body": '{"instances": [[2]]}', "place": "a.jsonl:2"},
]
FAILING = {"requests/a.request.json": REQUEST, "requests/a.response.json": '{"error": "no"}'}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"requests/a.json": REQUEST}, [FOUND]),
        ({"requests/a.jsonl": "[1]\n[2]"}, LINES),
        ({"requests/a.json": REQUEST, "golden/a.json": '{"predictions": [7]}'}, [FOUND]),
        ({"requests/b.jsonl": RECORD}, [{"body": '{"instances": [3]}', "place": "b.jsonl:1"}]),
        (FAILING, []),
        ({"requests/README.md": "nothing"}, []),
        ({}, []),
    ],
    ids=["request", "instances", "golden", "record", "expected error", "no request", "none"],
)
def test_requests_of_a_project_are_its_samples_without_answers(tmp_path, files, expected):
    found = of(write(tmp_path, files))
    assert found == expected
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("files", "named", "expected"),
    [
        ({"a.json": REQUEST}, "a.json", [FOUND]),
        (
            {"requests/a.json": REQUEST, "golden/a.json": '{"predictions": [7]}'},
            "requests",
            [{**FOUND, "expected": {"predictions": [7]}}],
        ),
        (
            {"b.jsonl": RECORD},
            "b.jsonl",
            [
                {
                    "body": '{"instances": [3]}',
                    "place": "b.jsonl:1",
                    "expected": {"predictions": [4]},
                }
            ],
        ),
        (FAILING, "requests", [{"body": REQUEST, "place": "a.request.json:1", "fails": True}]),
    ],
    ids=["request", "golden", "record", "expected error"],
)
def test_samples_that_are_named_keep_their_answers(tmp_path, files, named, expected):
    write(tmp_path, files)
    assert of(tmp_path, str(tmp_path / named)) == expected


def test_a_class_in_a_file_has_the_samples_of_its_project(tmp_path):
    files = {"cpr.toml": "", "src/predictor.py": "", "requests/a.json": REQUEST}
    write(tmp_path, files)
    assert of(f"{tmp_path}/src/predictor.py:Mine") == [FOUND]


def test_a_package_brings_its_samples(tmp_path):
    files = {
        "predictor.py": "",
        "requests/a.json": REQUEST,
        "requests/deeper/b.json": REQUEST,
    }
    with tarfile.open(tmp_path / "iris-0.1.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"iris-0.1/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    assert of(tmp_path / "iris-0.1.tar.gz") == [FOUND]


@pytest.mark.parametrize("folder", ["dist", "."], ids=["in dist", "beside requests"])
def test_a_package_without_samples_has_those_of_its_project(tmp_path, folder):
    write(tmp_path, {"predictor.py": "", "requests/a.json": REQUEST})
    (tmp_path / "dist").mkdir()
    with tarfile.open(tmp_path / folder / "iris-0.1.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "predictor.py", "iris-0.1/predictor.py")
    assert of(tmp_path / folder / "iris-0.1.tar.gz") == [FOUND]


@pytest.mark.parametrize(
    "target", [None, "gs://bucket/iris-0.1.tar.gz"], ids=["no target", "behind a URL"]
)
def test_without_a_project_there_are_none(target):
    assert samples_of(VersionSource("1", {"target": target})) == []


def test_bad_samples_that_were_found_are_told_and_left_out(tmp_path, caplog):
    write(tmp_path, {"requests/a.json": "{"})
    with caplog.at_level(logging.WARNING, logger="cpr"):
        assert of(tmp_path) == []
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
