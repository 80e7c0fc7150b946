"""gcloud itself, where it is installed, pointed at a server of ours without credentials."""

import json
import os
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.skipif(not shutil.which("gcloud"), reason="gcloud is not installed")

MODEL = "projects/p/models/iris"


@pytest.fixture
def gcloud(server, tmp_path):
    properties = {
        "CONFIG": str(tmp_path / "gcloud"),
        "API_ENDPOINT_OVERRIDES_ML": f"{server.url}/",
        "AUTH_DISABLE_CREDENTIALS": "true",
        "CORE_PROJECT": "p",
        "CORE_DISABLE_PROMPTS": "true",
        "CORE_DISABLE_USAGE_REPORTING": "true",
        "CORE_CHECK_GCE_METADATA": "false",
        "COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
    }
    environ = {**os.environ, **{f"CLOUDSDK_{name}": text for name, text in properties.items()}}

    def run(*arguments, stdin=""):
        command = ["gcloud", "ai-platform", *arguments, "--region=global"]
        return subprocess.run(
            command, env=environ, input=stdin, capture_output=True, text=True, timeout=120
        )

    return run


@pytest.mark.parametrize(
    ("flags", "predictions"),
    [([], [10, 12]), (["--version=1"], [0, 2]), (["--version=2"], [10, 12])],
    ids=["by model", "by version 1", "by version 2"],
)
def test_it_predicts_rows_of_a_file(gcloud, tmp_path, flags, predictions):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("[5.1, 3.5, 1.4, 0.2]\n[6.0, 3.0, 5.0, 1.8]\n")
    done = gcloud("predict", "--model=iris", *flags, f"--json-instances={rows}", "--format=json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"predictions": predictions}


def test_it_predicts_a_request(gcloud):
    request = json.dumps({"instances": [[5.1, 3.5, 1.4, 0.2]]})
    done = gcloud("predict", "--model=iris", "--json-request=-", stdin=request)
    assert (done.returncode, done.stdout.strip()) == (0, "[10]"), done.stderr


def test_it_prints_what_went_wrong(gcloud):
    request = json.dumps({"instances": [[5.1]]})
    done = gcloud("predict", "--model=iris", "--json-request=-", stdin=request)
    assert done.returncode == 1
    assert "HTTP request failed. Response: " in done.stderr
    assert "X has 1 features" in done.stderr


def test_it_says_that_there_is_no_such_version(gcloud):
    request = json.dumps({"instances": [[5.1, 3.5, 1.4, 0.2]]})
    done = gcloud("predict", "--model=iris", "--version=7", "--json-request=-", stdin=request)
    assert done.returncode == 1
    assert "NOT_FOUND" in done.stderr


def test_it_describes_a_version(gcloud):
    done = gcloud("versions", "describe", "1", "--model=iris", "--format=json")
    assert done.returncode == 0, done.stderr
    version = json.loads(done.stdout)
    assert (version["name"], version["state"]) == (f"{MODEL}/versions/1", "READY")


def test_it_lists_versions(gcloud):
    done = gcloud("versions", "list", "--model=iris", "--format=json")
    assert done.returncode == 0, done.stderr
    names = sorted(version["name"] for version in json.loads(done.stdout))
    assert names == [f"{MODEL}/versions/1", f"{MODEL}/versions/2"]
