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
        self._starts: dict[int, bytes] = {}

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
        *,
        is_last: bool = False,
        extra: bytes = b"",
    ) -> bytes:
        """The head of a response with a body of `length` bytes.

        `extra` are further header lines, each with its line end; `is_last`
        says that the connection is closed after it.
        """
        start = self._starts.get(status)
        if start is None:
            phrase = _KNOWN.get(status, b"Unknown")
            start = b"HTTP/1.1 %d %b\r\n%bcontent-type: " % (status, phrase, self._common)
            self._starts[status] = start
        return b"%b%b\r\ncontent-length: %d\r\nx-request-id: %b\r\n%b%b\r\n" % (
            start,
            content_type or JSON,
            length,
            request_id.encode("latin-1"),
            extra,
            b"connection: close\r\n" if is_last else b"",
        )


def lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Header lines for `Heads.head`."""
    return b"".join(b"%b: %b\r\n" % header for header in headers)
