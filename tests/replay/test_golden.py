"""Golden files: what is written, what is found again, what is refused."""

import json
from pathlib import Path

import pytest

from cpr.errors import BadInput, EnvironmentProblem, UsageError
from cpr.replay.golden import with_golden, write_golden
from cpr.replay.requests import read_requests


@pytest.fixture
def folder(tmp_path):
    """Three requests in two files; the first is pretty-printed."""
    requests = tmp_path / "requests"
    requests.mkdir()
    (requests / "a.json").write_text('{\n  "instances": [1, "ä"]\n}\n', encoding="utf-8")
    (requests / "b.jsonl").write_text("2\n3\n")
    return tmp_path


def responses(*values):
    return [(200, json.dumps({"predictions": [value]}).encode()) for value in values]


def expected_of(requests):
    return [request.expected.document["predictions"][0] for request in requests]


@pytest.mark.parametrize("name", ["golden.jsonl", "golden.ndjson", "golden", "some.dir"])
def test_what_is_written_is_found_again(folder, name):
    if name == "some.dir":
        (folder / name).mkdir()
    requests = read_requests(str(folder / "requests"))
    write_golden(str(folder / name), requests, responses(10, "é", float("nan")))
    found = expected_of(with_golden(requests, str(folder / name)))
    assert found[:2] == [10, "é"]
    assert found[2] != found[2]


def test_golden_file_holds_the_requests_and_can_be_replayed(folder):
    golden = folder / "golden.jsonl"
    write_golden(str(golden), read_requests(str(folder / "requests")), responses(10, 20, 30))
    again = read_requests(str(golden))
    assert [json.loads(request.body)["instances"] for request in again] == [[1, "ä"], [2], [3]]
    assert expected_of(again) == [10, 20, 30]


def test_golden_directory_mirrors_the_request_files(folder):
    golden = folder / "golden"
    requests = read_requests(str(folder / "requests"))
    files = write_golden(str(golden), requests, responses(10, 20, 30))
    assert files == [golden / "a.json", golden / "b.jsonl"]
    assert json.loads((golden / "a.json").read_text()) == {"predictions": [10]}
    assert (golden / "b.jsonl").read_text() == '{"predictions": [20]}\n{"predictions": [30]}\n'


def test_records_are_found_by_request_whatever_their_order(folder):
    golden = folder / "golden.jsonl"
    requests = read_requests(str(folder / "requests"))
    write_golden(str(golden), requests, responses(10, 20, 30))
    assert expected_of(with_golden(requests[::-1], str(golden))) == [30, 20, 10]
    assert expected_of(with_golden(requests[1:2], str(golden))) == [20]


def test_equal_requests_take_their_records_in_order(folder):
    (folder / "same.jsonl").write_text("7\n7\n8\n7\n")
    requests = read_requests(str(folder / "same.jsonl"))
    golden = folder / "golden.jsonl"
    write_golden(str(golden), requests, responses("first", "second", "eight", "third"))
    assert expected_of(with_golden(requests, str(golden))) == ["first", "second", "eight", "third"]
    more = [*requests, requests[0]]
    assert expected_of(with_golden(more, str(golden)))[-1] == "third"


def test_responses_alone_are_found_by_position(folder):
    golden = folder / "golden.jsonl"
    golden.write_text('{"predictions": [5]}\n{"predictions": [6]}\n{"error": "no"}\n')
    found = with_golden(read_requests(str(folder / "requests")), str(golden))
    assert [request.expected.is_error for request in found] == [False, False, True]


def test_single_response_is_a_json_file(folder):
    [request] = read_requests(str(folder / "requests" / "a.json"))
    golden = str(folder / "golden.json")
    write_golden(golden, [request], responses(5))
    assert json.loads(Path(golden).read_text()) == {"predictions": [5]}
    assert expected_of(with_golden([request], golden)) == [5]


@pytest.mark.parametrize("name", ["golden.jsonl", "golden.json", "folder"])
@pytest.mark.parametrize(
    ("status", "body"),
    [(422, b'{"detail": "no"}'), (503, b"<html>"), (0, b""), (400, b'{"error": "no"}')],
    ids=["detail", "html", "none", "error"],
)
def test_error_is_found_again_as_one(folder, name, status, body):
    [request] = read_requests(str(folder / "requests" / "a.json"))
    golden = str(folder / name)
    write_golden(golden, [request], [(status, body)])
    [found] = with_golden([request], golden)
    assert found.expected.is_error


BAD = {
    "no file": (None, "golden.jsonl does not exist."),
    "too few": ('{"predictions": []}\n', "golden.jsonl holds 1 responses for 3 requests."),
    "another request": (
        '{"request": {"instances": [0]}, "response": {}}\n',
        "a.json:1.",
    ),
    "no response": ('{"request": {"instances": [1, "ä"]}}\n', "a.json:1."),
    "no JSON": ("x\n", "golden.jsonl:1: Expecting value"),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD)
def test_refuses(folder, content, message):
    golden = folder / "golden.jsonl"
    if content is not None:
        golden.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError if content is None else BadInput) as caught:
        with_golden(read_requests(str(folder / "requests")), str(golden))
    assert message in caught.value.problem
    assert caught.value.hint


def test_one_response_for_many_requests_is_refused(folder):
    requests = read_requests(str(folder / "requests"))
    with pytest.raises(UsageError, match="can hold one response, and there are 3 requests"):
        with_golden(requests, str(folder / "golden.json"))


def test_file_that_cannot_be_written_is_as_before(folder):
    requests = read_requests(str(folder / "requests"))
    (folder / "golden").mkdir()
    (folder / "golden" / "b.jsonl").mkdir()
    with pytest.raises(EnvironmentProblem, match="cannot be written"):
        write_golden(str(folder / "golden"), requests, responses(1, 2, 3))
    assert sorted(item.name for item in (folder / "golden").iterdir()) == ["a.json", "b.jsonl"]
