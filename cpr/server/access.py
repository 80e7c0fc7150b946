"""Who may ask: the Host, Origin and Authorization headers of a request.

The names that a server on a loopback address answers to are fixed, so that no
page of the web can reach it through a name of its own (DNS rebinding); pages
of other origins are refused, so that none can use the rights of whoever looks
at it.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cpr.errors import ConfigError, shorten
from cpr.server.tokens import Tokens

if TYPE_CHECKING:
    from cpr.server.options import ServeOptions

HEALTH_PATHS = ("/healthz", "/readyz", "/_ah/health")
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")

_REMEMBERED = 1024
_AUTHORITY = re.compile(rb"([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{0,5})?")
_ALLOWED_NAME = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]|\*")
_ORIGIN = re.compile(rb"https?://(\S+)")
_SAFE = (b"GET", b"HEAD")

# The values of Host, Origin and Authorization; None where there is none.
_Claims = tuple[bytes | None, bytes | None, bytes | None]


@dataclass(frozen=True, slots=True)
class Denied:
    """The answer to a request that may not be asked."""

    status: int
    text: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


_WRONG_HOST = "this server does not answer to the name in the Host header"
_WRONG_ORIGIN = "pages of another origin may not use this server"
_NO_TOKEN = "a valid bearer token is needed"  # noqa: S105
# httplib2, which Google's clients use, fails on a scheme without a realm.
_BEARER = ((b"www-authenticate", b'Bearer realm="cpr"'),)
# A browser asks for a password then: the token, under any user name.
_BEARER_OR_BASIC = (*_BEARER, (b"www-authenticate", b'Basic realm="cpr"'))


class Access:
    """Decides, by its headers, whether a request is answered.

    One a front process, called from its one thread. Verdicts are remembered by
    the three header values, so that the usual request costs a lookup.

    Args:
        host: The address that the server is bound to.
        allow_hosts: Further names that it answers to, ``*.example.com`` for
            all below one, ``*`` for any. On another address than loopback
            every name is answered to unless some are given.
        token_file: Hashes of the tokens of which a request needs one, "" for none.
        open_paths: Paths that are answered whoever asks, and under whatever name.

    Raises:
        ConfigError: The token file or a name is wrong.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        allow_hosts: Iterable[str] = (),
        token_file: str = "",
        open_paths: Iterable[str] = HEALTH_PATHS,
    ) -> None:
        given = [_allowed_name(name) for name in allow_hosts]
        is_open = b"*" in given or (not given and not _is_loopback(host))
        self._own_names = frozenset(name for name in given if b"*" not in name)
        self._suffixes = tuple(name[1:] for name in given if name.startswith(b"*."))
        fixed = (*LOOPBACK_NAMES, _bracketed(host))
        self._names = None if is_open else self._own_names | {name.encode() for name in fixed}
        self._open_paths = frozenset(path.encode() for path in open_paths)
        self._token_file = token_file
        self._tokens = Tokens.read(Path(token_file)) if token_file else None
        self._accepted: set[_Claims] = set()

    @classmethod
    def from_options(cls, options: ServeOptions) -> Access:
        """What the options of a server say about who may ask."""
        health = (options.aip_health_route,) if options.aip_health_route else ()
        return cls(
            host=options.host,
            allow_hosts=options.allow_hosts,
            token_file=options.token_file,
            open_paths=(*HEALTH_PATHS, *health),
        )

    def check(
        self, method: bytes, path: bytes, headers: Iterable[tuple[bytes, bytes]]
    ) -> Denied | None:
        """Why a request is refused, or None.

        Args:
            method: Of the request, in capitals.
            path: Its target as it came; a query may follow the path.
            headers: With names in lower case. That there is one Host is
                checked by the caller, who knows the version of HTTP; where
                none is needed, no browser asks, and no name is missed.
        """
        host = origin = authorization = None
        for name, value in headers:
            if name == b"host":
                host = value
            elif name == b"origin":
                origin = value if origin is None else b""
            elif name == b"authorization":
                authorization = value if authorization is None else b""
        claims = (host, origin, authorization)
        if claims in self._accepted:
            return None
        return self._judge(method, path, claims)

    def reload(self) -> None:
        """Read the token file again; what it no longer holds is refused from then on.

        Raises:
            ConfigError: It is wrong now. The tokens of before stay accepted.
        """
        if self._token_file:
            self._tokens = Tokens.read(Path(self._token_file))
            self._accepted.clear()

    def _judge(self, method: bytes, path: bytes, claims: _Claims) -> Denied | None:
        target, _, query = path.partition(b"?")
        if target in self._open_paths and b"verbose" not in query:
            return None
        host, origin, authorization = claims
        if self._names is not None and host is not None and not self._answers_to(host):
            return Denied(421, _WRONG_HOST)
        if origin is not None and not self._is_own_origin(origin, host):
            return Denied(403, _WRONG_ORIGIN)
        if self._tokens is not None and not self._tokens.accept(_token_of(authorization)):
            return Denied(401, _NO_TOKEN, _BEARER_OR_BASIC if method in _SAFE else _BEARER)
        if len(self._accepted) >= _REMEMBERED:
            self._accepted.clear()
        self._accepted.add(claims)
        return None

    def _answers_to(self, host: bytes) -> bool:
        name = _name_of(host)
        return name in (self._names or ()) or (name != b"" and name.endswith(self._suffixes))

    def _is_own_origin(self, origin: bytes, host: bytes | None) -> bool:
        match = _ORIGIN.fullmatch(origin.lower())
        if match is None:
            return False
        name = _name_of(match[1])
        # Behind a proxy, Host may be another name than the page's.
        is_public = name in self._own_names or name.endswith(self._suffixes)
        return name != b"" and (is_public or match[1] == (host or b"").lower())


def _token_of(authorization: bytes | None) -> bytes:
    scheme, _, value = (authorization or b"").strip().partition(b" ")
    if scheme.lower() == b"bearer":
        return value.strip()
    if scheme.lower() == b"basic":
        try:
            return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
        except binascii.Error:
            return b""
    return b""


def _name_of(authority: bytes) -> bytes:
    match = _AUTHORITY.fullmatch(authority.lower())
    return b"" if match is None else match[1].removesuffix(b".")


def _allowed_name(name: str) -> bytes:
    text = _bracketed(name.strip().lower().removesuffix("."))
    if not _ALLOWED_NAME.fullmatch(text):
        raise ConfigError(
            f"the allowed host {shorten(name)} is not a name of a host.",
            hint="Write names without scheme, port and path, such as models.example.com, "
            "or *.example.com.",
        )
    return text.encode()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
