"""Keeps a library's start-up chatter away from stderr, and nothing else."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# TensorFlow's C++ side logs while it is imported, before it has read its own
# log level; LiteRT logs whenever a model is prepared.
_NOISE = re.compile(
    rb"WARNING: All log messages before absl|[IWE]\d{4} |[IWE]0000 |INFO: Created TensorFlow Lite"
)


@contextmanager
def without_noise() -> Iterator[None]:
    """Hold back what is written to file descriptor 2, then let all but the noise through."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            held.seek(0)
            for line in held:
                if not _NOISE.match(line):
                    os.write(2, line)
