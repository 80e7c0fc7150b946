"""The parts that reports are put together from: header, tiles, sections, tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

from cpr.reports.html import Markup, element, join

Tone = Literal["ok", "failed", "mismatched", "plain"]
Kind = Literal["place", "status", "number", "value", "text"]
_SIGNS = {"ok": "✓", "failed": "✕", "mismatched": "≠", "plain": ""}


@dataclass(frozen=True)
class Heading:
    """One column of a table: `name` in the data, `label` for people.

    What is minor gives way on a narrow screen, and is then shown with the
    details of a row. Numbers have four significant digits, or `decimals`.
    """

    name: str
    label: str
    kind: Kind = "text"
    is_minor: bool = False
    decimals: int | None = None


def document(
    command: str,
    title: str,
    verdict: Markup,
    context: Iterable[str],
    sections: Iterable[Markup | None],
) -> Markup:
    """The body of a page: header, sections, footer."""
    toggle = element(
        "button", "Theme: auto", type="button", id="theme", hidden=True, class_="theme"
    )
    brand = element("p", element("b", "cpr"), f" {command}", class_="brand")
    header = element(
        "header",
        element("div", brand, toggle, class_="bar-top"),
        element("h1", title, class_="value"),
        verdict,
        element("ul", join(element("li", item) for item in context if item), class_="context"),
    )
    main = element("main", join(part for part in sections if part is not None), id="main")
    return join(
        [
            element("a", "Skip to the report", href="#main", class_="skip"),
            header,
            main,
            element("footer", element("p", f"Written by cpr {version('cpr')}.")),
            element("div", id="tip", hidden=True),
        ]
    )


def verdict(tone: Tone, text: str) -> Markup:
    """The one sentence that says how it went."""
    sign = element("span", _SIGNS[tone], class_="sign", aria_hidden="true")
    return element("p", sign, element("span", text), class_=f"verdict {tone}")


def tiles(figures: Iterable[tuple[str, str, Tone]]) -> Markup:
    """Headline figures: a label, a value and a tone each."""
    made = (
        element("div", element("dt", label), element("dd", value), class_=f"tile {tone}")
        for label, value, tone in figures
    )
    return element("dl", join(made), class_="tiles")


def section(name: str, title: str, *content: object, note: str = "") -> Markup:
    """A section with its heading; `name` is its anchor."""
    return element(
        "section",
        element("h2", title, id=f"{name}-title"),
        element("p", note, class_="note") if note else None,
        *content,
        id=name,
        aria_labelledby=f"{name}-title",
    )


def scaled_plots(
    label: str,
    plots: Sequence[tuple[Markup, Markup]],
    *,
    is_log: bool,
    beside: Markup | None = None,
) -> Markup:
    """Plots in two forms each, evenly spaced and by logarithm, and what switches them.

    Args:
        label: What the switch is called.
        plots: The even and the logarithmic form of each plot.
        is_log: Which form shows first.
        beside: What else stands beside the plots.
    """
    choices = [
        element(
            "label",
            element("input", type="radio", name="scale", value=value, checked=checked),
            f" {value}",
        )
        for value, checked in (("linear", not is_log), ("log", is_log))
    ]
    figures = []
    for forms in plots:
        for name, form, is_hidden in zip(
            ("linear", "log"), forms, (is_log, not is_log), strict=True
        ):
            figures.append(element("figure", form, data_scale=name, hidden=is_hidden))
    return join(
        [
            element(
                "fieldset",
                element("legend", label),
                join(choices),
                class_="scale script-only",
                hidden=True,
            ),
            element("div", join(figures), beside, class_="plots"),
        ]
    )


def legend(items: Iterable[tuple[str, str]]) -> Markup:
    """What the shapes in a plot mean: a class and a text each."""
    made = (
        element("li", element("span", class_=f"key {class_}", aria_hidden="true"), text)
        for class_, text in items
    )
    return element("ul", join(made), class_="legend")


def fixed_table(
    caption: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    class_: str = "",
    texts: Collection[str] = (),
) -> Markup:
    """A small table that is in the page as it is; the first cell of a row is its heading.

    Columns are of numbers, but for those with the headings in `texts`.
    """
    classes = ["text" if text in texts else None for text in headings]
    head = element(
        "tr",
        join(
            element("th", text, scope="col", class_=kind)
            for text, kind in zip(headings, classes, strict=True)
        ),
    )
    body = (
        element(
            "tr",
            element("th", first, scope="row"),
            join(
                cell if _is_cell(cell) else element("td", cell, class_=kind)
                for cell, kind in zip(rest, classes[1:], strict=True)
            ),
        )
        for first, *rest in rows
    )
    made = element(
        "table",
        element("caption", caption),
        element("thead", head),
        element("tbody", join(body)),
        class_=f"fixed {class_}".strip(),
    )
    return element("div", made, class_="scroll", tabindex="0", role="region", aria_label=caption)


def _is_cell(value: object) -> bool:
    return isinstance(value, Markup) and value.startswith("<td")


def data_table(
    name: str, noun: str, headings: Sequence[Heading], *, filters: Iterable[Markup] = ()
) -> Markup:
    """The frame of a table that the script fills, with what searches and turns its pages.

    Args:
        name: Which table of the page's data it shows.
        noun: What one row is.
        headings: Its columns.
        filters: What `status_filter` and `least_filter` made.
    """
    search = element(
        "label", "Search ", element("input", type="search", autocomplete="off", spellcheck="false")
    )
    head = (
        element(
            "th",
            element("button", item.label, type="button"),
            scope="col",
            data_name=item.name,
            data_kind=item.kind,
            data_decimals=item.decimals,
            class_=f"{item.kind} minor" if item.is_minor else item.kind,
        )
        for item in headings
    )
    table = element(
        "table",
        element("caption", f"Every {noun}", class_="unseen"),
        element("thead", element("tr", join(head))),
        element("tbody"),
    )
    return element(
        "div",
        element("noscript", element("p", "This table needs JavaScript.")),
        element("div", search, join(filters), class_="controls"),
        element("p", class_="shown", role="status"),
        element("div", table, class_="scroll", tabindex="0", role="region", aria_label=f"{noun}s"),
        _pager(noun),
        class_="data-table",
        data_table=name,
        data_noun=noun,
    )


def status_filter(column: str, counts: Sequence[tuple[str, int]]) -> list[Markup]:
    """Buttons that keep the rows with one of some values of a column; none for one value."""
    if len(counts) < 2:
        return []
    buttons = (
        element(
            "button",
            f"{value} ",
            element("span", f"{number:,}"),
            type="button",
            aria_pressed="false",
            data_value=value,
            class_=value,
        )
        for value, number in counts
    )
    group = element(
        "div", join(buttons), role="group", aria_label="Result", data_equals=column, class_="group"
    )
    return [group]


def least_filter(column: str, label: str, options: Iterable[tuple[str, float]]) -> Markup:
    """A choice of limits; rows below the limit chosen are left out."""
    choices = [element("option", "any", value="")]
    choices += [element("option", text, value=repr(limit)) for text, limit in options]
    return element("label", f"{label} ", element("select", join(choices), data_least=column))


def _pager(noun: str) -> Markup:
    buttons = (
        element("button", text, type="button", data_page=page, aria_label=f"{label} page")
        for text, page, label in (
            ("«", "first", "First"),
            ("‹", "previous", "Previous"),
            ("›", "next", "Next"),
            ("»", "last", "Last"),
        )
    )
    sizes = join(element("option", size) for size in ("10", "25", "100", "500"))
    return element(
        "nav",
        join(buttons),
        element("span", class_="page-place"),
        element("label", "Rows a page ", element("select", sizes, data_rows=True)),
        class_="pager",
        aria_label=f"Pages of {noun}s",
    )
