"""The sample with texts as instances and a vocabulary inside the SavedModel."""

import json

import pytest


@pytest.fixture
def answer(cpr):
    def predict(*arguments):
        return json.loads(cpr("predict", *arguments, "--format=json").stdout)["predictions"]

    return predict


def test_the_vocabulary_is_an_asset_and_lies_nowhere_else(reviews):
    words = (reviews / "model" / "assets" / "vocabulary.txt").read_text().splitlines()
    assert words == sorted(set(words))
    assert {"delicious", "rude", "café"} <= set(words)
    assert not (reviews / "model" / "vocabulary.txt").exists()


def test_the_class_and_the_model_alone_agree(reviews, answer):
    texts = reviews / "requests" / "texts.txt"
    lines = reviews / "requests" / "texts.jsonl"
    bare = answer(f"--model-dir={reviews / 'model'}", f"--text-instances={texts}")
    served = answer(reviews, f"--json-instances={lines}")
    assert [row["sentiment"] for row in bare] == ["positive", "negative", "positive"]
    assert [row["sentiment"] for row in served] == ["positive", "negative", "positive"]
    assert [row["score"] for row in served] == pytest.approx([row["score"] for row in bare])


def test_the_threshold_of_the_request_decides(reviews, answer):
    rows = answer(reviews, f"--json-request={reviews / 'requests' / 'threshold.json'}")
    assert [row["score"] > 0.9 for row in rows] == [row["sentiment"] == "positive" for row in rows]
