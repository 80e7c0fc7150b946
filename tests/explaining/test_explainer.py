"""Sampled Shapley through whole routines: scikit-learn, classes of the user's own, Vertex AI's."""

import json
import shutil
from pathlib import Path
from time import monotonic_ns

import numpy as np
import pytest

from cpr.explaining.explainer import Explainer
from cpr.messages import Call

INSTANCE = [0.5, -1.2, 0.7, 1.1, 0.3]


def check_sums(found):
    for item in found:
        total = sum(np.ravel(list(item["attributions"].values())))
        assert total == pytest.approx(item["example_score"] - item["baseline_score"], abs=1e-9)


def test_a_regressor_is_explained_exactly(explainer_of, forest, labels_of, exactly):
    explainer = explainer_of(forest)
    predict = explainer.routine.predictor.estimator.predict
    [found] = labels_of(explainer, instances=[INSTANCE])
    expected = exactly(lambda row: predict([row])[0], INSTANCE, [0] * 5)
    assert found["attributions"]["features"] == pytest.approx(expected)
    assert (found["label_index"], found["output_name"]) == (-1, "prediction")
    assert found["approx_error"] == 0
    assert found["example_score"] == pytest.approx(predict([INSTANCE])[0])
    assert "label_name" not in found
    check_sums([found])


def test_a_classifier_is_explained_by_its_probabilities(
    explainer_of, classifier, labels_of, exactly
):
    explainer = explainer_of(classifier)
    estimator = explainer.routine.predictor.estimator
    found = labels_of(explainer, instances=[INSTANCE], explain={"top_k": -1, "baseline": [1] * 5})
    assert len(found) == 3
    check_sums(found)
    scores = [item["example_score"] for item in found]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1)
    for item in found:
        column = item["label_index"]
        assert item["label_name"] == estimator.classes_[column]
        expected = exactly(
            lambda row, column=column: estimator.predict_proba([row])[0, column],
            INSTANCE,
            [1] * 5,
        )
        assert item["attributions"]["features"] == pytest.approx(expected)


def test_the_label_that_was_asked_for_is_explained(explainer_of, classifier, labels_of, ask):
    explainer = explainer_of(classifier)
    [found] = labels_of(explainer, instances=[INSTANCE], explain={"label_index": 2})
    assert found["label_index"] == 2
    status, document = ask(explainer, instances=[INSTANCE], explain={"label_index": 3})
    assert status == 400
    assert "explain.label_index is 3; the output has 3 scores." in document["error"]


def test_features_with_names_are_told_by_name(explainer_of, saved, tables, labels_of):
    pandas = pytest.importorskip("pandas", reason="needs the extra cpr[pandas]")
    from sklearn.linear_model import LinearRegression

    rows, numbers, _ = tables
    frame = pandas.DataFrame(rows, columns=list("abcde"))
    model = LinearRegression().fit(frame, numbers)
    explainer = explainer_of(saved(model))
    expected = dict(zip("abcde", model.coef_ * INSTANCE, strict=True))
    by_row = labels_of(explainer, instances=[INSTANCE])
    by_name = labels_of(explainer, instances=[dict(zip("abcde", INSTANCE, strict=True))])
    assert by_row[0]["attributions"] == pytest.approx(expected)
    assert by_name[0]["attributions"] == pytest.approx(expected)


def test_several_baselines_are_averaged(explainer_of, forest, labels_of):
    explainer = explainer_of(forest)
    ones, twos, both = (
        labels_of(explainer, instances=[INSTANCE], explain={"baselines": given})[0]
        for given in ([1], [2], [1, 2])
    )
    mean = np.mean([item["attributions"]["features"] for item in (ones, twos)], axis=0)
    assert both["attributions"]["features"] == pytest.approx(mean)
    assert both["baseline_score"] == pytest.approx(
        (ones["baseline_score"] + twos["baseline_score"]) / 2
    )
    check_sums([both])


def test_the_instance_itself_as_baseline_explains_nothing(explainer_of, forest, labels_of):
    [found] = labels_of(explainer_of(forest), instances=[[0, 0, 0, 0, 0]])
    assert found["attributions"]["features"] == [0] * 5
    assert found["baseline_score"] == found["example_score"]
    assert found["approx_error"] == 0


