"""Token files: what a line may be, and what is said of a wrong one."""

import hashlib
import logging

import pytest

from cpr.errors import ConfigError, EnvironmentProblem, UsageError
from cpr.server.tokens import Tokens, append_line, new_token

DIGEST = hashlib.sha256(b"open sesame").hexdigest()


@pytest.fixture
def write(tmp_path):
    def write(text, mode=0o600):
        path = tmp_path / "tokens"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path

    return write


@pytest.mark.parametrize(
    "text",
    [
        DIGEST,
        f"{DIGEST}\n",
        f"ci:{DIGEST}\n",
        f"ada@example.com:{DIGEST.upper()}",
        f"# who: what for\n\n  {DIGEST}  \r\n",
        f"{DIGEST}  -\n",
        f"{DIGEST} # made in May",
        f"\ufeff{DIGEST}\n",
        f"{'0' * 64}\n{DIGEST}\n{'1' * 64}\n",
    ],
    ids=[
        "bare", "line", "named", "capitals", "comments and spaces", "as sha256sum writes",
        "comment behind", "byte order mark", "several",
    ],
)  # fmt: skip
def test_a_token_is_accepted_by_its_hash(write, text):
    tokens = Tokens.read(write(text))
    assert tokens.accept(b"open sesame")
    assert not tokens.accept(b"open sesam")
    assert not tokens.accept(b"")
    assert not tokens.accept(DIGEST.encode())


@pytest.mark.parametrize(
    "line",
    ["open sesame", DIGEST[:-1], f"{DIGEST}0", f"a b:{DIGEST}", f":{DIGEST}", "ſ" * 64, "\0" * 64],
    ids=["the token itself", "short", "long", "space in name", "no name", "letters", "zeros"],
)
def test_a_wrong_line_is_named_and_never_shown(write, line):
    path = write(f"# first\n{line}\n{DIGEST}\n")
    with pytest.raises(ConfigError) as failure:
        Tokens.read(path)
    assert str(failure.value) == (
        f"{path}:2 is not the hash of a token.\n"
        "Each line is the sha256 of a token, or NAME:sha256; `cpr token` makes both."
    )


def test_the_hash_of_nothing_is_refused(write):
    path = write(hashlib.sha256(b"").hexdigest())
    with pytest.raises(ConfigError, match=":1 is the hash of an empty token"):
        Tokens.read(path)


@pytest.mark.parametrize("text", ["", "\n\n", "# none yet\n"], ids=["empty", "blank", "comment"])
def test_a_file_without_hashes_is_refused(write, text):
    with pytest.raises(ConfigError, match="holds no hash: nobody could ask"):
        Tokens.read(write(text))


def test_a_missing_file_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot be read: No such file.*\n.*`cpr token`"):
        Tokens.read(tmp_path / "none")


def test_a_directory_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="is a directory"):
        Tokens.read(tmp_path)


def test_a_huge_file_is_refused(write):
    with pytest.raises(ConfigError, match="is larger than 1,000,000 bytes"):
        Tokens.read(write(f"{DIGEST}\n" * 20_000))


@pytest.mark.parametrize(
    ("mode", "warnings"),
    [
        (0o600, []),
        (0o640, []),
        (0o644, ["others may read the token file"]),
        (0o660, ["others may write the token file"]),
        (0o666, ["others may write the token file"]),
    ],
    ids=["600", "640", "644", "660", "666"],
)
def test_a_file_that_is_open_to_others_is_warned_about(write, mode, warnings, caplog):
    with caplog.at_level(logging.WARNING):
        path = write(DIGEST, mode)
        Tokens.read(path)
    assert caplog.messages == [f"{text} {path}: chmod 600 {path}" for text in warnings]


@pytest.mark.parametrize("name", ["", "ci", "ada@example.com"])
def test_a_new_token_is_accepted_by_the_line_made_for_it(write, name):
    token, line = new_token(name)
    assert len(token) == 43
    assert line.startswith(f"{name}:" if name else "")
    assert Tokens.read(write(line)).accept(token.encode())


def test_new_tokens_differ():
    assert len({new_token()[0] for _ in range(100)}) == 100


@pytest.mark.parametrize("name", ["a:b", "a b", "a\nb", "x" * 65, "é"], ids=ascii)
def test_a_name_that_cannot_stand_in_the_file_is_refused(name):
    with pytest.raises(UsageError, match="cannot stand in a token file"):
        new_token(name)


def test_a_line_is_appended_to_a_file_that_only_its_owner_may_read(tmp_path):
    path = tmp_path / "tokens"
    first, second = new_token("first"), new_token()
    append_line(path, first[1])
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text(path.read_text().rstrip("\n"))
    append_line(path, second[1])
    assert path.read_text() == f"{first[1]}\n{second[1]}\n"
    assert all(Tokens.read(path).accept(token.encode()) for token, _ in (first, second))


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(EnvironmentProblem, match="cannot be written: Is a directory"):
        append_line(tmp_path, "x")
