"""gcloud's rules for instances files, and its messages word for word."""

import io
import json

import pytest

from cpr.cli.instances_file import InstancesFlags, parse_parameters
from cpr.errors import BadInput, UsageError

NOT_JSON = (
    'Input instances are not in JSON format. See "gcloud ai-platform predict --help" for details.'
)
EMPTY = "Empty line is not allowed in the instances file."
NONE = "No valid instance was found in input file."


@pytest.fixture
def body(tmp_path, monkeypatch):
    """Writes a file, names it by a flag, and returns the request it makes."""

    def make(flag, content, **parameters):
        raw = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "rows").write_bytes(raw)
        monkeypatch.chdir(tmp_path)
        return json.loads(flags(flag, "rows").body(parameters))

    return make


def flags(flag, path):
    names = ("json_request", "json_instances", "text_instances")
    return InstancesFlags(**{name: path if name == flag else None for name in names})


GOOD = {
    "one-a-line": ("json_instances", '[1]\n{"a": 2}\n"x"\n', [[1], {"a": 2}, "x"]),
    "no-last-newline": ("json_instances", "1\n2", [1, 2]),
    "windows-line-ends": ("json_instances", "1\r\n2\r\n", [1, 2]),
    "byte-order-mark": ("json_instances", b"\xef\xbb\xbf1\n2\n", [1, 2]),
    "more-than-100": ("json_instances", "7\n" * 101, [7] * 101),
    "text": ("text_instances", '5.1,3.5\nsaid "hi"\n', ["5.1,3.5", 'said "hi"']),
    "text-line-separator-inside": ("text_instances", "a\u2028b\n", ["a\u2028b"]),
    "text-with-spaces": ("text_instances", "  \n", ["  "]),
    "request": ("json_request", '{\n "instances": [1,\n 2]\n}\n', [1, 2]),
    "request-byte-order-mark": ("json_request", b'\xef\xbb\xbf{"instances": []}', []),
}


@pytest.mark.parametrize(("flag", "content", "instances"), GOOD.values(), ids=GOOD)
def test_reads_instances(body, flag, content, instances):
    assert body(flag, content) == {"instances": instances}


BAD = {
    "empty-file": ("json_instances", "", NONE, "rows: the file is empty."),
    "only-a-newline": ("json_instances", "\n", EMPTY, "rows:1: this line is empty."),
    "empty-line-inside": ("json_instances", "1\n\n2\n", EMPTY, "rows:2: this line is empty."),
    "two-last-newlines": ("text_instances", "a\n\n", EMPTY, "rows:2: this line is empty."),
    "not-json": (
        "json_instances",
        "[1]\n[1, 2\n",
        NOT_JSON,
        "rows:2: Expecting ',' delimiter at column 6: '[1, 2'",
    ),
    "two-values": ("json_instances", "1 2\n", NOT_JSON, "rows:1: Extra data at column 3: '1 2'"),
    "deep": ("json_instances", "[" * 200_000, NOT_JSON, "rows:1: nested too deeply."),
    "huge-number": ("json_instances", "1\n" + "9" * 5000, NOT_JSON, "rows:2: Exceeds the limit"),
    "not-utf8": (
        "text_instances",
        b"a\nb\xff\n",
        "Input instances are not in UTF-8.",
        r"rows:2: b'\xff' is not UTF-8.",
    ),
    "request-not-json": (
        "json_request",
        '{"instances":\n [1,]}',
        NOT_JSON,
        "rows:2: ",
    ),
    "request-ends-early": (
        "json_request",
        '{"instances": [1,\n 2\n\n',
        NOT_JSON,
        "rows:2: Expecting ',' delimiter at column 3: ' 2'",
    ),
    "request-has-a-second-value": (
        "json_request",
        '{"instances": [1]}\n{"instances": [2]}\n',
        NOT_JSON,
        """rows:2: Extra data at column 1: '{"instances": [2]}'""",
    ),
    "request-not-utf8": (
        "json_request",
        b'{"instances":\n\n ["\xff"]}',
        "Input instances are not in UTF-8.",
        "rows:3: ",
    ),
    "request-without-instances": (
        "json_request",
        '{"instance": [1]}',
        'Invalid JSON request: missing "instances" attribute',
        "rows:1: found {'instance': [1]}",
    ),
    "request-is-a-list": (
        "json_request",
        "[[1]]",
        'Invalid JSON request: missing "instances" attribute',
        "rows:1: found [[1]]",
    ),
    "request-instances-not-a-list": (
        "json_request",
        '{"instances": {"a": 1}}',
        'Invalid JSON request: "instances" must be a list',
        "rows:1: found {'a': 1}",
    ),
}


@pytest.mark.parametrize(("flag", "content", "gclouds", "ours"), BAD.values(), ids=BAD)
def test_refuses_with_gcloud_s_sentence_then_place_and_value(body, flag, content, gclouds, ours):
    with pytest.raises(BadInput) as caught:
        body(flag, content)
    first, second = caught.value.problem.splitlines()
    assert first == gclouds
    assert second.startswith(ours)
    assert caught.value.hint


