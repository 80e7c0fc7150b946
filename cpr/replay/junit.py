"""Writes a replay as JUnit XML, which every CI system reads: a test case for each request."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from cpr.replay.mismatch_table import ByRequest, mismatch_lines
from cpr.replay.results import ReplayResult, RequestResult

_SHOWN = 20
# What XML 1.0 cannot hold, even escaped.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(result: ReplayResult) -> str:
    """The document: a failed request is an ``error``, a mismatch a ``failure``."""
    suites = ElementTree.Element("testsuites")
    counts = {
        "name": _clean(f"cpr replay {result.name}"),
        "tests": str(len(result.requests)),
        "failures": str(result.mismatched),
        "errors": str(result.failed),
        "skipped": "0",
        "time": f"{result.elapsed_s:.6f}",
    }
    suite = ElementTree.SubElement(suites, "testsuite", counts)
    seen: dict[str, int] = {}
    for item in result.requests:
        seen[item.place] = seen.get(item.place, 0) + 1
        _add_case(suite, item, seen[item.place])
    ElementTree.indent(suites)
    text = ElementTree.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'


def _add_case(suite: ElementTree.Element, item: RequestResult, time: int) -> None:
    file, _, _ = item.place.rpartition(":")
    name = item.place if time == 1 else f"{item.place} #{time}"
    seconds = f"{item.latency_ms / 1000:.6f}"
    names = {"classname": _clean(file), "name": _clean(name), "time": seconds}
    case = ElementTree.SubElement(suite, "testcase", names)
    if item.error:
        kind, _, message = item.error.partition(": ")
        _add_problem(case, "error", kind, message, item.error)
    elif item.mismatch_count:
        request = ByRequest(item.place, item.mismatches, item.mismatch_count)
        lines = mismatch_lines([request], show=_SHOWN, names=("expected", "actual"))
        noun = "value" if item.mismatch_count == 1 else "values"
        message = f"{item.mismatch_count} {noun} not as expected"
        _add_problem(case, "failure", "mismatch", message, "\n".join(lines).strip())


def _add_problem(case: ElementTree.Element, tag: str, kind: str, message: str, text: str) -> None:
    attributes = {"type": kind, "message": _clean(message)}
    ElementTree.SubElement(case, tag, attributes).text = _clean(text)


def _clean(text: str) -> str:
    return _UNWRITABLE.sub("�", text)
