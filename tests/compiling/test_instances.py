"""The shapes that tell whether a model insists on those that it declares."""

import numpy as np
import pytest

from cpr.compiling.instances import SignatureInstances
from cpr.runtimes.signatures import Signature, TensorSpec


@pytest.mark.parametrize(
    ("declared", "tried"),
    [
        ((None,), [(2, 2), (2, 1)]),
        ((None, 5), [(2,), (2, 6), (2, 5, 2), (2, 1, 5), (5,)]),
        (
            (None, 8, 8, 3),
            [
                *((2, 8, 8), (2, 8, 8, 4), (2, 9, 8, 3), (2, 8, 8, 3, 2), (2, 1, 8, 8, 3)),
                (8, 8, 3),
            ],
        ),
    ],
)
def test_ranks_and_sizes_that_are_not_declared_are_tried(declared, tried):
    x = TensorSpec("x:0", "float32", declared)
    signature = Signature("serving_default", "", {"x": x}, {})
    found = [np.shape(instances) for instances in SignatureInstances(signature).misshapen(0)]
    assert found == tried
