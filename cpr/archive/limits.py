"""How large an archive may become when it is unpacked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Upper bounds, checked while the archive is read and before it is written out.

    `total_bytes` bounds the archive file, and again everything in it when
    unpacked; `entries` counts files, folders and extension headers alike.
    """

    total_bytes: int = 256_000_000
    entries: int = 10_000