def test_vertex_ai_gets_its_own_words(explainer_of, classifier, ask):
    override = {"parameters": {"sampledShapleyAttribution": {"pathCount": 5}}}
    body = {"instances": [INSTANCE], "explanationSpecOverride": override, "parameters": {}}
    status, document = ask(explainer_of(classifier), "vertex", **body)
    assert status == 200
    [explanation] = document["explanations"]
    [found] = explanation["attributions"]
    assert set(found) == {
        "baselineOutputValue",
        "instanceOutputValue",
        "featureAttributions",
        "outputIndex",
        "outputDisplayName",
        "approximationError",
        "outputName",
    }
    assert max(document["predictions"][0]) == pytest.approx(found["instanceOutputValue"])
    assert document["predictions"][0][found["outputIndex"][0]] == found["instanceOutputValue"]


def test_a_class_of_ones_own_is_explained(explainer_of, routine_file, labels_of):
    target = routine_file(
        "return [{'score': i['age'] * i['size'] + (i['job'] == 'clerk'), 'id': 'x'} "
        "for i in instances]"
    )
    instance = {"age": 30, "size": 2, "job": "clerk"}
    [found] = labels_of(explainer_of(target=target, model_dir=Path(__file__).parent),
                        instances=[instance])  # fmt: skip
    assert found["output_name"] == "score"
    assert found["attributions"] == pytest.approx({"age": 30, "size": 30, "job": 1})
    assert (found["baseline_score"], found["example_score"]) == (0, 61)


def test_predict_gets_the_requests_other_keys(explainer_of, routine_file, labels_of):
    target = routine_file("return [kwargs['factor'] * sum(row) for row in instances]")
    explainer = explainer_of(target=target, model_dir=Path(__file__).parent)
    [found] = labels_of(explainer, instances=[[1, 2]], factor=3)
    assert found["attributions"]["features"] == [3, 6]


def test_instances_that_matter_to_each_other_are_predicted_one_by_one(
    explainer_of, routine_file, labels_of
):
    target = routine_file(
        "return [row[0] + 10 * row[1] * (len(instances) > 1) for row in instances]"
    )
    explainer = explainer_of(target=target, model_dir=Path(__file__).parent)
    [found] = labels_of(explainer, instances=[[1, 2], [3, 4]])
    assert found["attributions"]["features"] == [1, 0]


def test_one_prediction_for_all_instances_is_asked_for_one_by_one(
    explainer_of, routine_file, labels_of
):
    target = routine_file("return [instances[0][0] * 2]")
    explainer = explainer_of(target=target, model_dir=Path(__file__).parent)
    [found] = labels_of(explainer, instances=[[4, 2]])
    assert found["attributions"]["features"] == [8, 0]


def test_a_vertex_ai_class_is_explained(explainer_of, tmp_path, ask):
    (tmp_path / "routine.py").write_text(
        """
class Routine:
    def load(self, artifacts_uri):
        pass

    def preprocess(self, body):
        return body["instances"]

    def predict(self, rows):
        return [sum(row) for row in rows]

    def postprocess(self, predictions):
        return {"predictions": predictions}
"""
    )
    explainer = explainer_of(target=f"{tmp_path / 'routine.py'}:Routine", model_dir=tmp_path)
    status, document = ask(explainer, "vertex", instances=[[1, 2, 4]])
    assert status == 200, document
    [found] = document["explanations"][0]["attributions"]
    assert found["featureAttributions"] == {"features": [1, 2, 4]}
    assert document["predictions"] == [7]


REFUSED = {
    "text": ("return ['setosa'] * len(instances)", [[1, 2]], 400, "a prediction is 'setosa'; only"),
    "several": (
        "return [{'a': 1, 'b': 2.5} for _ in instances]",
        [[1, 2]],
        400,
        "several outputs have scores: a, b. Name the one",
    ),
    "chance": (
        "import random; return [random.random() for _ in instances]",
        [[1, 2]],
        500,
        "the predictor answers the same instance differently each time",
    ),
    "nan": (
        "return [1 / row[0] if row[0] else float('nan') for row in instances]",
        [[1, 2]],
        400,
        "has the score nan; only finite numbers up to 1e+150 can be explained. Give a baseline",
    ),
    "large": (
        "return [sum(row) for row in instances]",
        [[1.7e308, 1]],
        400,
        "has the score 1.7e+308; only finite numbers up to 1e+150 can be explained",
    ),
    "steep": (
        "return [row[0] * row[0] for row in instances]",
        [[1e80]],
        400,
        "has the score 1e+160; only finite numbers",
    ),
    "forms": (
        "return [[1, 2] if row[0] else [1] for row in instances]",
        [[1, 2]],
        500,
        "are not all numbers of one form",
    ),
    "raises": (
        "return [1 / row[0] for row in instances]",
        [[1, 2]],
        500,
        "predict raised ZeroDivisionError",
    ),
    "no_list": ("return [0]", {"a": 1}, 400, "instances is an object"),
    "no_values": ("return [0]", [[]], 400, "instances[0] is a list of 0 values, without a value"),
}


