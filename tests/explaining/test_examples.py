"""Instances that are serialized Examples are explained by their features."""

import base64
import json

import pytest

from cpr.errors import BadInput, LoadError
from cpr.explaining.examples import opened
from cpr.explaining.fitting import generate
from cpr.savedmodel import protos

PERSON = {"age": 40.0, "city": "Bern", "dates": [3, 5]}


def example(**features):
    made = protos.Example()
    for name, value in features.items():
        values = value if isinstance(value, list) else [value]
        feature = made.features.feature[name]
        if isinstance(values[0], float):
            feature.float_list.value.extend(values)
        elif isinstance(values[0], int):
            feature.int64_list.value.extend(values)
        else:
            texts = [item.encode() if isinstance(item, str) else item for item in values]
            feature.bytes_list.value.extend(texts)
    return made.SerializeToString(deterministic=True)


def in_json(**features):
    return {"b64": base64.b64encode(example(**features)).decode()}


@pytest.mark.parametrize(
    "wrap",
    [lambda data: data, lambda data: {"examples": data}],
    ids=["bare", "by name"],
)
def test_an_example_is_its_features(wrap):
    shown, close = opened(wrap(example(**PERSON)))
    assert shown == PERSON
    assert close(shown) == wrap(example(**PERSON))
    changed = {"age": 0, "city": "", "dates": [3.0, 0]}
    assert close(changed) == wrap(example(age=0.0, city="", dates=[3, 0]))


def test_examples_beside_other_values_are_opened_in_their_places():
    instance = {"person": example(age=40.0), "weights": [0.5, 1], "more": [example(city="Bern")]}
    shown, close = opened(instance)
    assert shown == {"person": {"age": 40.0}, "weights": [0.5, 1], "more": [{"city": "Bern"}]}
    assert close(shown) == instance


@pytest.mark.parametrize(
    "instance",
    [
        b"",
        b"a text",
        b"\x89PNG\r\n\x1a\n",
        [1, "text", None],
        {"x": b"\xff\xfe"},
        # Another message that begins as an Example does.
        example(age=1.0) + b"\x12\x00",
    ],
)
def test_what_is_no_example_stays_as_it_is(instance):
    shown, close = opened(instance)
    assert shown is instance
    assert close is None


def test_bytes_that_are_no_text_are_kept():
    shown, close = opened(example(image=b"\xff\xd8"))
    assert shown == {"image": b"\xff\xd8"}
    assert close(shown) == example(image=b"\xff\xd8")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"age": "old", "city": "Bern", "dates": [1, 2]}, "'age' is compared with 'old'; the Exa"),
        (
            {"age": 1, "city": 3, "dates": [1, 2]},
            "'city' is compared with 3; the Example has texts",
        ),
        ({"age": 1, "city": "", "dates": [1, 2.5]}, "with 2.5; the Example has whole numbers."),
    ],
)
def test_values_of_another_type_are_refused(changed, message):
    _, close = opened(example(**PERSON))
    with pytest.raises(BadInput, match=message):
        close(changed)


@pytest.fixture(scope="module")
def people(tf, tmp_path_factory):
    """A model that parses Examples: 2 for each year of age, 30 for who is from Bern."""

    def call(examples):
        spec = {
            "age": tf.io.FixedLenFeature([], tf.float32),
            "city": tf.io.FixedLenFeature([], tf.string),
        }
        parsed = tf.io.parse_example(examples, spec)
        is_near = tf.cast(parsed["city"] == "Bern", tf.float32)
        return {"score": 2.0 * parsed["age"] + 30.0 * is_near}

    module = tf.Module()
    module.call = tf.function(call, input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    folder = tmp_path_factory.mktemp("people") / "1"
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.call})
    return folder.parent


@pytest.mark.parametrize("is_named", [False, True], ids=["bare", "by name"])
def test_each_feature_of_an_example_has_its_attribution(explainer_of, people, labels_of, is_named):
    given = in_json(age=40.0, city="Bern")
    instance = {"examples": given} if is_named else given
    [found] = labels_of(explainer_of(people), instances=[instance])
    assert found["attributions"] == pytest.approx({"age": 80.0, "city": 30.0})
    assert (found["example_score"], found["baseline_score"]) == pytest.approx((110.0, 0.0))


@pytest.mark.parametrize(
    "baseline",
    [in_json(age=30.0, city="Genf"), {"age": 30, "city": "Genf"}],
    ids=["an Example", "its features"],
)
def test_a_baseline_is_an_example_or_its_features(explainer_of, people, labels_of, baseline):
    explain = {"baseline": baseline}
    instances = [in_json(age=40.0, city="Bern")]
    [found] = labels_of(explainer_of(people), instances=instances, explain=explain)
    assert found["attributions"] == pytest.approx({"age": 20.0, "city": 30.0})


def test_gradients_of_an_example_are_declined(explainer_of, people, ask):
    instances, explain = [in_json(age=40.0, city="Bern")], {"method": "integrated-gradients"}
    status, document = ask(explainer_of(people), instances=instances, explain=explain)
    assert status == 400
    assert "no input of the signature 'serving_default' holds floats" in document["error"]


def test_metadata_is_of_the_features(explainer_of, people, labels_of, tmp_path):
    explainer = explainer_of(people)
    assert set(explainer.features) == {"age", "city"}
    samples = [in_json(age=a, city=c) for a, c in ((20.0, "Bern"), (30.0, "Genf"), (50.0, "Genf"))]
    made = generate(explainer.description, samples=samples, features=explainer.features)
    assert [(item.name, item.baselines) for item in made.inputs] == [
        ("age", [30.0]),
        ("city", ["Genf"]),
    ]
    path = people / "explanation_metadata.json"
    path.write_text(json.dumps(made.to_json()))
    try:
        [found] = labels_of(explainer_of(people), instances=[in_json(age=40.0, city="Bern")])
        assert found["attributions"] == pytest.approx({"age": 20.0, "city": 30.0})
        path.write_text(path.read_text().replace('"age"', '"aeg"'))
        with pytest.raises(LoadError, match="'aeg'; the model has 'age', 'city', 'examples'"):
            _ = explainer_of(people).metadata
    finally:
        path.unlink()


def test_metadata_without_samples_has_zeros(explainer_of, people):
    explainer = explainer_of(people)
    made = generate(explainer.description, features=explainer.features)
    assert [item.baselines for item in made.inputs] == [[0], [""]]
