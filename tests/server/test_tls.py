"""TLS contexts, tried with real handshakes; certificates are made here."""

import logging
import socket
import ssl
import threading

import pytest

from cpr.errors import ConfigError
from cpr.server.options import ServeOptions
from cpr.server.tls import ssl_context


@pytest.fixture
def files(tls_files):
    return tls_files


def options(folder, cert="", key="", client_ca=""):
    paths = [str(folder / name) if name else "" for name in (cert, key, client_ca)]
    return ServeOptions(**dict(zip(("tls_cert", "tls_key", "tls_client_ca"), paths, strict=True)))


def serve_one(listener, context, outcome):
    connection = listener.accept()[0]
    try:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.sendall(b"hello")
            secure.recv(1)
    except OSError as error:
        outcome.append(error)
    finally:
        connection.close()


def shake_hands(context, folder, *, client="", newest=None):
    """What a client reads from a server with this context; an error is raised."""
    mine = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    if newest is not None:
        mine.maximum_version = newest
    if client:
        mine.load_cert_chain(folder / f"{client}.pem", folder / f"{client}.key")
    outcome = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve_one, args=(listener, context, outcome))
        thread.start()
        try:
            with (
                socket.create_connection(listener.getsockname()) as connection,
                mine.wrap_socket(connection, server_hostname="127.0.0.1") as secure,
            ):
                answer, version = secure.recv(5), secure.version()
        finally:
            thread.join()
    return answer, version


def test_without_files_there_is_no_tls():
    assert ssl_context(ServeOptions()) is None


@pytest.mark.parametrize(("cert", "key"), [("server.pem", "server.key"), ("both.pem", "")])
def test_a_client_that_knows_the_authority_is_served(files, cert, key):
    context = ssl_context(options(files, cert, key))
    assert shake_hands(context, files) == (b"hello", "TLSv1.3")
    assert shake_hands(context, files, newest=ssl.TLSVersion.TLSv1_2) == (b"hello", "TLSv1.2")


def test_nothing_older_than_tls_1_2_is_spoken(files):
    context = ssl_context(options(files, "server.pem", "server.key"))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION


def test_a_client_of_the_authority_is_let_in(files):
    context = ssl_context(options(files, "server.pem", "server.key", "ca.pem"))
    assert shake_hands(context, files, client="client")[0] == b"hello"


@pytest.mark.parametrize("client", ["", "stranger"], ids=["no certificate", "of another authority"])
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=str)
def test_other_clients_are_not_let_in(files, client, newest):
    context = ssl_context(options(files, "server.pem", "server.key", "ca.pem"))
    with pytest.raises(OSError):
        assert shake_hands(context, files, client=client, newest=newest)[0] == b"hello"


@pytest.mark.parametrize(
    ("cert", "key", "client_ca", "problem", "hint"),
    [
        ("none.pem", "", "", "certificate {}/none.pem cannot be read: No such", "Check the path"),
        ("server.pem", "none.key", "", "key {}/none.key cannot be read: No such", "Check the path"),
        ("server.pem", "", "", "key {}/server.pem holds no private key", "--tls-key FILE"),
        ("text.pem", "server.key", "", "{}/text.pem holds no certificate", "BEGIN CERTIFICATE"),
        ("server.key", "server.pem", "", "{}/server.key holds no certificate", "BEGIN CERTIFICATE"),
        ("server.pem", "client.key", "", "is not the key of the certificate", "own, its chain"),
        ("server.pem", "locked.key", "", "locked.key is encrypted", "openssl pkey -in"),
        ("damaged.pem", "server.key", "", "cannot be used with", "damaged"),
        ("both.pem", "", "none.pem", "client CA {}/none.pem cannot be read", "Check the path"),
        ("both.pem", "", "server.key", "client CA {}/server.key holds no", "BEGIN CERTIFICATE"),
        ("both.pem", "", "damaged.pem", "client CA {}/damaged.pem cannot be used", "damaged"),
        ("", "server.key", "", "a TLS key ({}/server.key), but no certificate", "--tls-cert FILE"),
        ("", "", "ca.pem", "a TLS client CA ({}/ca.pem), but no certificate", "--tls-cert FILE"),
        (".", "server.key", "", "cannot be read: Is a directory", "Check the path"),
    ],
)  # fmt: skip
def test_wrong_files_are_told_by_name(files, cert, key, client_ca, problem, hint):
    with pytest.raises(ConfigError) as failure:
        ssl_context(options(files, cert, key, client_ca))
    assert problem.format(files) in failure.value.problem
    assert hint in failure.value.hint


def test_a_key_that_others_may_read_is_warned_about(files, tmp_path, caplog):
    path = tmp_path / "open.key"
    path.write_bytes((files / "server.key").read_bytes())
    path.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        ssl_context(ServeOptions(tls_cert=str(files / "server.pem"), tls_key=str(path)))
    assert caplog.messages == [f"others may read the TLS key {path}: chmod 600 {path}"]


def test_a_client_that_never_shakes_hands_is_cut_off(files, supervise):
    paths = {"tls_cert": str(files / "server.pem"), "tls_key": str(files / "server.key")}
    supervisor = supervise(header_timeout_s=0.3, **paths)
    supervisor.await_ready()
    with socket.create_connection(("127.0.0.1", supervisor.port), timeout=30) as connection:
        assert connection.recv(1) == b""
