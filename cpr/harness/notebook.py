"""What notebooks show in place of a repr."""

from __future__ import annotations

import html
from collections.abc import Mapping


def table(rows: Mapping[str, str | None]) -> str:
    """A small HTML table of names and values; what is empty is left out."""
    cells = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
        for name, value in rows.items()
        if value
    )
    return f"<table>{cells}</table>"
