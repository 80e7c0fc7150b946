"""The page on observability says what the code does."""

import json
import re
from pathlib import Path

import pytest

from cpr.observe.access_log import AccessLog
from cpr.observe.answered import Answered
from cpr.observe.counters import REFUSALS
from cpr.observe.metrics import METRICS

PAGE = (Path(__file__).parents[2] / "docs" / "observability.md").read_text(encoding="utf-8")


def test_every_metric_is_documented_and_no_other():
    rows = re.findall(r"^\| `(cpr_\w+)` \| (\w+) \| ([^|]*) \| (.*) \|$", PAGE, re.MULTILINE)
    assert rows == [
        (one.shown_name, one.kind, ", ".join(f"`{label}`" for label in one.labels), one.help)
        for one in METRICS
    ]


def test_every_reason_of_a_refusal_is_documented():
    (listed,) = re.findall(
        r"`reason` says why a request was turned away: (.*)$", PAGE, re.MULTILINE
    )
    assert re.findall(r"`(\w+)` \(", listed) == list(REFUSALS)


def test_queries_name_metrics_that_exist():
    suffixes = {"histogram": ("_bucket", "_count", "_sum")}
    known = {one.shown_name for one in METRICS}
    known |= {one.name + end for one in METRICS for end in suffixes.get(one.kind, ())}
    labels = {label for one in METRICS for label in one.labels} | {"le"}
    queries = re.findall(r"expr: (.*)$", PAGE, re.MULTILINE)
    assert len(queries) >= 8
    for query in queries:
        assert set(re.findall(r"cpr_\w+", query)) <= known, query
        used = re.findall(r"(\w+)=", query) + re.findall(r"by \(([^)]*)\)", query)
        assert {name for group in used for name in group.split(", ")} <= labels, query


@pytest.mark.parametrize("source", ["table", "example"])
def test_every_field_of_the_access_log_is_documented(tmp_path, source):
    log = AccessLog(tmp_path / "log")
    log.add(
        [
            Answered(0, "r", "c", b"GET", b"/", "", "", "page", 200, 0, 0, 1),
        ]
    )
    assert log.close(60)
    fields = list(json.loads((tmp_path / "log").read_text()))
    section = PAGE.partition("\n## Access log\n")[2].partition("\n## ")[0]
    if source == "table":
        assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == fields
    else:
        (example,) = re.findall(r"^```json\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
        assert list(json.loads(example)) == fields
