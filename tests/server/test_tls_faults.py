"""Clients that do harm over TLS: bounded by the same deadlines, and the others are served."""

import contextlib
import json
import shutil
import socket
import ssl
import struct
import subprocess

import pytest

HEADER_S = 1


@pytest.fixture(scope="module")
def server(tls_files):
    from running_server import serve_faults

    flags = ["--tls-cert", tls_files / "server.pem", "--tls-key", tls_files / "server.key"]
    flags += ["--tls-client-ca", tls_files / "ca.pem"]
    flags += [f"--header-timeout={HEADER_S}", f"--body-timeout={HEADER_S}"]
    with serve_faults(*map(str, flags)) as running:
        yield running


def client_context(folder, name="client"):
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    if name:
        context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


def connect(server):
    return socket.create_connection((server.host, server.port), timeout=30)


def secure(server, folder, name="client"):
    return client_context(folder, name).wrap_socket(connect(server), server_hostname="127.0.0.1")


def request(*instances, headers=""):
    body = json.dumps({"instances": instances})
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n{headers}"
    return f"{head}\r\n{body}".encode()


def serves(server, folder):
    """Whether a client that does no harm gets its answer."""
    with secure(server, folder) as connection:
        connection.sendall(request("good", headers="Connection: close\r\n"))
        return b'{"predictions":["good"]}' in read_all(connection)


def read_all(connection):
    data = b""
    try:
        while more := connection.recv(1 << 16):
            data += more
    except (ssl.SSLError, ConnectionError):
        pass  # ended without a word, which is what some of these deserve
    return data


HELLO = bytes.fromhex("16030100c8010000c40303")


@pytest.mark.parametrize(
    "sent",
    [b"", HELLO, HELLO + bytes(197), HELLO[:3], b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
     bytes(2000), b"\x16\x03\x01\xff\xff" + bytes(70_000), b"\x15\x03\x01\x00\x02\x02\x28"],
    ids=["silence", "half a hello", "a wrong hello", "half a record", "plain HTTP", "zeros",
         "a record too long", "an alert"],
)  # fmt: skip
def test_a_handshake_that_comes_to_nothing_is_ended_in_time(server, tls_files, sent):
    with connect(server) as connection:
        with contextlib.suppress(ConnectionError):  # it may be refused before all was sent
            connection.sendall(sent)
        assert b"HTTP" not in read_all(connection)
    assert serves(server, tls_files)


@pytest.mark.parametrize("name", ["", "stranger"])
def test_a_wrong_certificate_gets_no_answer_and_does_no_harm(server, tls_files, name):
    try:
        with secure(server, tls_files, name) as connection:
            connection.sendall(request("let me in"))
            assert read_all(connection) == b""
    except (ssl.SSLError, ConnectionError):
        pass
    assert server.errors.count("Traceback") == 0
    assert serves(server, tls_files)


@pytest.mark.parametrize("how", ["half a request", "half a record", "reset", "closed both ways"])
def test_a_request_that_is_broken_off_is_not_predicted(server, tls_files, how):
    data = request({"do": "", "id": how})
    connection = secure(server, tls_files)
    if how == "half a request":
        connection.sendall(data[:-3])
        assert b" 408 " in read_all(connection)
    elif how == "half a record":
        raw = socket.socket(fileno=connection.detach())
        raw.settimeout(30)
        raw.sendall(b"\x17\x03\x03\x01\x00" + data[:20])
        raw.shutdown(socket.SHUT_WR)
        assert b"predictions" not in read_all(raw)
        raw.close()
    else:
        connection.sendall(data[:-3])
        if how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    with secure(server, tls_files) as asking:
        asking.sendall(request({"do": "seen", "id": how}, headers="Connection: close\r\n"))
        assert b'{"predictions":[false]}' in read_all(asking)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_renegotiation_is_refused(server, tls_files):
    command = ["openssl", "s_client", "-connect", f"{server.host}:{server.port}", "-tls1_2"]
    command += ["-CAfile", tls_files / "ca.pem", "-state"]
    command += ["-cert", tls_files / "client.pem", "-key", tls_files / "client.key"]
    asking = subprocess.run(command, input=b"R\n", capture_output=True, timeout=30)
    said = asking.stdout + asking.stderr

    assert b"RENEGOTIATING" in said
    assert b"no renegotiation" in said
    assert serves(server, tls_files)


def test_hundreds_that_stall_in_the_handshake_keep_nobody_out(server, tls_files):
    stalling = [connect(server) for _ in range(300)]
    try:
        for connection in stalling:
            connection.sendall(HELLO)
        assert serves(server, tls_files)
        for connection in stalling:
            assert read_all(connection) == b""
    finally:
        for connection in stalling:
            connection.close()
    assert serves(server, tls_files)
    assert "Traceback" not in server.errors
