"""What is said beside a variable names others only as tables show them."""

from cpr.inspecting.inspection import Variable
from cpr.inspecting.marks import marks_of


def variable(name, key, **more):
    return Variable(name, "float32", (2,), 8, key=key, **more)


def test_another_variable_is_named_as_its_row_is():
    found = [
        variable("dense/bias", "_all_variables/0/x"),
        variable("other/bias", "_all_variables/1/x", duplicate_of="_all_variables/0/x"),
    ]
    assert marks_of(found) == ["", "same as dense/bias"]


def test_a_second_place_of_one_variable_names_no_other_row():
    found = [
        variable("dense/kernel", "_all_variables/0/x"),
        variable("dense/kernel", "variables/0/x", duplicate_of="_all_variables/0/x"),
    ]
    assert marks_of(found) == ["", "stored again"]


def test_what_serving_does_not_need_is_said():
    found = [
        variable("adam/m", "a", role="optimizer", is_reached=False),
        variable("count", "b", role="training", is_reached=False),
        variable("graph", "c", role="bookkeeping", is_reached=False),
    ]
    assert marks_of(found) == [
        "optimizer slot, not reached",
        "training state, not reached",
        "bookkeeping of TensorFlow",
    ]
