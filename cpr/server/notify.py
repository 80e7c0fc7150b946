"""Tells systemd how far the server is, where a unit of ``Type=notify`` started it."""

from __future__ import annotations

import logging
import os
import socket

logger = logging.getLogger(__name__)


def tell_service_manager(state: str) -> None:
    """Send a line such as ``READY=1``; nothing where nobody wants to know."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    # A leading @ stands for a name that is in no file system.
    address = f"\0{path[1:]}" if path.startswith("@") else path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
            connection.sendto(state.encode(), address)
    except OSError as error:
        logger.warning("systemd was not told %s: %s", state, error.strerror)
