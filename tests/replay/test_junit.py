"""JUnit XML: valid whatever the text, one test case for each request."""

from xml.etree import ElementTree

from cpr.replay.junit import render_junit
from cpr.replay.results import Mismatch, ReplayResult, RequestResult


def request(place, **more):
    return RequestResult(place, 1, 200, 1.5, 0.0, **more)


def test_every_request_is_a_case():
    mismatch = Mismatch("predictions[0]", 1.0, 2.0, 1.0, 1.0, excess=9.0)
    requests = [
        request("r/a.json:1"),
        request("r/b.jsonl:3", error="UserCodeError: predict raised <boom> & more"),
        request("r/b.jsonl:4", mismatches=(mismatch,), mismatch_count=1, is_compared=True),
        request("r/a.json:1"),
    ]
    text = render_junit(ReplayResult("p.P", requests, 0.25, None))
    suites = ElementTree.fromstring(text.encode())
    [suite] = suites
    assert (suites.tag, suite.tag) == ("testsuites", "testsuite")
    assert suite.attrib == {
        "name": "cpr replay p.P",
        "tests": "4",
        "failures": "1",
        "errors": "1",
        "skipped": "0",
        "time": "0.250000",
    }
    assert [case.attrib["name"] for case in suite] == [
        "r/a.json:1",
        "r/b.jsonl:3",
        "r/b.jsonl:4",
        "r/a.json:1 #2",
    ]
    assert {case.attrib["classname"] for case in suite} == {"r/a.json", "r/b.jsonl"}
    assert suite[0].attrib["time"] == "0.001500"
    assert [len(case) for case in suite] == [0, 1, 1, 0]
    error, failure = suite[1][0], suite[2][0]
    assert (error.tag, error.attrib["type"]) == ("error", "UserCodeError")
    assert error.attrib["message"] == "predict raised <boom> & more"
    assert (failure.tag, failure.attrib["message"]) == ("failure", "1 value not as expected")
    assert "predictions[0]  1.0       2.0     1    1" in failure.text


def test_what_xml_cannot_hold_is_replaced():
    odd = 'a\x00\x1b[31m\ud800\uffff"<>&\n\u20ac'
    requests = [request(f"{odd}:1", error=f"BadInput: {odd}")]
    text = render_junit(ReplayResult(odd, requests, 0.0, None))
    [[case]] = ElementTree.fromstring(text.encode())
    assert case[0].text == 'BadInput: a��[31m��"<>&\n\u20ac'
