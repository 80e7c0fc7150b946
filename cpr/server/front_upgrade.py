"""Requests that ask for another protocol, which is never spoken: they are read on as HTTP/1.1.

httptools takes the head of such a request for its end and loses the body.
Java's HttpClient asks for HTTP/2 so in its first request, and ``curl --http2`` too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httptools


def parser_after_head(protocol: Any, fields: Mapping[bytes, bytes]) -> httptools.HttpRequestParser:
    """A parser for the body of a request whose head was read, and for all that follows.

    Args:
        protocol: Whose methods it calls; those of a head from the next one on.
            A request without a body is completed at once.
        fields: The headers of the request.
    """
    coding, length = fields.get(b"transfer-encoding"), fields.get(b"content-length")
    line = b""
    if coding is not None:
        line = b"Transfer-Encoding: " + coding + b"\r\n"
    elif length is not None:
        line = b"Content-Length: " + length + b"\r\n"
    parser = httptools.HttpRequestParser(_AfterHead(protocol))
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    parser.feed_data(b"POST / HTTP/1.1\r\n" + line + b"\r\n")
    return parser


class _AfterHead:
    """Keeps from a protocol the head that its parser was made with."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._is_known = True
        self.on_body = protocol.on_body

    def on_message_begin(self) -> None:
        if not self._is_known:
            self._protocol.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._is_known:
            self._protocol.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_known:
            self._protocol.on_header(name, value)

    def on_headers_complete(self) -> None:
        if not self._is_known:
            self._protocol.on_headers_complete()

    def on_message_complete(self) -> None:
        self._is_known = False
        self._protocol.on_message_complete()
