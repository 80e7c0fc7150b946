"""The canary: the requests that a new version answers before anybody's go to it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cpr.errors import BadOutput, CprError, LoadError, UserCodeError, shorten
from cpr.isolated.ending import last_line
from cpr.replay.compare import Comparer
from cpr.replay.mismatch_table import show_value
from cpr.replay.results import Mismatch
from cpr.replay.run import read_response
from cpr.replay.tolerance import make_tolerance
from cpr.server.frames import DIALECT_NUMBERS, REPLY_SIZE, pack_request, unpack_reply
from cpr.server.progress import make_page
from cpr.server.served_version import ServedVersion
from cpr.server.workers import Worker

# The front's number on a channel of the supervisor's own: no front has it.
_NO_FRONT = 0
_MOST = 20


@dataclass(frozen=True)
class _Answer:
    status: int
    document: Any


async def try_out(
    version: ServedVersion, running: ServedVersion | None, *, timeout_s: float
) -> None:
    """Send a version its sample requests; where there are none, being ready is enough.

    Args:
        version: Loaded, and sent nothing yet.
        running: What is served now: the number of predictions is only held
            against a version if this one gets it right.
        timeout_s: The limit of each answer.

    Raises:
        CprError: An answer is an error, is not the golden one, or does not
            have a prediction for each instance; or there was none.
    """
    worker = next(iter(version.ready.values()), None)
    if worker is None:
        raise UserCodeError(version.problem or "the process ended before the first request.")
    for sample in version.samples[:_MOST]:
        answer = await _ask(worker, sample["body"], timeout_s)
        _check_status(answer, sample)
        _check_golden(answer, sample)
        if _has_wrong_count(answer, sample) and not await _is_usual(running, sample, timeout_s):
            given, found = _counts(answer, sample)
            raise BadOutput(
                f"{found} predictions came back for the {given} instances of {sample['place']}.",
                hint="Return one prediction for each instance, in order.",
            )


async def _is_usual(
    running: ServedVersion | None, sample: Mapping[str, Any], timeout_s: float
) -> bool:
    """Whether the running version gives a wrong number of predictions too."""
    worker = next(iter(running.ready.values()), None) if running is not None else None
    if worker is None:
        return False
    try:
        answer = await _ask(worker, sample["body"], timeout_s)
    except CprError:
        return False
    return _has_wrong_count(answer, sample)


def _check_status(answer: _Answer, sample: Mapping[str, Any]) -> None:
    if (answer.status != 200) == bool(sample.get("fails")):
        return
    if sample.get("fails"):
        raise BadOutput(
            f"{sample['place']} was answered, and an error is recorded for it.",
            hint="Record its answer anew if that is right.",
        )
    said = answer.document.get("error") if isinstance(answer.document, dict) else answer.document
    raise LoadError(
        f"{sample['place']} was answered with status {answer.status}: {shorten(said, 300)}"
    )


def _check_golden(answer: _Answer, sample: Mapping[str, Any]) -> None:
    if "expected" not in sample:
        return
    compared = Comparer(make_tolerance()).compare(sample["expected"], answer.document)
    if compared.mismatches:
        worst: Mismatch = compared.worst_first()[0]
        raise BadOutput(
            f"{sample['place']} has another answer than the recorded one: {worst.path} is "
            f"{show_value(worst.actual)}, expected {show_value(worst.expected)} "
            f"({len(compared.mismatches)} of {compared.values} values differ).",
            hint="If the new answers are right, record them: cpr replay --update.",
        )


def _has_wrong_count(answer: _Answer, sample: Mapping[str, Any]) -> bool:
    given, found = _counts(answer, sample)
    return given is not None and found is not None and given != found


def _counts(answer: _Answer, sample: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """How many instances there were, and how many predictions; None for what is no list."""
    return _length(json.loads(sample["body"]), "instances"), _length(answer.document, "predictions")


def _length(document: Any, key: str) -> int | None:
    value = document.get(key) if isinstance(document, dict) else None
    return len(value) if isinstance(value, list) else None


async def _ask(worker: Worker, body: str, timeout_s: float) -> _Answer:
    """Send one request over a channel of its own."""
    ours, theirs = socket.socketpair()
    page = make_page()
    try:
        channel = {"do": "channel", "front": _NO_FRONT}
        worker.child.send(channel, [theirs.fileno(), page])
    finally:
        theirs.close()
        os.close(page)
    reader, writer = await asyncio.open_connection(sock=ours)
    try:
        content = body.encode()
        dialect = DIALECT_NUMBERS["aiplatform"]
        writer.write(pack_request(len(content), 1, 0, dialect, 0, 0, 0) + content)
        return await asyncio.wait_for(_read(reader), timeout_s or None)
    except (asyncio.IncompleteReadError, OSError):
        await worker.child.wait()
        raise worker.child.explain("answering a sample request") from None
    except asyncio.TimeoutError:
        worker.hang(timeout_s)
        await worker.child.wait()
        raise UserCodeError(
            f"a sample request was not answered in {timeout_s:g} s; the process was killed.",
            hint=last_line(worker.child.tail),
        ) from None
    finally:
        writer.close()


async def _read(reader: asyncio.StreamReader) -> _Answer:
    length, _, status, type_length, *_ = unpack_reply(await reader.readexactly(REPLY_SIZE))
    await reader.readexactly(type_length)
    body = await reader.readexactly(length)
    try:
        return _Answer(status, read_response(body))
    except ValueError:
        return _Answer(status, body.decode("utf-8", "replace"))
