"""The access log: one line for each request, as JSON or as text."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from cpr.observe.answered import Answered, Stages
from cpr.observe.line_file import PENDING_BYTES, LineFile

LogFormat = Literal["json", "text"]

_LINES_AT_ONCE = 256
_LONGEST = 256  # characters of a path; all else is shorter
_REMEMBERED = 4096
_IS_PLAIN = re.compile(r"[A-Za-z0-9._:-]*").fullmatch

Requester = tuple[str, bytes, bytes, str, str, str]


class _Milliseconds(dict[int, str]):
    """Microseconds to milliseconds in digits; remembered for short times, which are many."""

    def __missing__(self, microseconds: int) -> str:
        text = f"{microseconds / 1000:.3f}"
        if microseconds < 10_000:
            self[microseconds] = text
        return text


_MS = _Milliseconds()
_WORDS = {False: "false", True: "true"}
_THOUSANDTHS = [f"{number:03d}" for number in range(1000)]


class AccessLog:
    """Writes a line for each request, for one process.

    `add` formats lines, the caller's timer calls `flush`, and a thread writes;
    see `LineFile` for what happens if the disk is slow or full. No value can
    end a line or look like another field: control characters, quotes and
    whatever is not ASCII are escaped.

    Args:
        path: The file; None for standard error.
        line_format: ``json`` or ``text``.
        pending_bytes: What may wait for the disk.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        line_format: LogFormat = "json",
        pending_bytes: int = PENDING_BYTES,
    ) -> None:
        self._file = LineFile(path, pending_bytes=pending_bytes)
        self._is_json = line_format == "json"
        self._lines: list[str] = []
        self._known: dict[Requester, str] = {}
        self._second = -1
        self._date = ""

    def add(self, answered: Iterable[Answered]) -> None:
        """Log requests, whose answers have been written; queries of their paths are cut off."""
        lines, known, is_json = self._lines, self._known, self._is_json
        shared, spent = None, ""
        # Unpacked, since to ask for a field by name costs what it does to write it.
        for (
            ended_ns, request_id, client, method, path, model, version, route, status,
            bytes_in, bytes_out, total_ns, queue_ns, stages, is_retried,
        ) in answered:  # fmt: skip
            second, rest = divmod(ended_ns, 1_000_000_000)
            if second != self._second:
                self._set_date(second)
            requester = (client, method, path, model, version, route)
            who = known.get(requester) or self._remember(requester)
            if not _IS_PLAIN(request_id):
                request_id = _escaped(request_id)
            if stages is not shared:  # the same object for a whole batch
                shared, spent = stages, self._spent(stages)
            when, ms = f"{self._date}.{_THOUSANDTHS[rest // 1_000_000]}Z", _MS[total_ns // 1000]
            queue_ms = _MS[queue_ns // 1000]
            if is_json:
                line = (
                    f'{{"time":"{when}","request_id":"{request_id}",{who}"status":{status},'
                    f'"bytes_in":{bytes_in},"bytes_out":{bytes_out},"ms":{ms},'
                    f'"queue_ms":{queue_ms},{spent}"retried":{_WORDS[is_retried]}}}\n'
                )
            else:
                line = (
                    f"{when} {status} {ms} ms {who} id={request_id} in={bytes_in} "
                    f"out={bytes_out} queue={queue_ms} {spent}{' retried' if is_retried else ''}\n"
                )
            lines.append(line)
        if len(lines) >= _LINES_AT_ONCE:
            self.flush()

    def _spent(self, stages: Stages) -> str:
        decode_ms, predict_ms, encode_ms = (_MS[ns // 1000] for ns in stages[:3])
        if self._is_json:
            return (
                f'"decode_ms":{decode_ms},"predict_ms":{predict_ms},"encode_ms":{encode_ms},'
                f'"instances":{stages.instances},"batch_size":{stages.batch_size},'
            )
        return (
            f"decode={decode_ms} predict={predict_ms} encode={encode_ms} "
            f"instances={stages.instances} batch={stages.batch_size}"
        )

    def _set_date(self, second: int) -> None:
        self._second = second
        self._date = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))

    def flush(self) -> None:
        """Hand the lines so far to the disk; returns at once. Call it every second or so."""
        if self._lines:
            self._file.write("".join(self._lines).encode("ascii"))
            self._lines.clear()

    def reopen(self) -> None:
        """Open the file by its name again: logrotate has renamed the old one."""
        self.flush()
        self._file.reopen()

    def take_dropped(self) -> int:
        """How many lines were lost since this was last asked."""
        return self._file.take_dropped()

    def close(self, timeout_s: float = 2.0) -> bool:
        """Flush, and wait for the disk; False if it took longer than `timeout_s`."""
        self.flush()
        return self._file.close(timeout_s)

    def _remember(self, requester: Requester) -> str:
        """The part of a line that says who asked whom for what: the same again and again."""
        client, method, path, model, version, route = requester
        values = {
            "client": client,
            "method": _decoded(method),
            "path": _decoded(path.partition(b"?")[0]),
            "model": model,
            "version": version,
            "route": route,
        }
        safe = {name: _escaped(_cut(value)) for name, value in values.items()}
        if self._is_json:
            text = "".join(f'"{name}":"{value}",' for name, value in safe.items())
        else:
            text = (
                f'{safe["client"]} "{safe["method"]} {safe["path"]}" '
                f'model="{safe["model"]}" version="{safe["version"]}" route={safe["route"]}'
            )
        if len(path) <= _LONGEST:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[requester] = text
        return text


def _decoded(raw: bytes) -> str:
    # Cut before it is decoded: a path may be long, and nobody reads all of it.
    return raw[: 4 * _LONGEST].decode("utf-8", "backslashreplace")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _escaped(text: str) -> str:
    # DEL is no control character to JSON, but is one to a terminal.
    return json.dumps(text)[1:-1].replace("\x7f", "\\u007f")
