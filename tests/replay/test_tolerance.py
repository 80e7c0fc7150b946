"""Tolerances: from flags and settings to what is allowed at a place."""

import pytest

from cpr.errors import UsageError
from cpr.replay.tolerance import Allowance, make_tolerance


def test_defaults_are_numpy_s():
    tolerance = make_tolerance()
    assert tolerance.everywhere == Allowance(1e-8, 1e-5, is_default=True)
    assert str(tolerance) == "atol 1e-08, rtol 1e-05"


def test_one_part_given_leaves_the_other_at_its_default():
    assert make_tolerance(atol=0.5).everywhere == Allowance(0.5, 1e-5)
    assert make_tolerance(rtol=0).everywhere == Allowance(1e-8, 0)


def test_flags_win_over_what_is_assigned_and_later_over_earlier():
    assigned = ["atol=1", "rtol=2", "atol=3"]
    assert make_tolerance(by_path=assigned).everywhere == Allowance(3.0, 2.0)
    assert make_tolerance(rtol=0.5, by_path=assigned).everywhere == Allowance(3.0, 0.5)


def test_longest_pattern_counts_and_of_two_the_later():
    tolerance = make_tolerance(
        by_path=["predictions[*].a=1", "predictions=2", "predictions[*].*=3:0.5"]
    )
    assert tolerance.at(("predictions", 0, "a"))[1] == Allowance(3.0, 0.5)
    assert tolerance.at(("predictions", 0))[1] == Allowance(2.0, 0.0)
    assert tolerance.at(("other",)) == (None, tolerance.everywhere)


def test_key_with_an_equals_sign_is_a_path():
    tolerance = make_tolerance(by_path=['a["b=c"]=0.25'])
    assert tolerance.at(("a", "b=c"))[1].atol == 0.25


def test_is_told_in_one_line():
    tolerance = make_tolerance(atol=0, rtol=0.1, by_path=["a=1:2", "b=3"], ignore=["c[*]"])
    assert str(tolerance) == "atol 0, rtol 0.1, a=1:2, b=3, ignoring c[*]"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"by_path": ["predictions"]}, "'predictions' cannot be read"),
        ({"by_path": ["a=x"]}, "'a=x' cannot be read"),
        ({"by_path": ["a=1:y"]}, "'a=1:y' cannot be read"),
        ({"by_path": ["a=-1"]}, "'a=-1' is not 0 or more"),
        ({"by_path": ["a=nan"]}, "'a=nan' is not 0 or more"),
        ({"by_path": ["atol=-1"]}, "'atol=-1' is not 0 or more"),
        ({"by_path": ["a[=1"]}, "'a[' is not a path into a response"),
        ({"ignore": ["a..b"]}, "'a..b' is not a path into a response"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refuses(flags, message):
    with pytest.raises(UsageError) as caught:
        make_tolerance(**flags)
    assert message in caught.value.problem
    assert caught.value.hint
