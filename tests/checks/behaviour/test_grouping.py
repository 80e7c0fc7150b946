"""Instances with equal parameters are put into other groups."""

import json

import pytest

from cpr.checks.behaviour.grouping import plans


def body(instances, **parameters):
    return json.dumps({"instances": instances, **parameters}).encode()


def test_equal_parameters_make_one_group():
    requests = [
        (0, body([1, 2], size=3)),
        (1, body([3])),
        (2, body([4, 1], size=3)),
        (3, body({"not": "a list"})),
    ]
    first, second = plans(requests, at_most=10)
    assert (first.instances, first.parameters, first.requests) == ((1, 2, 4), {"size": 3}, (0, 2))
    assert (second.instances, second.parameters) == ((3, 3), {})


def test_each_alone_then_all_then_shuffled():
    (plan,) = plans([(0, body([[1], [2], [3]], size=3))], at_most=10)
    documents = [json.loads(request) for request in plan.bodies]
    assert [document["instances"] for document in documents[:4]] == [
        [[1]],
        [[2]],
        [[3]],
        [[1], [2], [3]],
    ]
    assert documents[4]["instances"] == [[[1], [2], [3]][position] for position in plan.order]
    assert all(document["size"] == 3 for document in documents)


@pytest.mark.parametrize("count", range(2, 12))
def test_shuffled_is_another_order_and_the_same_each_time(count):
    (plan,) = plans([(0, body(list(range(count))))], at_most=100)
    assert sorted(plan.order) == list(range(count)) != list(plan.order)
    assert plan.order == plan.order


def test_many_instances_are_thinned_evenly():
    (plan,) = plans([(0, body(list(range(1000))))], at_most=10)
    assert plan.instances == tuple(range(0, 1000, 100))


def test_requests_without_instances_have_no_group():
    assert plans([(0, body([])), (1, b'{"instances": "text"}')], at_most=10) == []
