"""How the findings of a check are written: for people, for programs, for code hosts."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpr.cli.output import console, emit_json, write_result
from cpr.cli.version import installed_version

if TYPE_CHECKING:
    from rich.console import Console

    from cpr.checks.run import CheckReport
    from cpr.findings import Finding

FORMATS = ("text", "json", "sarif", "github")
_GROUP_OF_DIGIT = {"1": "class", "2": "package", "3": "artifacts", "4": "behaviour"}
_STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}
_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
_WIDTH = 100
# A measurement that is longer is a sentence.
_SHORT = 60


def write_report(report: CheckReport, layout: str) -> None:
    """Write a report to standard output in one of `FORMATS`."""
    if layout == "json":
        findings = [item.to_json() for item in report.findings]
        emit_json("cpr.check/1", ok=not report.errors, summary=_summary(report), findings=findings)
    elif layout == "sarif":
        write_result(json.dumps(_sarif(report), ensure_ascii=False, indent=1))
    elif layout == "github":
        for item in report.findings:
            write_result(_annotation(item, report.base))
    else:
        _print(report, console())


def _summary(report: CheckReport) -> dict[str, Any]:
    return {
        "predictor": report.name,
        **_counts(report.findings),
        "silenced": sorted({item.id for item in report.silenced}),
        "batchable": report.batchable,
        "measurements": dict(report.measurements),
        "skipped": dict(report.skipped),
    }


def _counts(findings: Sequence[Finding]) -> dict[str, int]:
    names = {"errors": "error", "warnings": "warning", "notes": "note"}
    return {
        key: sum(item.severity == severity for item in findings) for key, severity in names.items()
    }


def _print(report: CheckReport, out: Console) -> None:
    # CLI start-up time: rich is imported only when something is drawn.
    from rich.text import Text

    def line(*parts: str | tuple[str, str]) -> None:
        out.print(Text.assemble(*parts), soft_wrap=True)

    def by_group(item: Finding) -> str:
        return _GROUP_OF_DIGIT[item.id[3]]

    width = min(out.width, _WIDTH) if out.is_terminal else _WIDTH
    findings = sorted(report.findings, key=lambda item: item.id[3])
    for group, members in groupby(findings, by_group):
        line((group.capitalize(), "bold underline"))
        for identity, cases in groupby(members, lambda item: item.id):
            _print_rule(identity, list(cases), line, width)
    for text in _closing(report):
        line(text)


def _print_rule(identity: str, cases: Sequence[Finding], line: Any, width: int) -> None:
    """One id: its title, each case, and once why and how to mend it."""
    first = cases[0]
    title = first.rule.title
    line((f"{first.severity:<8}", _STYLES[first.severity]), (f"{identity}  {title}", "bold"))
    fixes = {item.fix for item in cases}
    for item in cases:
        place = f"{item.file}:{item.line}" if item.line else item.file
        line("  ", (f"{place}  " if place else "", "bold"), f"{item.message}.")
        if len(fixes) > 1 and item.fix:
            _wrapped("fix", item.fix, line, width)
    _wrapped("why", first.rule.cause, line, width)
    _wrapped("fix", first.rule.cure if len(fixes) > 1 or not first.fix else first.fix, line, width)
    _wrapped("see", first.docs, line, width)
    line("")


def _wrapped(label: str, text: str, line: Any, width: int) -> None:
    lines = [part for row in text.splitlines() for part in _rows(row, width - 9)]
    for number, part in enumerate(lines):
        line((f"    {label if not number else '':<5}", "dim"), part)


def _rows(text: str, width: int) -> list[str]:
    """Lines of at most `width` characters; a flag such as --find-links stays whole."""
    return textwrap.wrap(text, width, break_on_hyphens=False)


def _closing(report: CheckReport) -> Iterator[str]:
    """The last lines: measurements, what was not looked at, and the count."""
    measured = [_measured(key, value) for key, value in report.measurements.items() if value]
    numbers = [text for text in measured if len(text) <= _SHORT]
    if numbers:
        yield from textwrap.wrap(f"Measured: {', '.join(numbers)}.", _WIDTH)
    for text in measured:
        if len(text) > _SHORT:
            yield from textwrap.wrap(text, _WIDTH)
    if report.batchable is not None:
        yield f"Batchable: {'yes' if report.batchable else 'no'}."
    for group, reason in report.skipped.items():
        if reason != "not asked for":
            yield f"{group.capitalize()} was not checked, since {reason}."
    counts = _counts(report.findings)
    named = [
        f"{count} {key.removesuffix('s') if count == 1 else key}"
        for key, count in counts.items()
        if count
    ]
    silenced = f"; silenced: {', '.join(sorted({i.id for i in report.silenced}))}"
    yield (
        f"{report.name or 'check'}: {', '.join(named) or 'no findings'}"
        f"{silenced if report.silenced else ''}."
    )


def _measured(key: str, value: Any) -> str:
    """One measurement in words: ``load_s`` is seconds, ``…_bytes`` a size."""
    name, _, unit = key.rpartition("_")
    words = name.replace("_", " ")
    if unit == "bytes":
        return f"{words} {_size(value)}"
    if unit == "s":
        return f"{words} {value:.2f} s" if value >= 1 else f"{words} {1000 * value:.3g} ms"
    return f"{key.replace('_', ' ').capitalize()}: {value}"


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count:,} bytes"


def _location(item: Finding, base: str) -> str:
    """The file as seen from the current directory, with slashes."""
    if not item.file or not base:
        return item.file
    path = os.path.relpath(Path(base) / item.file)
    return item.file if path.startswith("..") else Path(path).as_posix()


def _annotation(item: Finding, base: str) -> str:
    """A workflow command of GitHub Actions."""
    kind = "notice" if item.severity == "note" else item.severity
    properties = {
        "file": _location(item, base),
        "line": str(item.line or ""),
        "title": f"{item.id} {item.rule.title}",
    }
    shown = ",".join(f"{key}={_escaped(value, ':,')}" for key, value in properties.items() if value)
    text = f"{item.message}. {item.fix or item.rule.cure}"
    return f"::{kind} {shown}::{_escaped(text)}"


def _escaped(text: str, further: Iterable[str] = ()) -> str:
    for character in ("%", "\r", "\n", *further):
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _sarif(report: CheckReport) -> dict[str, Any]:
    """The findings as SARIF 2.1.0."""
    rules = {item.id: item.rule for item in report.findings}
    driver = {
        "name": "cpr",
        "semanticVersion": installed_version(),
        "rules": [
            {
                "id": rule.id,
                "shortDescription": {"text": rule.title},
                "fullDescription": {"text": rule.cause},
                "help": {"text": rule.cure},
                "defaultConfiguration": {"level": rule.severity},
            }
            for rule in rules.values()
        ],
    }
    results = [_result(item, report.base) for item in report.findings]
    run = {"tool": {"driver": driver}, "results": results}
    return {"$schema": _SARIF, "version": "2.1.0", "runs": [run]}


def _result(item: Finding, base: str) -> dict[str, Any]:
    text = f"{item.message}. {item.fix or item.rule.cure}"
    result: dict[str, Any] = {
        "ruleId": item.id,
        "level": item.severity,
        "message": {"text": text},
    }
    if item.file:
        place: dict[str, Any] = {"artifactLocation": {"uri": _location(item, base)}}
        if item.line:
            place["region"] = {"startLine": item.line}
        result["locations"] = [{"physicalLocation": place}]
    return result
