"""What a request may ask of an explanation."""

import pytest

from cpr.errors import BadInput
from cpr.explaining.options import Options

VERTEX = {"sampledShapleyAttribution": {"pathCount": 9}, "topK": 2}


def test_what_is_no_option_is_for_predict():
    options, rest = Options.take({"probabilities": True, "explain": {"num_paths": 3}})
    assert (options.num_paths, rest) == (3, {"probabilities": True})


@pytest.mark.parametrize(
    ("parameters", "options"),
    [
        ({}, Options()),
        ({"explain": None}, Options()),
        ({"explain": {"seed": None}}, Options()),
        ({"explain": {"baseline": [1, 2]}}, Options(baselines=([1, 2],))),
        ({"explain": {"baselines": [0, 1]}}, Options(baselines=(0, 1))),
        (
            {"explanationSpecOverride": {"parameters": VERTEX}},
            Options(method="sampled-shapley", num_paths=9, top_k=2),
        ),
        (
            {
                "explanation_spec_override": {
                    "parameters": {"integrated_gradients_attribution": {"step_count": 7}}
                },
                "deployedModelId": "5",
            },
            Options(method="integrated-gradients", num_integral_steps=7),
        ),
        (
            {"explanationSpecOverride": {"parameters": {"outputIndices": [2]}}},
            Options(label_index=2),
        ),
    ],
    ids=["none", "null", "null_inside", "baseline", "baselines", "vertex", "snake", "index"],
)
def test_options_are_read(parameters, options):
    assert Options.take(parameters) == (options, {})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "explain is a list of 0 values; expected an object"),
        ({"num_path": 1}, "explain.num_path is no option; known are method, num_paths"),
        ({"method": "xrai"}, "explain.method is 'xrai'; expected one of auto, sampled-shapley"),
        ({"num_paths": 0}, "explain.num_paths is 0; expected a whole number from 1 to 1,000"),
        ({"num_paths": 1001}, "explain.num_paths is 1001; expected a whole number from 1 to"),
        ({"num_paths": True}, "explain.num_paths is True"),
        ({"num_integral_steps": 1.5}, "explain.num_integral_steps is 1.5"),
        ({"top_k": 0}, "explain.top_k is 0"),
        ({"label_index": -1}, "explain.label_index is -1"),
        ({"seed": "x"}, "explain.seed is 'x'"),
        ({"output": 3}, "explain.output is 3; expected a text"),
        ({"baselines": []}, "explain.baselines is a list of 0 values; expected a list of 1 to 10"),
        ({"baselines": [0] * 11}, "expected a list of 1 to 10 instances"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(given, said):
    with pytest.raises(BadInput) as caught:
        Options.take({"explain": given})
    assert said in caught.value.problem


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"xraiAttribution": {"stepCount": 5}}, "asks for a method that is not there"),
        ({"outputIndices": [1, 2]}, "outputIndices is [1, 2]; expected a list of one index"),
        ({"sampledShapleyAttribution": 5}, "5 stands where an object was expected"),
        ({"sampledShapleyAttribution": {"pathCount": 0}}, "explain.num_paths is 0"),
    ],
    ids=["xrai", "indices", "no_object", "bound"],
)
def test_what_vertex_ai_has_and_is_not_there_is_refused(parameters, said):
    with pytest.raises(BadInput) as caught:
        Options.take({"explanationSpecOverride": {"parameters": parameters}})
    assert said in caught.value.problem
