"""The log of a server process, read back as people and machines read it."""

import io
import json
import logging
import re
import subprocess
import sys
import textwrap
import warnings

import pytest

from cpr.errors import BadOutput, UserCodeError
from cpr.observe.server_log import RepeatFilter, configure_logging, log_failure
from cpr.user_errors import explained

logger = logging.getLogger("cpr.somewhere")


@pytest.fixture
def stream():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    logging.captureWarnings(False)
    root.handlers[:], root.level = handlers, level


def entries(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def failure():
    try:
        {}["petal\nx"]
    except KeyError as error:
        return explained(UserCodeError, "predict raised KeyError: 'petal'", error)


def test_a_text_line_says_when_who_and_what(stream):
    configure_logging("worker-iris-2-0", stream=stream)
    logger.warning("version %s is slow", 2, extra={"request_id": "r-1", "model": "iris"})
    (line,) = stream.getvalue().splitlines()
    when, _, rest = line.partition(" ")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", when)
    rest = re.sub(r"\[\d+\]", "[1]", rest)
    assert rest == (
        "WARNING worker-iris-2-0 [1] cpr.somewhere request_id=r-1 model=iris: version 2 is slow"
    )


def test_a_json_line_holds_the_same(stream):
    configure_logging("front-0", line_format="json", stream=stream)
    logger.warning("slow", extra={"request_id": "r-1", "version": "2"})
    (entry,) = entries(stream)
    assert re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{3}Z", entry.pop("time"))
    assert isinstance(entry.pop("pid"), int)
    assert entry == {
        "level": "warning",
        "role": "front-0",
        "logger": "cpr.somewhere",
        "request_id": "r-1",
        "version": "2",
        "message": "slow",
    }


@pytest.mark.parametrize(
    ("level", "written"),
    [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)],
)
def test_less_important_records_are_left_out(stream, level, written):
    configure_logging("front-0", line_format="json", level=level, stream=stream)
    for said in (logger.debug, logger.info, logger.warning, logger.error):
        said("something")
    assert len(entries(stream)) == written


def test_a_failure_of_user_code_shows_the_user_their_own_frames(stream):
    configure_logging("worker-iris-2-0", line_format="json", stream=stream)
    log_failure(logger, failure(), request_id="r-7", model="iris", version="2")
    (entry,) = entries(stream)
    assert (entry["request_id"], entry["model"], entry["version"]) == ("r-7", "iris", "2")
    assert entry["level"] == "error"
    assert entry["error"] == "UserCodeError"
    assert entry["message"].startswith("predict raised KeyError: 'petal'\n")
    assert '{}["petal\\nx"]' in entry["traceback"]
    assert "UserCodeError" not in entry["traceback"]


def test_an_error_without_frames_has_no_traceback(stream):
    configure_logging("worker-iris-2-0", line_format="json", stream=stream)
    log_failure(logger, BadOutput("predict returned a generator"))
    (entry,) = entries(stream)
    assert entry["message"] == "predict returned a generator"
    assert "traceback" not in entry
    assert "request_id" not in entry


def test_a_bug_of_ours_is_logged_whole(stream):
    configure_logging("front-0", stream=stream)
    try:
        raise RuntimeError("a bug")
    except RuntimeError:
        logger.exception("lost")
    first, *rest = stream.getvalue().splitlines()
    assert first.endswith("cpr.somewhere: lost")
    assert rest[0] == "    Traceback (most recent call last):"
    assert rest[-1] == "    RuntimeError: a bug"


HOSTILE = "a\n2026-01-01T00:00:00.000Z ERROR forged\x1b[31m\r\x00\x7f\x85\u2028b"


def test_text_cannot_be_forged_by_what_is_logged(stream):
    configure_logging("front-0", stream=stream)
    logger.error("seen: %s", HOSTILE, extra={"request_id": HOSTILE})
    first, *rest = stream.getvalue().split("\n")[:-1]
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028]", first + "".join(rest))
    assert all(line.startswith("    ") for line in rest)


def test_json_cannot_be_forged_by_what_is_logged(stream):
    configure_logging("front-0", line_format="json", stream=stream)
    logger.error("seen: %s", HOSTILE, extra={"request_id": HOSTILE})
    assert stream.getvalue().count("\n") == 1
    (entry,) = entries(stream)
    assert entry["message"] == f"seen: {HOSTILE}"


def test_warnings_of_python_are_logged(stream):
    configure_logging("worker-iris-2-0", line_format="json", stream=stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("an old model", UserWarning, stacklevel=1)
        logging.captureWarnings(False)
    (entry,) = entries(stream)
    assert entry["logger"] == "py.warnings"
    assert "UserWarning: an old model" in entry["message"]


def test_what_user_code_logs_is_written_the_same_way():
    code = """
        import logging
        from cpr.observe.server_log import configure_logging
        configure_logging("worker-iris-2-0", line_format="json", level="info")
        logging.basicConfig(level="DEBUG", format="mine: %(message)s")
        logging.getLogger("predictor").info("loaded")
        logging.getLogger("predictor").debug("too much")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["message"] == "loaded"


def record(second, lineno=1, name="cpr.somewhere"):
    made = logging.LogRecord(name, logging.ERROR, "file.py", lineno, "failed", (), None)
    made.created = float(second)
    return made


def test_the_same_line_is_not_written_endlessly():
    repeated = RepeatFilter(at_most=3)
    assert [repeated.filter(record(100)) for _ in range(5)] == [True] * 3 + [False] * 2
    assert repeated.filter(record(100, lineno=2))
    later = record(101)
    assert repeated.filter(later)
    assert later.left_out == 2
    again = record(101)
    assert repeated.filter(again)
    assert not hasattr(again, "left_out")


def test_what_user_code_logs_is_never_left_out():
    repeated = RepeatFilter(at_most=3)
    assert all(repeated.filter(record(100, name="predictor")) for _ in range(100))


def test_the_next_line_says_how_many_were_left_out(stream):
    configure_logging("front-0", line_format="json", stream=stream)
    later = record(101)
    later.left_out = 7
    logging.getLogger().handlers[0].emit(later)
    assert entries(stream)[0]["message"] == "failed (and 7 more like the last from here)"
