"""The listening sockets: bound before anything is loaded, and closed without losing a caller."""

from __future__ import annotations

import ctypes
import errno
import resource
import socket
import struct
import sys

from cpr.errors import EnvironmentProblem, UsageError
from cpr.server.port_holder import holder_of

_SO_ATTACH_FILTER = 26
# Descriptors for files, channels to workers of two loads, and callers that are being refused.
_SPARE = 128
# Classic BPF over the TCP header: a segment with SYN set is dropped, others pass whole.
_FILTER = [
    (0x30, 0, 0, 13),  # ldb [13]: the flags
    (0x45, 0, 1, 0x02),  # jset SYN
    (0x06, 0, 0, 0),  # ret: drop
    (0x06, 0, 0, 0xFFFFFFFF),  # ret: all of it
]
_ANYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to connect


def listen(host: str, port: int, *, backlog: int) -> list[socket.socket]:
    """Listen on every address of a host; port 0 is one that is free, the same for all.

    Raises:
        EnvironmentProblem: The port is taken, or not ours to take.
        UsageError: The host is no address of this machine.
    """
    sockets: list[socket.socket] = []
    try:
        for family, address in _addresses(host):
            number = sockets[0].getsockname()[1] if sockets else port
            sockets.append(_bind(family, address, number, backlog))
    except OSError as error:
        for opened in sockets:
            opened.close()
        raise _explain(error, host, port) from error
    return sockets


def base_url(sockets: list[socket.socket], *, scheme: str) -> str:
    """The URL under which the first of the sockets is reached from this machine."""
    address, port = sockets[0].getsockname()[:2]
    address = _ANYWHERE.get(address, address)
    return f"{scheme}://[{address}]:{port}" if ":" in address else f"{scheme}://{address}:{port}"


def refuse_new(sockets: list[socket.socket]) -> bool:
    """Let no further connection begin, so that those waiting can all be accepted.

    A caller whose SYN is dropped tries again, and is refused once the socket is
    closed: it has sent nothing by then. False where the system cannot do it.
    """
    if sys.platform != "linux":
        return False
    program = b"".join(struct.pack("HBBI", *step) for step in _FILTER)
    buffer = ctypes.create_string_buffer(program)
    value = struct.pack("HL", len(_FILTER), ctypes.addressof(buffer))
    try:
        for listening in sockets:
            listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, value)
    except OSError:
        return False
    return True


def raise_descriptor_limit() -> None:
    """Allow as many open descriptors as the system lets this process have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connections_to_be_had(wanted: int) -> int:
    """As many connections as the limit on descriptors allows, some left for the workers' own."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return wanted if limit == resource.RLIM_INFINITY else max(min(wanted, limit - _SPARE), 1)


def _addresses(host: str) -> list[tuple[int, str]]:
    try:
        found = socket.getaddrinfo(
            host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_ADDRCONFIG
        )
    except OSError:
        # AI_ADDRCONFIG knows no address of a machine that has the loopback alone.
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _bind(family: int, address: str, port: int, backlog: int) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address != "::")
        opened.bind((address, port))
        opened.listen(backlog)
        opened.setblocking(False)
    except BaseException:
        opened.close()
        raise
    return opened


def _explain(error: OSError, host: str, port: int) -> EnvironmentProblem | UsageError:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return UsageError(
            f"{host!r} is no address of this machine.", hint="Use 127.0.0.1, or 0.0.0.0 for all."
        )
    if error.errno == errno.EADDRINUSE:
        holder = holder_of(port) or "another process"
        return EnvironmentProblem(
            f"port {port} on {host} is taken by {holder}.",
            hint="End that process, or choose another port with --port; 0 is any that is free.",
        )
    if error.errno == errno.EACCES:
        return EnvironmentProblem(
            f"port {port} may not be used by this user.", hint="Choose one above 1023 with --port."
        )
    return EnvironmentProblem(f"cannot listen on {host}:{port}: {error.strerror}.")
