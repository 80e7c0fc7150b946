"""Results as a replay and a diff make them, and a real browser that opens reports."""

import pytest

from cpr.replay.results import DiffResult, Latency, Mismatch, ReplayResult, RequestDiff, Side
from cpr.replay.results import RequestResult as Result
from cpr.replay.shifts import LabelChange, LabelShift, NumericShift, Spread

SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


def make_request(index):
    """Of every ten requests the fourth fails and the seventh differs; each takes its own time."""
    place = f"requests/rows-{index // 25_000}.jsonl:{index % 25_000 + 1}"
    status, error, found = 200, "", ()
    if index % 10 == 3:
        status, error = 400, f"BadInput: instances[0][{index % 20}] is text\nSend numbers."
    elif index % 10 == 6:
        found = (
            Mismatch("predictions[0].score", 0.5, 0.75, 0.25, 0.5, excess=25.0),
            Mismatch("predictions[0].label", "setosa", "virginica"),
        )
    latency = 1 + (index * 7919 % 1000) / 100
    return Result(place, 1, status, latency, index * 2.0, error, found, len(found), True)


@pytest.fixture(scope="session")
def make_replay():
    def make(requests=10, **changes):
        """A replay of so many requests, or of the requests given."""
        items = requests
        if isinstance(requests, int):
            items = [make_request(index) for index in range(requests)]
        taken = sorted(item.latency_ms for item in items if not item.error)
        latency = None
        if taken:
            ranks = (taken[-(-len(taken) * percent // 100) - 1] for percent in (50, 95, 99))
            latency = Latency(taken[0], *ranks, taken[-1])
        elapsed_s = len(items) / 500
        values = {"tolerance": "atol 1e-06", **changes}
        return ReplayResult("iris:Flowers", items, elapsed_s, latency, **values)

    return make


@pytest.fixture(scope="session")
def make_diff():
    def make(requests=10, **changes):
        """A diff in which the last prediction changed, of a number and of a label."""
        found = (
            Mismatch("predictions[0].score", 0.5, 0.75, 0.25, 0.5, excess=25.0),
            Mismatch("predictions[0].label", "setosa", "virginica"),
        )
        items = [
            RequestDiff(
                f"rows.jsonl:{index + 1}",
                1,
                Side(200, 2.0 + index % 7, index * 5.0),
                Side(200, 1.0 + index % 5, index * 5.0),
                predictions=1,
                changed=int(index == requests - 1),
                mismatches=found if index == requests - 1 else (),
                mismatch_count=2 * (index == requests - 1),
            )
            for index in range(requests)
        ]
        spread = Spread(requests, 0, 0.5, 0.1, 0.0, 0.1, 0.5, 0.9, 1.0)
        edges, counts = (0.0, 0.25, 0.5, 0.75, 1.0), (1, 2, 3, 4)
        number = NumericShift(
            "predictions[*].score", spread, spread, requests, 1, 1, 0.25, 0.025, 0.1,
            edges, counts, counts[::-1],
        )  # fmt: skip
        pairs = [('"setosa"', '"setosa"', requests - 1), ('"setosa"', '"virginica"', 1)]
        confusion = tuple(LabelChange(*pair) for pair in pairs)
        label = LabelShift("predictions[*].label", requests, 1, confusion)
        values = {
            "values": 2 * requests, "differing": 2, "beyond": 2,
            "numbers": [number], "labels": [label], "tolerance": "atol 1e-06", **changes,
        }  # fmt: skip
        both = Latency(2.0, 4.0, 8.0, 8.0, 8.0), Latency(1.0, 3.0, 5.0, 5.0, 5.0)
        return DiffResult("iris-0.1.tar.gz", "iris-0.2.tar.gz", items, 1.5, *both, **values)

    return make


@pytest.fixture
def open_report(browser, tmp_path):
    """Opens a report as its reader would, from a file; nothing may be logged or requested."""
    contexts, said = [], []

    def open_(html, *, size="desktop", scheme="light", **options):
        file = tmp_path / "report.html"
        file.write_text(html, encoding="utf-8")
        context = browser.new_context(viewport=SIZES[size], color_scheme=scheme, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("request", lambda request: said.append(f"request: {request.url}"))
        page.goto(file.as_uri())
        said.remove(f"request: {file.as_uri()}")
        page.said = said
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not said
