"""What a front finds wrong with the head of a request, before any body is read."""

from __future__ import annotations

from collections.abc import Sequence

import httptools

from cpr.server.options import ServeOptions

_ONCE = (
    b"host",
    b"content-length",
    b"transfer-encoding",
    b"content-type",
    b"content-encoding",
    b"authorization",
)
_VERSIONS = ("1.1", "1.0")
# The request cannot be read to its end, or nothing more is read of a stranger.
PAGE_BODY_BYTES = 65_536
_ENDS = frozenset((400, 401, 403, 408, 413, 414, 421, 431))


class Refusal(Exception):
    """A request that is not looked into.

    Args:
        status: Of the answer.
        text: For the client.
        reason: One of `cpr.observe.counters.REFUSALS`.
        headers: Further ones of the answer.
    """

    def __init__(
        self, status: int, text: str, reason: str, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.reason = reason
        self.headers = headers

    @property
    def ends_connection(self) -> bool:
        """Whether the rest of the request is not worth reading, or cannot be found."""
        return self.status in _ENDS


def check_head(
    url: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    fields: dict[bytes, bytes],
    options: ServeOptions,
    *,
    http_version: str,
    arrived_bytes: int,
) -> None:
    """Check what the parser leaves to its user.

    Args:
        url: As it stood in the request line.
        headers: All of them, in order.
        fields: The same by name; the last of each.
        options: With the limits.
        http_version: As the parser found it: 0.9 where the request line has none.
        arrived_bytes: No more than so many can be in the headers.

    Raises:
        Refusal: Another HTTP, too long, a field twice that may be there once, no Host,
            or an encoding of the transfer that is not undone.
    """
    if len(url) > options.url_bytes:
        raise Refusal(414, f"the URL is longer than {options.url_bytes} bytes.", "too_large")
    if len(headers) > options.header_count:
        raise Refusal(431, f"there are more than {options.header_count} headers.", "too_large")
    if arrived_bytes > options.header_bytes:
        size = sum(len(name) + len(value) + 4 for name, value in headers)
        if size > options.header_bytes:
            raise Refusal(
                431, f"the headers are larger than {options.header_bytes} bytes.", "too_large"
            )
    if len(fields) != len(headers):
        names = [name for name, _ in headers]
        twice = next((name for name in _ONCE if names.count(name) > 1), None)
        if twice is not None:
            raise Refusal(
                400, f"the header {twice.decode()} is there more than once.", "bad_request"
            )
    if http_version not in _VERSIONS:
        raise Refusal(400, f"this is HTTP/{http_version}; HTTP/1.1 is needed.", "bad_request")
    if http_version == "1.1" and b"host" not in fields:
        raise Refusal(400, "the request has no Host header.", "bad_request")
    coding = fields.get(b"transfer-encoding")
    if coding is not None and (coding.lower() != b"chunked" or http_version != "1.1"):
        raise Refusal(
            400, "the only Transfer-Encoding that is read is HTTP/1.1's chunked.", "bad_request"
        )


def path_of(target: bytes) -> bytes:
    """Path and query of a target that is a whole URL, as proxies are sent it; others as they are.

    Raises:
        HttpParserInvalidURLError: It is neither.
    """
    url = httptools.parse_url(target)
    if not url.schema:
        return target
    return (url.path or b"/") + (b"?" + url.query if url.query else b"")


def content_length(fields: dict[bytes, bytes]) -> int:
    """How long the body will be, as far as the head says; 0 where it says nothing.

    Raises:
        Refusal: It is not a number.
    """
    text = fields.get(b"content-length")
    if text is None:
        return 0
    if not text.isdigit() or len(text) > 18:
        raise Refusal(400, "Content-Length is not a number of bytes.", "bad_request")
    return int(text)
