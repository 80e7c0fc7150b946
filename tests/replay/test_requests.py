"""Which files are requests, and what each line of them becomes."""

import json

import pytest

from cpr.errors import BadInput, UsageError
from cpr.replay.recorded import Expected
from cpr.replay.requests import read_requests


def write(folder, files):
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    return folder


def bodies(requests):
    return [json.loads(request.body) for request in requests]


def test_json_file_is_one_request_with_all_its_keys(tmp_path):
    write(tmp_path, {"a.json": '{\n"instances": {"x": 1},\n"size": 2}\n'})
    [request] = read_requests(str(tmp_path / "a.json"))
    assert json.loads(request.body) == {"instances": {"x": 1}, "size": 2}
    assert request.place == f"{tmp_path / 'a.json'}:1"


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson", ".JSONL"])
def test_lines_are_requests_or_instances(tmp_path, suffix):
    write(tmp_path, {"r" + suffix: '{"instances": [1], "k": 2}\n{"instances": []}\n'})
    write(tmp_path, {"i" + suffix: '[1, 2]\n{"x": 3}\n"text"\n'})
    assert bodies(read_requests(str(tmp_path / ("r" + suffix)))) == [
        {"instances": [1], "k": 2},
        {"instances": []},
    ]
    instances = read_requests(str(tmp_path / ("i" + suffix)))
    assert bodies(instances) == [
        {"instances": [[1, 2]]},
        {"instances": [{"x": 3}]},
        {"instances": ["text"]},
    ]
    assert [request.line for request in instances] == [1, 2, 3]


def test_directory_is_its_request_files_by_name(tmp_path):
    files = {"b.jsonl": "1\n2\n", "a.json": '{"instances": [0]}', "README.md": "#", "c.ndjson": "3"}
    requests = read_requests(str(write(tmp_path, files)))
    assert bodies(requests) == [{"instances": [n]} for n in range(4)]
    assert [request.line for request in requests] == [1, 1, 2, 1]


RECORD = {"request": {"instances": [1], "k": 2}, "response": {"predictions": [3]}, "id": "x"}


@pytest.mark.parametrize("name", ["r.json", "r.jsonl"])
def test_record_has_its_request_and_response(tmp_path, name):
    write(tmp_path, {name: json.dumps(RECORD) + "\n"})
    [request] = read_requests(str(tmp_path / name))
    assert json.loads(request.body) == {"instances": [1], "k": 2}
    assert request.expected == Expected({"predictions": [3]})
    assert request.time_s is None


def test_record_needs_no_response_and_may_be_of_another_dialect(tmp_path):
    write(tmp_path, {"r.jsonl": '{"request": {"inputs": {"x": [1]}}}\n'})
    [request] = read_requests(str(tmp_path / "r.jsonl"))
    assert (json.loads(request.body), request.expected) == ({"inputs": {"x": [1]}}, None)


def test_instance_with_the_key_request_is_no_record(tmp_path):
    write(tmp_path, {"r.jsonl": '{"request": "text"}\n{"request": {"a": 1}}\n'})
    requests = read_requests(str(tmp_path / "r.jsonl"))
    assert bodies(requests) == [
        {"instances": [{"request": "text"}]},
        {"instances": [{"request": {"a": 1}}]},
    ]


@pytest.mark.parametrize(
    ("response", "status", "is_error"),
    [
        ({"error": "no"}, 200, True),
        ({"error": None, "predictions": []}, 200, False),
        ({"detail": "no"}, 422, True),
        ([1], 200, False),
    ],
    ids=["error key", "error and predictions", "status", "list"],
)
def test_recorded_error_is_known(tmp_path, response, status, is_error):
    record = {"request": {"instances": []}, "response": response, "status": status}
    write(tmp_path, {"r.json": json.dumps(record)})
    [request] = read_requests(str(tmp_path / "r.json"))
    assert request.expected.is_error is is_error


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        (12, 12),
        (12.5, 12.5),
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01 00:01:00.250", 60.25),
        ("1970-01-01T02:00:00+02:00", 0.0),
        (None, None),
    ],
    ids=str,
)
def test_time_is_seconds_or_a_date(tmp_path, time, seconds):
    write(tmp_path, {"r.json": json.dumps({**RECORD, "time": time})})
    [request] = read_requests(str(tmp_path / "r.json"))
    assert request.time_s == seconds


def test_response_lies_beside_its_request(tmp_path):
    files = {
        "x.request.json": '{"instances": [1]}',
        "x.response.json": '{"predictions": [2]}',
        "y.request.json": '{"instances": [3]}',
        "z.response.json": '{"predictions": [4]}',
    }
    requests = read_requests(str(write(tmp_path, files)))
    assert bodies(requests) == [{"instances": [1]}, {"instances": [3]}]
    assert [request.expected for request in requests] == [Expected({"predictions": [2]}), None]


BAD = {
    "record-after-instance": (
        {"r.jsonl": '[2]\n{"request": {"instances": [1]}}\n'},
        "r.jsonl:2: this line is a record, and line 1 is an instance.",
    ),
    "time": (
        {"r.json": '{"request": {"instances": []}, "time": "noon"}'},
        "r.json:1: 'time' is 'noon'.",
    ),
    "status": (
        {"r.json": '{"request": {"instances": []}, "status": "200"}'},
        "r.json:1: 'status' is '200'.",
    ),
    "response-file": (
        {"x.request.json": '{"instances": []}', "x.response.json": "{"},
        "x.response.json:1: Expecting property name",
    ),
    "instance-after-request": (
        {"r.jsonl": '{"instances": [1]}\n[2]\n'},
        "r.jsonl:2: this line is an instance, and line 1 is a request.",
    ),
    "request-after-instance": (
        {"r.jsonl": '[2]\n[3]\n{"instances": [1]}\n'},
        "r.jsonl:3: this line is a request, and line 1 is an instance.",
    ),
    "not-json": ({"r.jsonl": "[1]\n[2\n"}, "r.jsonl:2: Expecting ',' delimiter"),
    "empty-line": ({"r.jsonl": "[1]\n\n[2]\n"}, "r.jsonl:2: this line is empty."),
    "empty-file": ({"r.jsonl": ""}, "r.jsonl: the file is empty."),
    "json-without-instances": (
        {"r.json": '{"rows": []}'},
        "r.json:1: expected an object with the key 'instances', found {'rows': []}",
    ),
    "json-holds-lines": ({"r.json": "[1]\n[2]\n"}, "r.json:2: Extra data at column 1"),
    "no-request-file": ({"notes.txt": ""}, "holds no request files (.json, .jsonl, .ndjson)"),
}


@pytest.mark.parametrize(("files", "message"), BAD.values(), ids=BAD)
def test_refuses_and_names_the_place(tmp_path, files, message):
    with pytest.raises(BadInput) as caught:
        read_requests(str(write(tmp_path, files)))
    assert message in caught.value.problem
    assert caught.value.hint


def test_file_of_another_kind_is_refused(tmp_path):
    write(tmp_path, {"rows.csv": "1,2"})
    with pytest.raises(BadInput, match=r"rows.csv is not a request file: its name ends in '.csv'"):
        read_requests(str(tmp_path / "rows.csv"))


def test_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match="nowhere cannot be read: No such file or directory"):
        read_requests("nowhere")
    with pytest.raises(UsageError, match=r"…n+ cannot be read: File name too long"):
        read_requests("n" * 300)
    with pytest.raises(UsageError, match=r"none.json cannot be read: No such file or directory"):
        read_requests(str(tmp_path / "none.json"))
