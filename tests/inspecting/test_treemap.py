"""Areas of the map are in proportion to bytes, and fill it."""

import re

import pytest

from cpr.inspecting.treemap import HEIGHT, WIDTH, Part, treemap


def boxes(markup):
    found = re.findall(
        r'<rect x="([\d.e+-]+)" y="([\d.e+-]+)" width="([\d.e+-]+)" height="([\d.e+-]+)"'
        r' class="part (\w+)" data-tip="([^"]*)"',
        markup,
    )
    return [(*map(float, item[:4]), item[4], item[5]) for item in found]


def drawn(*sizes):
    return boxes(treemap([Part(f"p{n}", size, "weight") for n, size in enumerate(sizes)], "s"))


@pytest.mark.parametrize(
    "sizes",
    [(1,), (5, 3), (100, 50, 25, 12, 6, 3), tuple(range(1, 60)), (10**12, 1), (7,) * 150],
    ids=["one", "two", "halves", "many", "a giant", "equals"],
)
def test_areas_are_in_proportion(sizes):
    found = drawn(*sizes)
    assert len(found) == len(sizes)
    whole = sum(sizes)
    for box, size in zip(found, sorted(sizes, reverse=True), strict=True):
        assert box[2] * box[3] == pytest.approx(WIDTH * HEIGHT * size / whole, rel=0.01)
        assert box[0] >= 0 and box[0] + box[2] <= WIDTH * 1.001
        assert box[1] >= 0 and box[1] + box[3] <= HEIGHT * 1.001


def test_boxes_do_not_overlap():
    found = drawn(*range(1, 60))
    for number, one in enumerate(found):
        for other in found[number + 1 :]:
            across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
            down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
            assert across < 0.2 or down < 0.2


def test_boxes_are_not_slivers():
    assert all(max(box[2] / box[3], box[3] / box[2]) < 4 for box in drawn(*range(20, 60)))


def test_the_smallest_of_many_are_one():
    found = drawn(*[100] * 10, *[1] * 1000)
    assert len(found) == 200
    assert found[0][5].startswith("811 smaller ones: 811 B")


def test_what_has_no_bytes_is_left_out():
    assert drawn(0, 0) == []
    assert len(drawn(0, 1)) == 1
