"""The head of a response, as bytes: made once a second, filled in for each answer."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

JSON = b"application/json"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_KNOWN = {status.value: status.phrase.encode() for status in HTTPStatus}


class Heads:
    """Writes response heads; `date` is kept up to date by the front's clock."""

    def __init__(self) -> None:
        self._common = b"server: cpr\r\n"
        self._starts: dict[tuple[int, bytes, str], bytes] = {}

    def set_date(self, date: str) -> None:
        """Use a new date, as HTTP writes it."""
        self._common = b"server: cpr\r\ndate: %b\r\n" % date.encode("ascii")
        self._starts.clear()

    def head(
        self,
        status: int,
        length: int,
        request_id: str,
        content_type: bytes = JSON,
        version: str = "",
        extra: bytes = b"",
    ) -> bytes:
        """The head of a response with a body of `length` bytes.

        `version` is that of the model, "" if it was not asked. `extra` are
        further header lines, each with its line end.
        """
        start = self._starts.get((status, content_type, version))
        if start is None:
            start = self._start(status, content_type, version)
        return b"%b%d\r\nx-request-id: %b\r\n%b\r\n" % (
            start,
            length,
            request_id.encode("ascii"),
            extra,
        )

    def _start(self, status: int, content_type: bytes, version: str) -> bytes:
        line = b""
        if version:
            line = b"x-model-version: %b\r\n" % version.encode("latin-1", "replace")
        start = b"HTTP/1.1 %d %b\r\n%bcontent-type: %b\r\n%bcontent-length: " % (
            status,
            _KNOWN.get(status, b"Unknown"),
            self._common,
            content_type,
            line,
        )
        self._starts[status, content_type, version] = start
        return start


def lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Header lines for `Heads.head`."""
    return b"".join(b"%b: %b\r\n" % header for header in headers)
