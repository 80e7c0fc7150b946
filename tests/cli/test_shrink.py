import json

import pytest


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    tf = pytest.importorskip("tensorflow", reason="needs the extra cpr[tensorflow]")

    class Model(tf.Module):
        def __init__(self):
            super().__init__()
            tf.random.set_seed(1)
            self.weight = tf.Variable(tf.random.normal([64, 64]))

        @tf.function(input_signature=[tf.TensorSpec([None, 64], tf.float32, "x")])
        def __call__(self, x):
            return {"y": tf.nn.softmax(tf.matmul(x, self.weight))}

    versions = tmp_path_factory.mktemp("versions")
    made = Model()
    tf.saved_model.save(made, str(versions / "2"), signatures=made.__call__)
    return versions


def test_prints_what_each_step_saved(cpr, model, tmp_path):
    done = cpr("shrink", model, tmp_path / "small")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["step", "saved", "left", "largest", "deviation"]
    place = next(place for place, line in enumerate(lines) if line.startswith("weights "))
    assert lines[place + 1].startswith("  float weights stored as float16: 1, values at most ")
    (compared,) = (line for line in lines if line.startswith("1 signature compared through "))
    assert "tf.saved_model.load and tf.compat.v1.saved_model.load: at most " in compared
    assert compared.endswith(" apart (0.001 + 0.01 × the answer is allowed)")
    assert lines[-1] == f"Written to {tmp_path / 'small'}"
    assert (tmp_path / "small" / "saved_model.pb").is_file()


def test_json_is_one_document_with_the_steps(cpr, model, tmp_path):
    done = cpr("shrink", model / "2", tmp_path / "small", "--json", "--weights", "bfloat16")
    document = json.loads(done.stdout)
    assert (document["schema"], document["ok"]) == ("cpr.shrink/1", True)
    summary = document["summary"]
    assert summary["outcome"] == "smaller"
    assert [step["name"] for step in summary["steps"]] == ["clean", "fold", "integers", "weights"]
    assert summary["bytes_after"] < summary["bytes_before"]
    assert (summary["atol"], summary["rtol"]) == (1e-2, 5e-2)


def test_declines_with_exit_code_1_and_writes_nothing(cpr, model, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps([0.3] * 64) + "\n", encoding="utf-8")
    done = cpr(
        *("shrink", model, tmp_path / "small", "--atol", 0, "--rtol", 0, "--instances", rows),
        expected=1,
    )
    assert "small was not written: " in done.stderr
    assert " bytes would become " in done.stdout
    assert "serving_default: y is " in done.stderr
    assert not (tmp_path / "small").exists()


def test_what_is_no_saved_model_is_refused(cpr, tmp_path):
    done = cpr("shrink", tmp_path, tmp_path.parent / "small", expected=10)
    assert "holds no SavedModel" in done.stderr