@pytest.mark.parametrize(("predict", "instances", "status", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_explained_is_said(
    explainer_of, routine_file, ask, predict, instances, status, said
):
    explainer = explainer_of(target=routine_file(predict), model_dir=Path(__file__).parent)
    found, document = ask(explainer, instances=instances)
    assert (found, said in document["error"]) == (status, True), document


def test_no_instances_have_no_explanations(explainer_of, forest, ask):
    assert ask(explainer_of(forest), instances=[]) == (200, {"explanations": []})


def test_a_classifier_without_probabilities_is_declined(explainer_of, saved, tables, ask):
    from sklearn.svm import LinearSVC

    rows, _, classes = tables
    folder = saved(LinearSVC().fit(rows, classes))
    status, document = ask(explainer_of(folder), instances=[INSTANCE])
    assert (status, "LinearSVC predicts classes without" in document["error"]) == (400, True)
    flags = {"predictor.output": "decision_function"}
    status, document = ask(explainer_of(folder, flags=flags), instances=[INSTANCE])
    assert status == 200, document


@pytest.mark.parametrize(
    ("instances", "explain", "said"),
    [
        (
            [[1.0] * 1500],
            {},
            "instances[0] has 1,500 features other than its baseline; sampled Shapley takes at "
            "most 1,024.",
        ),
        (
            [[1.0] * 500] * 5,
            {"num_paths": 1000},
            "5 instances on 1000 paths take 2,495,010 predictions; one request may take 100,000.",
        ),
        ([[1]] * 100_001, {}, "100,001 instances take 100,001 predictions; one request may take"),
    ],
    ids=["features", "predictions", "instances"],
)
def test_too_much_is_refused_before_anything_is_predicted(
    explainer_of, routine_file, ask, instances, explain, said
):
    target = routine_file("raise RuntimeError('asked')")
    explainer = explainer_of(target=target, model_dir=Path(__file__).parent)
    status, document = ask(explainer, instances=instances, explain=explain)
    assert (status, said in document["error"]) == (400, True), document


@pytest.mark.parametrize(
    ("instances", "said"),
    [
        ([[1.0] * 500], "the scores of 1,000 labels would hold 4,992,000 numbers; one request may"),
        ([[1.0] + [0] * 999] * 5, "the answer would hold 5,000,000 numbers; one request may have"),
    ],
    ids=["scores", "answer"],
)
def test_too_many_numbers_for_all_labels_are_refused(
    explainer_of, routine_file, ask, instances, said
):
    target = routine_file("return [[row[0]] * 1000 for row in instances]")
    explainer = explainer_of(target=target, model_dir=Path(__file__).parent)
    explain = {"top_k": -1, "num_paths": 10}
    status, document = ask(explainer, instances=instances, explain=explain)
    assert (status, said in document["error"]) == (400, True), document


def test_variants_of_a_million_values_are_predicted_few_at_a_time(
    explainer_of, routine_file, labels_of
):
    target = routine_file("assert len(instances) <= 4; return [sum(row) for row in instances]")
    explainer = explainer_of(target=target, model_dir=Path(__file__).parent)
    [found] = labels_of(explainer, instances=[[1, 2, 3] + [0] * 999_997])
    assert found["attributions"]["features"][:4] == [1, 2, 3, 0]


def test_each_baseline_is_sampled_anew(explainer_of, routine_file, labels_of):
    products = "return [sum(a * b for a, b in zip(row, row[1:])) + max(row) for row in instances]"
    target = routine_file(products)
    explainer = explainer_of(target=target, model_dir=Path(__file__).parent)
    row, zeros = [float(n % 7) - 1.5 for n in range(12)], [0.0] * 12
    once, twice = (
        labels_of(explainer, instances=[row], explain={"baselines": given, "num_paths": 4})[0]
        for given in ([zeros], [zeros, zeros])
    )
    assert once["attributions"] != twice["attributions"]
    assert twice["approx_error"] < once["approx_error"]


def test_features_that_are_the_baselines_cost_nothing(explainer_of, routine_file, labels_of):
    target = routine_file("return [sum(row) for row in instances]")
    explainer = explainer_of(target=target, model_dir=Path(__file__).parent)
    [found] = labels_of(explainer, instances=[[0.0] * 5000 + [2, 3]])
    assert found["attributions"]["features"][-3:] == [0, 2, 3]


def test_an_explanation_gives_up_before_its_deadline(explainer_of, routine_file):
    target = routine_file("return [sum(row) for row in instances]")
    explainer = explainer_of(target=target, model_dir=Path(__file__).parent)
    body = json.dumps({"instances": [[1.0] * 40], "explain": {"num_paths": 1000}})
    reply = explainer.answer(Call(body.encode()), deadline_ns=monotonic_ns() + 1_000_000)
    assert reply.status == 504
    assert b"there is no time left for the explanation" in reply.body
    assert explainer.answer(Call(body.encode())).status == 200


def test_others_have_their_turn_between_predicts(explainer_of, forest):
    turns = []
    body = json.dumps({"instances": [[1.0, 2, 3, 4, 5]] * 20})
    explainer = explainer_of(forest)
    reply = explainer.answer(Call(body.encode()), between=lambda: turns.append(1))
    assert reply.status == 200
    assert len(turns) >= 20


def test_metadata_beside_the_model_says_what_is_explained(
    forest, labels_of, explainer_of, tmp_path
):
    folder = tmp_path / "model"
    shutil.copytree(forest, folder)
    document = {
        "inputs": {
            "row": {
                "input_baselines": [[1, 1, 1, 1, 1]],
                "index_feature_mapping": list("abcde"),
                "encoding": "bag_of_features",
            }
        },
        "outputs": {"price": {}},
        "framework": "custom_container",
    }
    (folder / "explanation_metadata.json").write_text(json.dumps(document))
    [found] = labels_of(explainer_of(folder), instances=[INSTANCE])
    [plain] = labels_of(explainer_of(forest), instances=[INSTANCE], explain={"baseline": 1})
    assert list(found["attributions"]) == list("abcde")
    assert list(found["attributions"].values()) == plain["attributions"]["features"]
    assert found["output_name"] == "price"


def test_metadata_that_is_wrong_is_told_with_the_request(forest, ask, explainer_of, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(forest, folder)
    (folder / "explanation_metadata.json").write_text('{"inputs": 3}')
    explainer = explainer_of(folder)
    assert isinstance(explainer, Explainer)
    status, document = ask(explainer, instances=[INSTANCE])
    assert status == 503
    assert "explanation_metadata.json: inputs is 3" in document["error"]


def test_inputs_that_the_metadata_leaves_out_stay_as_they_are(
    explainer_of, routine_file, labels_of, tmp_path
):
    document = {"inputs": {"Age": {"input_tensor_name": "age"}}, "outputs": {"score": {}}}
    (tmp_path / "explanation_metadata.json").write_text(json.dumps(document))
    target = routine_file("return [i['age'] * i['size'] for i in instances]")
    explainer = explainer_of(target=target, model_dir=tmp_path)
    [found] = labels_of(explainer, instances=[{"age": 3, "size": 5}])
    assert found["attributions"] == {"Age": 15}
    assert (found["baseline_score"], found["example_score"]) == (0, 15)


@pytest.mark.parametrize(
    "predict",
    [
        "return [{'no': 1 - i[0] / 10, 'yes': i[0] / 10} for i in instances]",
        "return [{'name': 'yes', 'p': {'no': 1 - i[0] / 10, 'yes': i[0] / 10}} for i in instances]",
    ],
    ids=["bare", "output"],
)
def test_probabilities_by_name_are_labels(explainer_of, routine_file, labels_of, predict):
    explainer = explainer_of(target=routine_file(predict), model_dir=Path(__file__).parent)
    yes, no = labels_of(explainer, instances=[[8, 3]], explain={"top_k": 2})
    assert (yes["label_name"], yes["label_index"], yes["example_score"]) == ("yes", 1, 0.8)
    assert yes["attributions"]["features"] == pytest.approx([0.8, 0])
    assert (no["label_name"], no["attributions"]["features"]) == ("no", pytest.approx([-0.8, 0]))


def test_predictions_without_scores_name_the_parameters_of_a_class(explainer_of, ask, tmp_path):
    (tmp_path / "kinds.py").write_text(
        """
class Kinds:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, *, probabilities=False):
        return [0.5 if probabilities else "cat" for _ in instances]
"""
    )
    explainer = explainer_of(tmp_path, target=f"{tmp_path / 'kinds.py'}:Kinds")
    status, document = ask(explainer, instances=[[1.0]])
    assert status == 400
    assert "makes it return scores; it takes probabilities." in document["error"]
    assert ask(explainer, instances=[[1.0]], probabilities=True)[0] == 200
