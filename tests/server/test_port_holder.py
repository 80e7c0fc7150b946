"""Who listens on a port, as far as the system tells."""

import os
import socket
import subprocess
import sys

import pytest

from cpr.server.port_holder import holder_of

LISTEN = """
import socket, sys
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("family", "address"),
    [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")],
    ids=["IPv4", "IPv6"],
)
def test_own_process_is_found(family, address):
    if family == socket.AF_INET6 and not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    with socket.create_server((address, 0), family=family) as listening:
        holder = holder_of(listening.getsockname()[1])
    assert holder.endswith(f"(process {os.getpid()})")


def test_program_is_named_without_its_further_arguments():
    command = [sys.executable, "-c", LISTEN, "--token", "secret"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        holder = holder_of(int(process.stdout.readline()))
    assert holder.startswith("python")
    assert "secret" not in holder


def test_port_that_nobody_listens_on_has_no_holder():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert holder_of(port) == ""


def _has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True
