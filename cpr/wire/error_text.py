"""What a client may read of an error: the problem, never where files lie."""

from __future__ import annotations

import re

import orjson

from cpr.errors import BadInput, CprError

# The folders of an absolute path, as exceptions of the file system quote them.
_FOLDERS = re.compile(r"(?<![\w:/.…~-])/(?:[^\s/'\"`:;,()<>]+/)+(?=[^\s/])")


def error_text(error: CprError) -> str:
    """The problem, and the hint where the request is at fault."""
    problem = without_folders(str(error.problem))
    if isinstance(error, BadInput):
        return f"{problem} {without_folders(str(error.hint))}".rstrip()
    return problem


def without_folders(text: str) -> str:
    """The text with every absolute path cut to its file name."""
    return _FOLDERS.sub("…/", text)


def error_body(text: str, key: str = "error") -> bytes:
    """The JSON object ``{"error": text}``; what is not Unicode becomes ``?``."""
    return orjson.dumps({key: text.encode("utf-8", "replace").decode()})
