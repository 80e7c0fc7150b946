"""Whether the terminal that the server was started in is still there."""

from __future__ import annotations

import os


def has_terminal() -> bool:
    """Whether this process has a terminal, open: not after its window was closed."""
    try:
        descriptor = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    os.close(descriptor)
    return True
