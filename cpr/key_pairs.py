"""Makes a key pair to sign packages with."""

from __future__ import annotations

import os
from pathlib import Path

from cpr.errors import EnvironmentProblem, UsageError
from cpr.extras import import_extra
from cpr.signatures import PublicKey


def generate(path: Path) -> PublicKey:
    """Write a new private key to `path`, and its public half to ``PATH.pub``.

    The private key is readable by its owner only. Neither file may be there.

    Raises:
        UsageError: One of the two is there already; nothing is overwritten.
        EnvironmentProblem: They cannot be written, or the extra ``sign`` is
            not installed.
    """
    ed25519 = import_extra("cryptography.hazmat.primitives.asymmetric.ed25519", "sign")
    forms = import_extra("cryptography.hazmat.primitives.serialization", "sign")
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    public = key.public_key().public_bytes(
        forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo
    )
    public_path = Path(f"{path}.pub")
    for taken in (path, public_path):
        if taken.exists() or taken.is_symlink():
            raise UsageError(
                f"{taken} is there already; a key is never overwritten.",
                hint="Choose another name, or move it away.",
            )
    try:
        _write_new(public_path, public, 0o644)
        _write_new(path, private, 0o600)
    except OSError as error:
        raise EnvironmentProblem(
            f"the key pair {path} cannot be written: {error.strerror}"
        ) from error
    return PublicKey.read(public_path)


def _write_new(path: Path, data: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