def test_message_about_a_long_line_is_short(body):
    with pytest.raises(BadInput) as caught:
        body("json_instances", "[" + "1, " * 100_000)
    assert len(caught.value.problem) < 300


def test_missing_file_suggests_its_neighbour(tmp_path):
    (tmp_path / "rows.jsonl").write_text("1\n")
    with pytest.raises(UsageError, match=r"rows.json cannot be read: No such file") as caught:
        flags("json_instances", str(tmp_path / "rows.json")).body({})
    assert caught.value.hint == "Did you mean 'rows.jsonl'?"


def test_directory_is_not_a_file(tmp_path):
    (tmp_path / "rows.jsonl").write_text("1\n")
    with pytest.raises(UsageError, match="cannot be read: Is a directory") as caught:
        flags("json_instances", str(tmp_path)).body({})
    assert caught.value.hint == "Name a file in it: rows.jsonl."


BEYOND = {
    "nan": ("json_instances", "1\n[0, NaN]\n", "rows:2: NaN is not JSON at column 5: '[0, NaN]'"),
    "infinity": ("json_instances", "-Infinity", "rows:1: -Infinity is not JSON at column 1: "),
    "too-large": (
        "json_instances",
        "1\n2\n-1e999\n",
        "rows:3: -1e999 is too large for a number of 64 bits at column 1: '-1e999'",
    ),
    "half-a-pair": (
        "json_instances",
        '"\\ud83d\\ude00"\n"\\ud83d"\n',
        r"rows:2: \ud83d is half of a surrogate pair, which is no character at column 2: ",
    ),
    "request": (
        "json_request",
        '{"instances":\n [1,\n  NaN]}',
        "rows:3: NaN is not JSON at column 3: '  NaN]}'",
    ),
}


@pytest.mark.parametrize(("flag", "content", "said"), BEYOND.values(), ids=BEYOND)
def test_what_python_reads_and_json_forbids_is_told_apart(
    tmp_path, monkeypatch, flag, content, said
):
    (tmp_path / "rows").write_text(content)
    monkeypatch.chdir(tmp_path)
    beyond = []
    assert flags(flag, "rows").body({}, beyond=beyond)
    [fault] = beyond
    assert fault.problem.splitlines()[1].startswith(said)
    assert fault.hint == "Write null, or let it through as AI Platform did, with --strict."


def test_parameter_that_json_forbids_is_told_apart():
    beyond = []
    assert parse_parameters(["a=[1e999]", "b=1"], beyond=beyond)["b"] == 1
    [fault] = beyond
    assert fault.problem == "--param a=[1e999]: 1e999 is too large for a number of 64 bits."


def test_dash_is_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"1\n2\n")))
    assert json.loads(flags("json_instances", "-").body({})) == {"instances": [1, 2]}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"json_request": "a", "json_instances": "b"},
        dict.fromkeys("rit", "x"),
        {"json_request": ""},
    ],
    ids=["none", "two", "three", "empty-name"],
)
def test_wants_exactly_one_flag(given):
    long = {"r": "json_request", "i": "json_instances", "t": "text_instances"}
    names = {long.get(key, key): value for key, value in given.items()}
    with pytest.raises(UsageError) as caught:
        InstancesFlags(**{**dict.fromkeys(long.values()), **names}).check()
    assert caught.value.problem.startswith(
        "Exactly one of --json-request, --json-instances and --text-instances must be specified.\n"
    )


@pytest.mark.parametrize("flag", ["json_instances", "text_instances", "json_request"])
def test_parameters_stand_beside_the_instances(body, flag):
    content = '{"instances": ["1"]}' if flag == "json_request" else '"1"\n'
    request = body(flag, content, size=2, signature_name="s\u00fc\u00df")
    del request["instances"]
    assert request == {"size": 2, "signature_name": "süß"}


def test_every_key_of_a_request_is_kept_and_flags_win(body):
    content = '{"instances": [], "probabilities": true, "size": 1}'
    request = body("json_request", content, size=2)
    assert request == {"instances": [], "probabilities": True, "size": 2}


def test_numbers_keep_their_digits(tmp_path):
    (tmp_path / "rows").write_text("0.1000\n12345678901234567890123\n")
    made = flags("json_instances", str(tmp_path / "rows")).body({})
    assert made == b'{"instances": [0.1000, 12345678901234567890123]}'


def test_parses_parameters():
    pairs = ["a=1", 'b="x=y"', "c=[true, null]"]
    assert parse_parameters(pairs) == {"a": 1, "b": "x=y", "c": [True, None]}


@pytest.mark.parametrize(
    ("pairs", "problem"),
    [
        (["a"], "--param takes KEY=JSON, not 'a'."),
        (["=1"], "--param takes KEY=JSON, not '=1'."),
        (["mode=fast"], "--param mode is not JSON: 'fast'."),
        (["a=1", "a=2"], "--param cannot set 'a': it is given twice."),
        (["instances=[]"], "--param cannot set 'instances': the instances come from a file."),
    ],
    ids=["no-value", "no-key", "not-json", "twice", "instances"],
)
def test_refuses_parameters(pairs, problem):
    with pytest.raises(UsageError) as caught:
        parse_parameters(pairs)
    assert caught.value.problem == problem
    assert caught.value.hint
