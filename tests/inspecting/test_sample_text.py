"""Samples are written as json.dumps does, in a fraction of the time."""

import json

import pytest

from cpr.inspecting.sample_text import sample_text


@pytest.mark.parametrize(
    "sample",
    [
        {"instances": [0.0]},
        {"signature_name": 'a"\\é\n', "instances": [{"x": [[0, 0]] * 3, "ü": True}]},
        {"instances": [{"b64": "AA=="}, None, []]},
        {"instances": [[1, 2], [1, 2], ["text"] * 4]},
        {"instances": [[[[0.0] * 3] * 5] * 5]},
    ],
)
def test_is_what_json_makes_of_it(sample):
    assert sample_text(sample) == json.dumps(sample, ensure_ascii=False)
