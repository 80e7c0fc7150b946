"""cpr token, as a real process."""

import hashlib
import json


def digest(token):
    return hashlib.sha256(token.encode()).hexdigest()


def test_it_prints_a_token_and_its_line(cpr):
    done = cpr("token", "--name", "ci")
    token, line = (text.split(maxsplit=1)[1] for text in done.stdout.splitlines())
    assert line == f"ci:{digest(token)}"
    assert done.stderr == ""


def test_it_appends_the_line_and_prints_the_token_alone(cpr, tmp_path):
    tokens = [cpr("token", "--append", "tokens").stdout for _ in range(2)]
    lines = [digest(token.removesuffix("\n")) for token in tokens]
    assert (tmp_path / "tokens").read_text().splitlines() == lines
    assert (tmp_path / "tokens").stat().st_mode & 0o777 == 0o600


def test_it_prints_json(cpr):
    document = json.loads(cpr("token", "--name=a", "--append=tokens", "--json").stdout)
    assert (document["schema"], document["ok"]) == ("cpr.token/1", True)
    summary = document["summary"]
    assert summary["line"] == f"a:{digest(summary['token'])}"
    assert summary["file"] == "tokens"


def test_a_wrong_name_writes_nothing(cpr, tmp_path):
    done = cpr("token", "--name", "a:b", "--append", "tokens", expected=2)
    assert done.stderr.startswith("cpr: the name 'a:b' cannot stand in a token file.")
    assert not list(tmp_path.iterdir())
