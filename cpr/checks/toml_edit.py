"""Small edits of a settings file that leave everything else as it stands.

A file is cpr.toml, or pyproject.toml with its tables under ``tool.cpr``. An
edit whose result does not parse to what was meant is dropped.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'')
_HEADER = re.compile(r"^[ \t]*\[(?:tool\.cpr\.)?(\w+)\][ \t]*(?:#.*)?$", re.MULTILINE)


def array(text: str, table: str, key: str) -> list[Any] | None:
    """The array of a key; None if it is not there, or no array."""
    found = _tables(text).get(table, {}).get(key)
    return found if isinstance(found, list) else None


def add_to_array(text: str, table: str, key: str, item: str) -> str:
    """The text with one more item in an array that has some already."""
    before = array(text, table, key) or []
    strings = _strings(text, table, key)
    if not strings or item in before:
        return text
    end = strings[-1][1]
    new = f"{text[:end]}, {json.dumps(item)}{text[end:]}"
    return new if array(new, table, key) == [*before, item] else text


def replace_in_array(text: str, table: str, key: str, old: str, new: str) -> str:
    """The text with an item of an array replaced."""
    before = array(text, table, key) or []
    expected = [new if item == old else item for item in before]
    for start, end in _strings(text, table, key):
        if tomllib.loads(f"x = {text[start:end]}")["x"] == old:
            replaced = f"{text[:start]}{json.dumps(new)}{text[end:]}"
            return replaced if array(replaced, table, key) == expected else text
    return text


def replace_text(text: str, table: str, key: str, change: Callable[[str], str]) -> str:
    """The text with the string of a key changed."""
    old = _tables(text).get(table, {}).get(key)
    strings = _strings(text, table, key)
    if not isinstance(old, str) or not strings:
        return text
    start, end = strings[0]
    new = f"{text[:start]}{json.dumps(change(old))}{text[end:]}"
    return new if _tables(new).get(table, {}).get(key) == change(old) else text


def _tables(text: str) -> dict[str, Any]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}
    tables: dict[str, Any] = document.get("tool", {}).get("cpr", document)
    return tables


def _strings(text: str, table: str, key: str) -> list[tuple[int, int]]:
    """Where the strings of a key's value stand: one, or those of an array."""
    headers = list(_HEADER.finditer(text))
    for number, header in enumerate(headers):
        if header[1] != table:
            continue
        end = headers[number + 1].start() if number + 1 < len(headers) else len(text)
        assigned = re.compile(rf"^[ \t]*{key}[ \t]*=[ \t]*", re.MULTILINE).search(
            text, header.end(), end
        )
        if assigned:
            return _value(text, assigned.end(), end)
    return []


def _value(text: str, start: int, end: int) -> list[tuple[int, int]]:
    if text[start : start + 1] != "[":
        found = _STRING.match(text, start, end)
        return [found.span()] if found else []
    spans, position = [], start + 1
    while position < end and text[position] != "]":
        string = _STRING.match(text, position, end)
        if string:
            spans.append(string.span())
            position = string.end()
        elif text[position] == "#":
            newline = text.find("\n", position, end)
            position = end if newline < 0 else newline
        else:
            position += 1
    return spans
