"""Errors by message, with how often each came and the way to the requests that it hit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cpr.reports.figures import count
from cpr.reports.html import Markup, element, join
from cpr.reports.parts import section

MOST = 50
_LONGEST = 4000


def errors_section(errors: Sequence[str], *, title: str = "Errors") -> Markup | None:
    """The section of the page, or None where there is no error.

    Args:
        errors: One for each request, empty where it succeeded. What stands
            before the first colon is the error's class.
        title: The section's heading.
    """
    groups = Counter(error for error in errors if error)
    if not groups:
        return None
    left = len(groups) - MOST
    return section(
        title.lower().replace(" ", "-"),
        title,
        element("ol", join(_group(*item) for item in groups.most_common(MOST)), class_="errors"),
        element("p", f"And {count(left, 'other message')}.", class_="note") if left > 0 else None,
    )


def _group(error: str, number: int) -> Markup:
    kind, colon, message = error.partition(": ")
    shown = message if colon else error
    if len(shown) > _LONGEST:
        shown = f"{shown[:_LONGEST]} …"
    find = element(
        "button",
        "Show in the table",
        type="button",
        # A search field holds no line breaks.
        data_find=" ".join(error[:_LONGEST].split()),
        data_in="requests",
        class_="script-only",
        hidden=True,
    )
    head = element(
        "p", element("b", f"{number:,} ×"), " ", element("code", kind if colon else "Error"), find
    )
    return element("li", head, element("pre", shown))
