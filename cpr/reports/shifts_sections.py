"""How the outputs moved from A to B: numbers as distributions, labels as a table of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cpr.replay.shifts import LabelShift, NumericShift, Spread
from cpr.reports.figures import count, figure, share
from cpr.reports.html import Markup, element, join, visible
from cpr.reports.overlay_plots import overlay
from cpr.reports.parts import fixed_table, legend, section

# A table of more labels than these is wider than a page; it shows the most frequent.
MOST_LABELS = 12
MOST_OUTPUTS = 60
SIDES = (("side-a", "A"), ("side-b", "B"))


def numbers_section(shifts: Sequence[NumericShift]) -> Markup | None:
    """A plot and the figures of each output that is a number; None where there is none."""
    if not shifts:
        return None
    # Those that moved come first.
    ranked = sorted(shifts, key=lambda shift: (-shift.beyond, -(shift.ks or 0.0)))
    left = len(ranked) - MOST_OUTPUTS
    return section(
        "outputs",
        "Outputs that are numbers",
        legend(SIDES),
        element("div", join(_number(shift) for shift in ranked[:MOST_OUTPUTS]), class_="plots"),
        element("p", f"And {count(left, 'other output')}.", class_="note") if left > 0 else None,
        note="Each output's distribution on both sides. KS is the greatest distance between the "
        "two cumulative distributions: 0 where they are alike, 1 where they do not meet.",
    )


def _number(shift: NumericShift) -> Markup:
    facts = [
        ("pairs", f"{shift.values:,}"),
        ("differ", f"{shift.differing:,} · {share(shift.differing, shift.values)}"),
        ("beyond tolerance", f"{shift.beyond:,}"),
        ("greatest difference", _figure(shift.max_abs_diff)),
        ("mean difference", _figure(shift.mean_abs_diff)),
        ("KS", _figure(shift.ks)),
    ]
    drawn = (
        overlay(shift.edges, shift.counts_a, shift.counts_b, name="value", noun="value")
        if shift.counts_a
        else None
    )
    return element(
        "figure",
        element("figcaption", element("code", shift.output)),
        drawn,
        element("dl", join(_fact(*fact) for fact in facts), class_="facts"),
        element("details", element("summary", "Both sides in figures"), _spreads(shift)),
    )


def _fact(name: str, value: str) -> Markup:
    return element("div", element("dt", name), element("dd", value))


def _figure(value: float | None) -> str:
    return "–" if value is None else figure(value)


def _spreads(shift: NumericShift) -> Markup:
    names = [name for name in Spread.__dataclass_fields__ if name != "nonfinite"]
    rows: list[list[object]] = [
        [name, _figure(getattr(shift.a, name)), _figure(getattr(shift.b, name))] for name in names
    ]
    rows.append(["NaN or infinite", f"{shift.a.nonfinite:,}", f"{shift.b.nonfinite:,}"])
    return fixed_table(f"Values of {shift.output}", ["", "A", "B"], rows)


def labels_section(shifts: Sequence[LabelShift]) -> Markup | None:
    """A confusion table of each output that is a label; None where there is none."""
    if not shifts:
        return None
    ranked = sorted(shifts, key=lambda shift: -shift.changed)
    return section(
        "labels",
        "Outputs that are labels",
        *(_confusion(shift) for shift in ranked[:MOST_OUTPUTS]),
        note="How often A's label (a row) met which of B's (a column). What is on the diagonal "
        "has not changed.",
    )


def _confusion(shift: LabelShift) -> Markup:
    often: Counter[str] = Counter()
    for pair in shift.confusion:
        often[pair.a] += pair.count
        often[pair.b] += pair.count
    labels = sorted(label for label, _ in often.most_common(MOST_LABELS))
    counts = {(pair.a, pair.b): pair.count for pair in shift.confusion}
    rows = [[_label(a), *(_cell(counts, a, b) for b in labels)] for a in labels]
    shown = sum(number for (a, b), number in counts.items() if a in labels and b in labels)
    left = shift.values - shown
    table = fixed_table(
        f"{visible(shift.output)}: {count(shift.values, 'value')}, {shift.changed:,} changed",
        ["A \\ B", *(_label(label) for label in labels)],
        rows,
        class_="confusion",
    )
    more = element("p", f"{count(left, 'pair')} of rarer labels are left out.", class_="note")
    return join([table, more if left > 0 else ""])


def _label(label: str) -> str:
    return label if len(label) <= 40 else f"{label[:30]}…{label[-9:]}"


def _cell(counts: dict[tuple[str, str], int], a: str, b: str) -> Markup:
    number = counts.get((a, b), 0)
    row = sum(count for (left, _), count in counts.items() if left == a)
    heat = -(-5 * number // row) if number else 0
    kind = "same" if a == b else "moved"
    return element("td", f"{number:,}" if number else "·", class_=f"{kind} heat-{heat}")
