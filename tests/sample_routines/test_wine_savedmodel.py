"""The SavedModel sample: a subclass of cpr.Predictor with parameters and hooks."""

import json

import pytest

CULTIVARS = ["barolo", "grignolino", "barbera"]


@pytest.fixture
def answer(wine, cpr):
    def predict(request_file, expected=0):
        return cpr(
            "predict", wine, f"--json-request={request_file}", "--format=json", expected=expected
        )

    return predict


def test_names_the_cultivar(wine, answer):
    done = answer(wine / "requests" / "cultivars.json")
    assert json.loads(done.stdout) == {"predictions": ["barolo", "grignolino"]}


def test_gives_named_probabilities(wine, answer):
    done = answer(wine / "requests" / "probabilities.json")
    first, second = json.loads(done.stdout)["predictions"]
    assert set(first) == set(second) == set(CULTIVARS)
    assert sum(first.values()) == pytest.approx(1)
    assert first["barolo"] > 0.9
    assert second["grignolino"] > 0.5


def test_gives_bare_numbers(wine, answer):
    done = answer(wine / "requests" / "numbers.json")
    first, second = json.loads(done.stdout)["predictions"]
    assert len(first) == len(second) == len(CULTIVARS)
    assert sum(second) == pytest.approx(1)


@pytest.mark.parametrize(
    ("instances", "message"),
    [
        ([[1.0, 2.0]], "instances must be rows of 13 numbers; got shape (1, 2)."),
        ([["red"] * 13], "could not convert string to float: 'red'"),
        ([], "instances must be rows of 13 numbers; got shape (0,)."),
    ],
    ids=["too short", "not numbers", "nothing"],
)
def test_blames_the_caller_for_bad_rows(answer, tmp_path, instances, message):
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"instances": instances}))
    done = answer(body, expected=11)
    assert message in done.stderr
    assert not done.stdout


def test_predicts_from_its_package_alone(wine, cpr, tmp_path):
    cpr("package", wine, f"--output={tmp_path / 'dist'}")
    (package,) = (tmp_path / "dist").glob("*.tar.gz")
    done = cpr(
        "predict",
        package,
        f"--model-dir={wine / 'model'}",
        f"--json-instances={wine / 'requests' / 'rows.jsonl'}",
    )
    assert done.stdout == f"{CULTIVARS}\n"
