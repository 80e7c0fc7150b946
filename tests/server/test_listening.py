"""Sockets listen on every address of a host, and close without losing who has connected."""

import os
import resource
import select
import socket

import pytest

from cpr.errors import EnvironmentProblem, UsageError
from cpr.server.listening import base_url, connections_to_be_had, listen, refuse_new


@pytest.fixture
def listening():
    opened = []

    def start(host, port=0):
        sockets = listen(host, port, backlog=16)
        opened.extend(sockets)
        return sockets

    yield start
    for one in opened:
        one.close()


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "http://127.0.0.1:"),
        ("0.0.0.0", "http://127.0.0.1:"),
        ("::1", "http://[::1]:"),
    ],
)
def test_a_url_reaches_it_from_this_machine(listening, host, shown):
    sockets = listening(host)
    url = base_url(sockets, scheme="http")
    assert url.startswith(shown)
    address, _, port = url.removeprefix("http://").rpartition(":")
    socket.create_connection((address.strip("[]"), int(port)), timeout=10).close()


def test_every_address_of_a_name_has_the_same_port(listening):
    ports = {one.getsockname()[1] for one in listening("localhost")}
    assert len(ports) == 1


def test_a_taken_port_is_named(listening):
    port = listening("127.0.0.1")[0].getsockname()[1]
    with pytest.raises(EnvironmentProblem) as raised:
        listening("127.0.0.1", port)
    assert raised.value.problem.startswith(f"port {port} on 127.0.0.1 is taken by ")
    assert f"(process {os.getpid()})" in raised.value.problem


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"], ids=["address", "name"])
def test_a_host_of_another_machine_is_named(host):
    with pytest.raises(UsageError) as raised:
        listen(host, 0, backlog=1)
    assert raised.value.problem == f"{host!r} is no address of this machine."


def test_who_has_connected_is_accepted_and_nobody_else(listening):
    sockets = listening("127.0.0.1")
    address = sockets[0].getsockname()
    with socket.create_connection(address, timeout=10) as early:
        if not refuse_new(sockets):
            pytest.skip("the system has no filters on sockets")
        with socket.socket() as late:
            late.setblocking(False)
            late.connect_ex(address)
            accepted, _ = sockets[0].accept()
            with accepted, pytest.raises(BlockingIOError):
                early.sendall(b"x" * 200_000)
                accepted.setblocking(True)
                assert len(accepted.recv(200_000, socket.MSG_WAITALL)) == 200_000
                sockets[0].accept()
            sockets[0].close()
            select.select([], [late], [], 30)
            assert late.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


@pytest.mark.parametrize(("limit", "found"), [(256, 128), (64, 1), (2048, 1000)])
def test_connections_leave_descriptors_for_the_workers(limit, found):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        assert connections_to_be_had(1000) == found
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
