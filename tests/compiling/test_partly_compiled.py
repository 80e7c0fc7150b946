"""Models some of whose signatures compile: those run compiled, the others through TensorFlow."""

import json

import numpy as np
import pytest

from cpr.config import PredictorSettings
from cpr.errors import BadInput
from cpr.predictors.tf_saved_model import TfSavedModel

ROWS = np.random.default_rng(1).normal(size=(4, 5)).round(3).tolist()


@pytest.fixture(scope="module")
def by_default(half_convertible, compiled):
    """The signature that is compiled is the default one."""
    return compiled(half_convertible(serving_default="numbers", lower="texts"))


@pytest.fixture(scope="module")
def by_name(half_convertible, compiled):
    """The signature that is not compiled is the default one."""
    return compiled(half_convertible(serving_default="texts", score="numbers"))


def opened(folder, **settings):
    return TfSavedModel.from_path(folder, settings=PredictorSettings(**settings))


def record_of(folder):
    return json.loads((folder / "compiled" / "compiled.json").read_text())


def test_compiles_the_signatures_that_it_can_and_says_why_not_the_others(by_default):
    _, report = by_default
    assert report.is_compiled, report.reason
    assert [part.name for part in report.chosen.answered] == ["serving_default"]
    (left,) = report.chosen.left
    assert left.name == "lower"
    assert "StringLower" in left.why_not or "holds text" in left.why_not
    told = report.to_json()["candidates"][report.candidates.index(report.chosen)]
    assert told["left_to_original"] == {"lower": left.why_not}


def test_the_record_tells_of_each_signature(by_default):
    folder, report = by_default
    record = record_of(folder)
    entries = record["model"]["signatures"]
    assert "file" in entries["serving_default"]
    assert "file" not in entries["lower"]
    assert entries["lower"]["why_not"] == report.chosen.left[0].why_not
    assert set(record["files"]) == {entries["serving_default"]["file"]}
    assert {figure["variant"] for figure in record["figures"]} == {"serving_default"}
    files = {path.name for path in (folder / "compiled").iterdir()}
    assert files == {*record["files"], "compiled.json"}


def test_loads_the_original_with_the_first_request_for_another_signature(by_default, caplog):
    folder, _ = by_default
    predictor = opened(folder)
    native = opened(folder, runtime="native")
    np.testing.assert_allclose(predictor.predict(ROWS), native.predict(ROWS), atol=1e-5)
    predictor.warmup()
    assert "is loaded" not in caplog.text
    assert predictor.predict(["ABC"], signature_name="lower") == ["abc"]
    assert f"{folder} was not compiled for the signature 'lower'" in caplog.text
    assert not predictor.has_loaded_original
    np.testing.assert_allclose(predictor.predict(ROWS), native.predict(ROWS), atol=1e-5)
    predictor.close()


def test_loads_the_original_at_once_where_the_default_signature_needs_it(by_name, caplog):
    folder, report = by_name
    assert report.is_compiled, report.reason
    predictor = opened(folder)
    assert f"{folder} was not compiled for the default signature 'serving_default'" in caplog.text
    assert predictor.predict(["ABC"]) == ["abc"]
    expected = opened(folder, runtime="native").predict(ROWS, signature_name="score")
    found = predictor.predict(ROWS, signature_name="score")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_the_signature_that_the_settings_name_is_the_default_one(by_name, caplog):
    folder, _ = by_name
    opened(folder, signature_name="score").predict(ROWS)
    assert "is loaded" not in caplog.text


def test_refuses_for_each_signature_as_the_original_does(by_default):
    folder, _ = by_default
    predictor, native = opened(folder), opened(folder, runtime="native")
    for name, instances in (("lower", [[1.5]]), ("lower", [{"x": "a"}]), ("gone", ROWS)):
        said = []
        for one in (native, predictor):
            with pytest.raises(BadInput) as caught:
                one.predict(instances, signature_name=name)
            said.append(str(caught.value))
        assert said[0] == said[1]
