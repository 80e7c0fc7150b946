"""Bearer tokens: the server holds their hashes, in a file of one a line."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from cpr.errors import ConfigError, EnvironmentProblem, UsageError, shorten

_BYTES = 32  # of chance in a token: as much as its hash can hold
_LIMIT = 1_000_000
_OF_NOTHING = hashlib.sha256(b"").digest()
_LINE = re.compile(r"(?:(?P<name>[\w.@-]{1,64}):)?(?P<digest>[0-9a-fA-F]{64})(?:\s.*)?", re.ASCII)
_NAME = re.compile(r"[\w.@-]{1,64}", re.ASCII)
_HINT = "Each line is the sha256 of a token, or NAME:sha256; `cpr token` makes both."

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tokens:
    """The tokens that are accepted, as hashes; never the tokens themselves."""

    digests: tuple[bytes, ...]

    @classmethod
    def read(cls, path: Path) -> Tokens:
        """Read a token file; warn where other users of the machine may read or write it.

        A line is the sha256 of a token in hexadecimal digits, or ``NAME:sha256``;
        what follows it after a space, empty lines and lines of ``#`` are comments.

        Raises:
            ConfigError: It cannot be read, holds no hash, or a line is
                something else; the line is named, never shown: it may be a token.
        """
        try:
            mode = path.stat().st_mode
            if stat.S_ISDIR(mode):
                raise ConfigError(f"the token file {path} is a directory.", hint=_HINT)
            with path.open("rb") as file:
                data = file.read(_LIMIT + 1)
        except OSError as error:
            raise ConfigError(
                f"the token file {path} cannot be read: {error.strerror}.", hint=_HINT
            ) from error
        if len(data) > _LIMIT:
            raise ConfigError(f"the token file {path} is larger than {_LIMIT:,} bytes.", hint=_HINT)
        _warn_of_mode(path, mode)
        return cls(_parse(path, data))

    def accept(self, token: bytes) -> bool:
        """Whether a token is one of these; the time it takes tells nothing of which."""
        digest = hashlib.sha256(token).digest()
        is_accepted = False
        for known in self.digests:
            is_accepted |= hmac.compare_digest(digest, known)
        return is_accepted


def new_token(name: str = "") -> tuple[str, str]:
    """A new token, and its line for a token file.

    Raises:
        UsageError: The name cannot stand in a token file.
    """
    if name and not _NAME.fullmatch(name):
        raise UsageError(
            f"the name {shorten(name)} cannot stand in a token file.",
            hint="Use at most 64 ASCII letters, digits and the signs . _ - @.",
        )
    token = secrets.token_urlsafe(_BYTES)
    digest = hashlib.sha256(token.encode()).hexdigest()
    return token, f"{name}:{digest}" if name else digest


def append_line(path: Path, line: str) -> None:
    """Append a line to a token file; a new one only its owner may read.

    Raises:
        EnvironmentProblem: The file cannot be written.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(path, flags, 0o600), "r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - 1, 0))
            start = b"" if file.read(1) in (b"", b"\n") else b"\n"
            file.write(start + line.encode() + b"\n")
    except OSError as error:
        raise EnvironmentProblem(
            f"the token file {path} cannot be written: {error.strerror}.",
            hint="Check the path and its permissions.",
        ) from error


def _parse(path: Path, data: bytes) -> tuple[bytes, ...]:
    digests = []
    for number, line in enumerate(data.decode("utf-8", errors="replace").splitlines(), 1):
        text = line.strip("\ufeff \t\r")
        if not text or text.startswith("#"):
            continue
        match = _LINE.fullmatch(text)
        if match is None:
            raise ConfigError(f"{path}:{number} is not the hash of a token.", hint=_HINT)
        digest = bytes.fromhex(match["digest"])
        if digest == _OF_NOTHING:
            raise ConfigError(f"{path}:{number} is the hash of an empty token.", hint=_HINT)
        digests.append(digest)
    if not digests:
        raise ConfigError(f"the token file {path} holds no hash: nobody could ask.", hint=_HINT)
    return tuple(digests)


def _warn_of_mode(path: Path, mode: int) -> None:
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        logger.warning("others may write the token file %s: chmod 600 %s", path, path)
    elif mode & stat.S_IROTH:
        logger.warning("others may read the token file %s: chmod 600 %s", path, path)
