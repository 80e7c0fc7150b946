"""How long a process waits to be started again."""

import pytest

from cpr.server.backoff import Backoff


@pytest.mark.parametrize(
    ("ends", "waits"),
    [
        ("www", [0, 0, 0]),
        ("-w-w", [0, 0, 0, 0]),
        ("-----", [0, 0.1, 0.2, 0.4, 0.8]),
        ("---w--", [0, 0.1, 0.2, 0, 0, 0.1]),
        ("-" * 2000, [0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, *[5] * 1993]),
    ],
    ids=["well", "every other", "in a row", "well between", "for ever"],
)
def test_waits_grow_while_nothing_goes_well(ends, waits):
    backoff = Backoff()

    assert [backoff.after(was_well=end == "w") for end in ends] == pytest.approx(waits)
