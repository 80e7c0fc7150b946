"""TLS: what the fronts encrypt with, and whose certificates they ask for."""

from __future__ import annotations

import logging
import ssl
import stat
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from cpr.errors import ConfigError

if TYPE_CHECKING:
    from cpr.server.options import ServeOptions

_PEM_HINT = "It must be PEM, with lines such as -----BEGIN {kind}-----."

logger = logging.getLogger(__name__)


def ssl_context(options: ServeOptions) -> ssl.SSLContext | None:
    """The context for connections from clients, or None where there is no certificate.

    TLS 1.2 or later. With `tls_client_ca`, only clients with a certificate of
    that authority are let in.

    Raises:
        ConfigError: A file is missing, is not PEM or does not fit the others.
    """
    if not options.tls_cert:
        for name, value in (("key", options.tls_key), ("client CA", options.tls_client_ca)):
            if value:
                raise ConfigError(
                    f"there is a TLS {name} ({value}), but no certificate.",
                    hint="Give the certificate too: --tls-cert FILE, followed by its chain.",
                )
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    _load_certificate(context, options.tls_cert, options.tls_key)
    if options.tls_client_ca:
        _load_authority(context, options.tls_client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _load_certificate(context: ssl.SSLContext, cert: str, key: str) -> None:
    if "-----BEGIN CERTIFICATE-----" not in _read(cert, "certificate"):
        raise ConfigError(
            f"the TLS certificate {cert} holds no certificate.",
            hint=_PEM_HINT.format(kind="CERTIFICATE"),
        )
    if "PRIVATE KEY-----" not in _read(key or cert, "key"):
        raise ConfigError(
            f"the TLS key {key or cert} holds no private key.",
            hint=_PEM_HINT.format(kind="PRIVATE KEY") if key else "Give it with --tls-key FILE.",
        )
    if Path(key or cert).stat().st_mode & stat.S_IROTH:
        logger.warning("others may read the TLS key %s: chmod 600 %s", key or cert, key or cert)
    try:
        # Without the function, OpenSSL would ask the terminal for a password.
        context.load_cert_chain(cert, key or None, password=lambda: _encrypted(key or cert))
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            problem = f"the TLS key {key or cert} is not the key of the certificate {cert}."
            hint = "The first certificate in the file must be the server's own, its chain below."
        else:
            problem = f"the TLS certificate {cert} cannot be used with {key or cert}: {error}."
            hint = "One of the two is damaged, or too weak for the OpenSSL of this machine."
        raise ConfigError(problem, hint=hint) from error


def _encrypted(path: str) -> NoReturn:
    raise ConfigError(
        f"the TLS key {path} is encrypted, and a server has nobody to ask for its password.",
        hint=f"Decrypt it into a file that only the server may read: openssl pkey -in {path}",
    )


def _load_authority(context: ssl.SSLContext, path: str) -> None:
    if "-----BEGIN CERTIFICATE-----" not in _read(path, "client CA"):
        raise ConfigError(
            f"the TLS client CA {path} holds no certificate.",
            hint=_PEM_HINT.format(kind="CERTIFICATE"),
        )
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise ConfigError(
            f"the TLS client CA {path} cannot be used: {error}.", hint="The file is damaged."
        ) from error


def _read(path: str, what: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise ConfigError(
            f"the TLS {what} {path} cannot be read: {error.strerror}.",
            hint="Check the path, and that the user of the server may read it.",
        ) from error
