"""Why an archive is refused, before its file name is known."""

from __future__ import annotations

from cpr.errors import shorten


class Refusal(Exception):
    """A reason to refuse an archive; `open_archive` turns it into `PackageRefused`."""

    def __init__(self, reason: str, *, member: str | bytes | None = None) -> None:
        text = reason if member is None else f"its member {shorten(member, 120)} {reason}"
        super().__init__(text)
