"""Signatures: proof of who made a file, in a second file beside it.

``FILE.sig`` is canonical JSON. Ed25519 signs ``cpr.signature/1``, a zero byte,
and the 32 bytes of the file's sha256. The keys are PEM files, as openssl
writes them too. A signature is read and checked against the very bytes that
are used afterwards, before anything is made of them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import logging
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpr.errors import EnvironmentProblem, PackageRefused, UsageError, shorten
from cpr.extras import import_extra

SUFFIX = ".sig"
SCHEMA = "cpr.signature/1"

_KEYS = ("schema", "algorithm", "key_id", "sha256", "signature")
_LIMIT = 4096
_CLOSED = 0o077  # what others may do with a private key: nothing

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PublicKey:
    """The key that signatures are checked with.

    Attributes:
        path: Where it was read from.
        id: The first 16 hexadecimal digits of the sha256 of its 32 bytes.
    """

    path: Path
    id: str
    _raw: bytes

    @classmethod
    def read(cls, path: Path) -> PublicKey:
        """Read a public key from a PEM file.

        Raises:
            UsageError: There is none, or it is of another kind.
            EnvironmentProblem: The extra ``sign`` is not installed.
        """
        data = _read_key(path)
        if b"PRIVATE KEY" in data:
            raise UsageError(
                f"{path} holds a private key; signatures are checked with the public one.",
                hint=f"Give its public half, such as {path}.pub, and keep {path} to yourself.",
            )
        serialization = import_extra("cryptography.hazmat.primitives.serialization", "sign")
        try:
            key = serialization.load_pem_public_key(data)
        except (ValueError, TypeError, _unsupported()) as error:
            raise _no_key(path, "public") from error
        return cls(path, *_identity(key, path, "public"))

    def check(self, file: Path, data: bytes) -> None:
        """Hold the bytes of a file against its signature.

        Raises:
            PackageRefused: It has no signature, one of another key, or one of
                other bytes.
        """
        signature = Path(f"{file}{SUFFIX}")
        document = _parse(_read_signature(file, signature), signature)
        if document["key_id"] != self.id:
            raise _refused(file, f"it is signed by the key {document['key_id']}, not by {self.id}")
        digest = hashlib.sha256(data)
        if document["sha256"] != digest.hexdigest():
            raise _refused(file, "it is not the file that was signed; one of the two was changed")
        ed25519 = import_extra("cryptography.hazmat.primitives.asymmetric.ed25519", "sign")
        wrong = import_extra("cryptography.exceptions", "sign").InvalidSignature
        try:
            key = ed25519.Ed25519PublicKey.from_public_bytes(self._raw)
            key.verify(_unbase64(document["signature"]), _message(digest.digest()))
        except (wrong, ValueError) as error:
            raise _refused(file, f"{signature} is no signature of the key {self.id}") from error


@dataclass(frozen=True)
class SigningKey:
    """The private key that makes signatures; `public` checks them."""

    public: PublicKey
    _key: Any

    @classmethod
    def read(cls, path: Path) -> SigningKey:
        """Read a private key from a PEM file.

        Raises:
            UsageError: There is none, it is of another kind, or needs a password.
            EnvironmentProblem: The extra ``sign`` is not installed.
        """
        data = _read_key(path)
        serialization = import_extra("cryptography.hazmat.primitives.serialization", "sign")
        try:
            key = serialization.load_pem_private_key(data, password=None)
        except TypeError as error:
            raise UsageError(
                f"{path} is protected by a password, which cpr does not ask for.",
                hint="Decrypt it to a file of its own: openssl pkey -in KEY -out KEY.open",
            ) from error
        except (ValueError, _unsupported()) as error:
            raise _no_key(path, "private") from error
        if path.stat().st_mode & _CLOSED:
            logger.warning("the private key %s is open to others: chmod 600 %s", path, path)
        public = getattr(key, "public_key", lambda: None)()
        return cls(PublicKey(path, *_identity(public, path, "private")), key)

    def sign(self, data: bytes) -> bytes:
        """The content of the ``.sig`` file for a file of these bytes."""
        digest = hashlib.sha256(data)
        return _canonical(
            {
                "schema": SCHEMA,
                "algorithm": "ed25519",
                "key_id": self.public.id,
                "sha256": digest.hexdigest(),
                "signature": base64.b64encode(self._key.sign(_message(digest.digest()))).decode(),
            }
        )


def _message(digest: bytes) -> bytes:
    return SCHEMA.encode() + b"\0" + digest


def _canonical(document: Mapping[str, str]) -> bytes:
    return json.dumps(document, indent=1).encode("ascii") + b"\n"


def _identity(key: Any, path: Path, kind: str) -> tuple[str, bytes]:
    ed25519 = import_extra("cryptography.hazmat.primitives.asymmetric.ed25519", "sign")
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise _no_key(path, kind)
    raw: bytes = key.public_bytes_raw()
    return hashlib.sha256(raw).hexdigest()[:16], raw


def _unsupported() -> type[Exception]:
    error: type[Exception] = import_extra("cryptography.exceptions", "sign").UnsupportedAlgorithm
    return error


def _no_key(path: Path, kind: str) -> UsageError:
    return UsageError(
        f"{path} holds no {kind} Ed25519 key in PEM form.", hint="Make a pair: cpr key PATH"
    )


def _read_key(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LIMIT * 4)
    except OSError as error:
        raise UsageError(
            f"the key {path} cannot be read: {error.strerror}.", hint="Make a pair: cpr key PATH"
        ) from error


def _read_signature(file: Path, signature: Path) -> bytes:
    """The bytes of a ``.sig`` file; only of a regular file, not through a link."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(signature, flags)
    except FileNotFoundError as error:
        raise _refused(file, f"it has no signature: {signature} is not there") from error
    except OSError as error:
        if signature.is_symlink():
            raise _refused(file, f"{signature} is a link, which is not followed") from error
        raise EnvironmentProblem(f"{signature} cannot be read: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _refused(file, f"{signature} is no regular file")
        return stream.read(_LIMIT + 1)


def _parse(data: bytes, signature: Path) -> dict[str, str]:
    """A signature's fields; every byte must be as `SigningKey.sign` wrote it."""
    damaged = PackageRefused(
        f"{signature} is no signature of the schema {SCHEMA!r}, or is damaged.",
        hint="Get the signature again; nothing was unpacked.",
    )
    try:
        document = json.loads(data[:_LIMIT].decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise damaged from error
    if not isinstance(document, dict) or tuple(document) != _KEYS:
        raise damaged
    if not all(isinstance(value, str) for value in document.values()):
        raise damaged
    if document["schema"] != SCHEMA or document["algorithm"] != "ed25519":
        kind = f"{document['algorithm']} signature of the schema {document['schema']}"
        raise PackageRefused(
            f"{signature} is {shorten(kind)}; this version of cpr reads ed25519 in {SCHEMA!r}.",
            hint="It may come from a newer cpr: pip install --upgrade cpr",
        )
    if _canonical(document) != data:
        raise damaged
    return document


def _unbase64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
    if base64.b64encode(data).decode() != text:
        raise ValueError("no canonical base64")
    return data


def _refused(file: Path, reason: str) -> PackageRefused:
    return PackageRefused(
        f"the package {file} is refused: {reason}.",
        hint="Get the file and its signature again from who made them; nothing was unpacked.",
    )
