"""Posts request bodies to a URL, over one connection that is kept open.

Any server that takes a JSON body will do: AI Platform's and Vertex AI's
``…:predict``, TensorFlow Serving's, `cpr serve`'s. AI Platform answered errors
with status 200 and ``{"error": …}``: that is an error here too.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import ssl
from collections.abc import Sequence
from time import monotonic
from types import TracebackType
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from cpr.errors import (
    BadInput,
    BadOutput,
    CprError,
    EnvironmentProblem,
    PredictionFailed,
    UsageError,
    shorten,
)
from cpr.replay.recorded import RecordedRequest, count_instances, is_error_document
from cpr.replay.sending import Answer

TIMEOUT_S = 60.0
_CHUNK = 1 << 16
_HEADER = re.compile(r"([!#$%&'*+.^_`|~\w-]+):[ \t]*([^\r\n\0]*)")
# What a server closes an idle connection with, just as the next request is on its way.
_STALE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class UrlEndpoint:
    """One connection to one URL; connects at once, so that a wrong address shows first.

    Args:
        url: Where bodies are posted; a user and password in it are sent as
            basic authorization.
        headers: ``Name: value`` each, such as ``Authorization: Bearer …``.
        timeout_s: The limit of each answer, from sending to its last byte.

    Raises:
        UsageError: The URL or a header is none.
        EnvironmentProblem: There is no connection.
    """

    def __init__(
        self, url: str, *, headers: Sequence[str] = (), timeout_s: float | None = None
    ) -> None:
        parts = _split(url)
        self.name = public_url(url)
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = _headers(parts, headers)
        self._timeout_s = timeout_s or TIMEOUT_S
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "", parts.port, timeout=self._timeout_s)
        try:
            self._connection.connect()
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        self._is_fresh = True

    def send(self, request: RecordedRequest) -> Answer:
        """Post one body."""
        try:
            status, body, location = self._post(request.body)
        except TimeoutError:
            self._connection.close()
            late = f"no answer from {self.name} within {self._timeout_s:g} s."
            return _none(EnvironmentProblem(late, hint="Allow more with --timeout."))
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return _none(self._unreachable(error))
        refusal = self._error_in(status, body, location)
        return Answer(status, body, 0 if refusal else count_instances(request.body), refusal)

    def __enter__(self) -> UrlEndpoint:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def _post(self, body: bytes) -> tuple[int, bytes, str]:
        """Send and read; once more on a new connection if the old one had gone stale."""
        deadline = monotonic() + self._timeout_s
        was_fresh, self._is_fresh = self._is_fresh, False
        try:
            return self._exchange(body, deadline)
        except _STALE:
            self._connection.close()
            if was_fresh:
                raise
            return self._exchange(body, deadline)

    def _exchange(self, body: bytes, deadline: float) -> tuple[int, bytes, str]:
        connection = self._connection
        if connection.sock is None:
            connection.connect()
        sock: socket.socket = connection.sock
        sock.settimeout(_left(deadline))
        connection.request("POST", self._target, body, self._headers)
        response = connection.getresponse()
        chunks = []
        sock.settimeout(_left(deadline))
        while chunk := response.read1(_CHUNK):
            chunks.append(chunk)
            sock.settimeout(_left(deadline))
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        response.close()  # the connection stays open
        return response.status, b"".join(chunks), response.getheader("Location", "")

    def _error_in(self, status: int, body: bytes, location: str) -> CprError | None:
        if status >= 300:
            return self._refusal(status, body, location)
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            said = shorten(body.decode("utf-8", "replace"))
            return BadOutput(
                f"{self.name} answered {status} with what is not JSON: {said}",
                hint="Is this the URL that predicts, such as …:predict?",
            )
        if is_error_document(document):
            return PredictionFailed(f"{self.name} answered {status}: {_said(body)}")
        return None

    def _refusal(self, status: int, body: bytes, location: str) -> CprError:
        name = http.client.responses.get(status, "")
        problem = f"{self.name} answered {f'{status} {name}'.strip()}: {_said(body)}"
        if status in (400, 413, 422):
            return BadInput(problem)
        if status >= 500:
            return PredictionFailed(problem)
        hints = {
            401: "Give the authorization with --header.",
            403: "Give the authorization with --header.",
            404: "The body is posted to this very URL; most end in :predict.",
            405: "The body is posted to this very URL; most end in :predict.",
        }
        return EnvironmentProblem(
            problem, hint=f"Give {location} itself." if location else hints.get(status, "")
        )

    def _unreachable(self, error: Exception) -> EnvironmentProblem:
        if isinstance(error, ssl.SSLCertVerificationError):
            said = f"its certificate is not accepted: {error.verify_message}"
        elif isinstance(error, TimeoutError):
            said = f"no connection within {self._timeout_s:g} s"
        elif isinstance(error, (http.client.IncompleteRead, http.client.RemoteDisconnected)):
            said = "the connection broke off before the whole answer was there"
        else:
            said = str(getattr(error, "strerror", None) or error) or type(error).__name__
        return EnvironmentProblem(
            f"{self.name} cannot be reached: {said}.",
            hint="Is the server running, and is the address right?",
        )


def public_url(url: str) -> str:
    """A URL without what may be a secret: user, password and query.

    Raises:
        UsageError: It is none.
    """
    parts = _split(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path or '/'}"


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _none(error: CprError) -> Answer:
    return Answer(0, b"", 0, error)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_good = bool(parts.hostname) and (parts.port is None or parts.port > 0)
        url.encode("ascii")
    except ValueError:
        is_good = False
    if not is_good or any(char <= " " for char in url):
        raise UsageError(
            f"{shorten(url)} is not a URL.",
            hint="Write it like http://localhost:8080/v1/models/iris:predict.",
        )
    return parts._replace(scheme=parts.scheme.lower())


def _headers(parts: SplitResult, given: Sequence[str]) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    for text in given:
        found = _HEADER.fullmatch(text.strip())
        if found is None or not found[2].isascii():
            name = text.partition(":")[0]  # the value may be a secret
            raise UsageError(
                f"the header {shorten(name)} cannot be read.",
                hint="Write it like 'Authorization: Bearer …'.",
            )
        same = [name for name in headers if name.lower() == found[1].lower()]
        for name in same:
            del headers[name]
        headers[found[1]] = found[2]
    return headers


def _said(body: bytes) -> str:
    """What an error response says, of the many forms that there are."""
    text = body.decode("utf-8", "replace").strip()
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError):
        return shorten(text, 300) if text else "no text"
    for key in ("error", "message", "detail"):
        if isinstance(document, dict) and key in document:
            document = document[key]
    return (
        document if isinstance(document, str) and len(document) <= 500 else shorten(document, 500)
    )
