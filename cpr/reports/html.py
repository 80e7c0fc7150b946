"""Markup that user data cannot break out of, and the page that holds a report.

Everything that is not `Markup` is escaped. The page carries its own style and
script, which its Content-Security-Policy names by their hashes: nothing else
runs, nothing is requested, and script may not write markup.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

from cpr.reports.columns import to_json

_ASSETS = files("cpr.reports") / "assets"
_STYLES = ("base.css", "report.css")
_SCRIPTS = ("columns.js", "tables.js", "report.js")
_VOID = {"meta", "link", "input", "br"}
# Control characters as their pictures, and halves of surrogate pairs as what is no character.
_VISIBLE = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"}
_VISIBLE |= {0x7F: 0x2421} | dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)


class Markup(str):
    """Text that is markup already; everything else is escaped where it is put in."""

    __slots__ = ()


def visible(text: str) -> str:
    """The text with control characters as pictures of them, fit to be written as UTF-8."""
    return text.translate(_VISIBLE)


def escape(value: object) -> Markup:
    """A value as text of a page; `Markup` is left as it is."""
    return value if isinstance(value, Markup) else Markup(html.escape(visible(str(value))))


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """One element with its children, all escaped.

    Args:
        tag: The element's name.
        children: What is in it; None is left out.
        attributes: By name, ``_`` for ``-``, and ``class_`` for ``class``.
            None and False are left out, True is a name alone.
    """
    start = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in _VOID:
        return Markup(f"<{tag}{start}>")
    inside = "".join(escape(child) for child in children if child is not None)
    return Markup(f"<{tag}{start}>{inside}</{tag}>")


def join(parts: Iterable[object], separator: str = "") -> Markup:
    """Several values one after another, each escaped."""
    return Markup(separator.join(escape(part) for part in parts))


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    written = name.rstrip("_").replace("_", "-")
    return f" {written}" if value is True else f' {written}="{escape(value)}"'


def page(title: str, body: Markup, *, data: Mapping[str, Any]) -> str:
    """A whole page.

    Args:
        title: The page's title, as plain text.
        body: What `element` made.
        data: What the script shows in tables; see `cpr.reports.columns`.
    """
    style = "\n".join(_read(name) for name in _STYLES)
    script = "\n".join(_read(name) for name in _SCRIPTS)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        # An icon of no bytes: a browser would ask the server for one.
        element("link", rel="icon", href="data:,"),
        element("title", title),
        element("style", Markup(style)),
    )
    scripts = join(
        [
            element("script", Markup(to_json(data)), type="application/json", id="data"),
            element("script", Markup(script)),
        ]
    )
    return f'<!doctype html>\n<html lang="en">{head}<body>{body}\n{scripts}</body></html>'


def _policy(style: str, script: str) -> str:
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src {_hash(style)}",
            f"script-src {_hash(script)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _read(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")
