"""The default printing, value by value as gcloud's table printer does it."""

import pytest

from cpr.cli.gcloud_format import render, render_json

CASES = {
    # The last line of a published session with `gcloud ai-platform predict`.
    "names": (["Iris-versicolor", "Iris-virginica"], "['Iris-versicolor', 'Iris-virginica']"),
    "numbers": ([1, 0.5, True, None], "[1, 0.5, True, None]"),
    "vectors": ([[0.25, 0.75], [1.0, 0.0]], "[[0.25, 0.75], [1.0, 0.0]]"),
    "objects-after-other": ([1, {"a": 2}], "[1, {'a': 2}]"),
    "empty": ([], ""),
    "text": ("done", '{\n  "predictions": "done"\n}'),
    "object": ({"b": 1, "a": 2}, '{\n  "predictions": {\n    "a": 2,\n    "b": 1\n  }\n}'),
    "null": (None, '{\n  "predictions": null\n}'),
    # A published session: headings in upper snake case, cells as Python writes lists.
    "estimator": (
        [{"probabilities": [0.94, 0.06], "class_ids": [0], "classes": ["0"]}],
        "CLASS_IDS  CLASSES  PROBABILITIES\n[0]        ['0']    [0.94, 0.06]",
    ),
    "camel-case": ([{"classIds": 3, "topK": 5}], "CLASS_IDS  TOP_K\n3          5"),
    "missing-and-null": (
        [{"a": None, "b": "x"}, {"b": "y", "c": 1}, 7],
        "A  B\n   x\n   y\n",
    ),
    "floats": (
        [{"x": value} for value in (0.123456789, 1234567.891, 2e9, 1e-5, 3.0)],
        "X\n0.123457\n1234567.9\n2e+09\n1e-05\n3.0",
    ),
    "wide-characters": ([{"a": "猫", "b": 1}, {"a": "cat", "b": 2}], "A    B\n猫   1\ncat  2"),
    "newline-in-a-cell": ([{"a": "x\ny"}], "A\nx\\ny"),
}


@pytest.mark.parametrize(("predictions", "text"), CASES.values(), ids=CASES)
def test_prints_as_gcloud_did(predictions, text):
    assert render({"predictions": predictions}) == text


def test_response_without_predictions_is_printed_whole():
    assert render([1, 2]) == "[\n  1,\n  2\n]"
    assert render({"outputs": 1}) == '{\n  "outputs": 1\n}'


def test_format_json_is_the_whole_response_indented():
    assert render_json({"predictions": ["é"]}) == '{\n  "predictions": [\n    "é"\n  ]\n}'
