"""The sample with objects as instances and one-hot in Python."""

import json
import subprocess
import sys

import pytest


@pytest.fixture
def answer(census, cpr):
    def predict(*arguments, expected=0):
        done = cpr("predict", census, *arguments, "--format=json", expected=expected)
        return json.loads(done.stdout)["predictions"] if not expected else done.stderr

    return predict


def test_answers_each_person_in_order(census, answer):
    people = answer(f"--json-instances={census / 'requests' / 'people.jsonl'}")
    assert [person["income"] for person in people] == [">50K", "<=50K", ">50K"]


def test_gives_probabilities_that_sum_to_one(census, answer):
    for person in answer(f"--json-request={census / 'requests' / 'probabilities.json'}"):
        assert sum(person["probabilities"].values()) == pytest.approx(1)
        assert max(person["probabilities"], key=person["probabilities"].get) == person["income"]


PERSON = {"age": 45, "hours_per_week": 50, "education": "masters", "occupation": "sales"}
BAD = {
    "no object": ([1], "instances[0] must be an object with the keys"),
    "key missing": ([PERSON, {"age": 3}], "instances[1] must be an object with the keys"),
    "key unknown": ([PERSON | {"sex": "f"}], "instances[0] must be an object with the keys"),
    "no number": ([PERSON | {"age": "old"}], "instances[0]: could not convert string to float"),
    "list for a category": ([PERSON | {"education": []}], "instances[0]: unhashable type"),
}


@pytest.mark.parametrize(("instances", "message"), BAD.values(), ids=BAD)
def test_blames_the_caller_and_names_the_person(answer, tmp_path, instances, message):
    (tmp_path / "body.json").write_text(json.dumps({"instances": instances}))
    assert message in answer("--json-request=body.json", expected=11)


def test_training_twice_gives_one_model(census, tmp_path):
    train = [sys.executable, str(census / "train.py"), "--model-dir", str(tmp_path)]
    subprocess.run(train, check=True, capture_output=True)
    for name in ("model.joblib", "categories.json"):
        assert (tmp_path / name).read_bytes() == (census / "model" / name).read_bytes()
