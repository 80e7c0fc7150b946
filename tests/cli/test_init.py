"""cpr init as a process: what it makes, prints and refuses."""

import json


def test_makes_a_project_and_says_what_is_next(cpr, tmp_path):
    done = cpr("init", "fruit", "--template", "bare")
    assert done.stdout.splitlines() == [
        "project     fruit",
        "template    bare",
        "files       .gitignore, README.md, conftest.py, cpr.toml, golden, predictor.py, "
        "pytest.ini, requests, requirements.txt, tests, train.py",
        "",
        "Next:",
        "  cd fruit",
        "  python train.py",
        "  pytest",
        "  cpr check .",
        "  cpr predict . --json-request requests/fruit.json",
        "  cpr package .",
    ]
    assert (tmp_path / "fruit" / "predictor.py").is_file()


def test_json_names_what_was_made(cpr, tmp_path):
    tmp_path.joinpath("here").mkdir()
    document = json.loads(cpr("init", "here", "--json", "--template=bare", "--name=x").stdout)
    assert document["schema"] == "cpr.init/1"
    assert document["summary"]["template"] == "bare"
    assert "predictor.py" in document["summary"]["files"]
    assert document["summary"]["next"][0] == "cd here"


def test_refuses_a_directory_that_is_not_empty(cpr, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    done = cpr("init", ".", expected=2)
    assert done.stderr.startswith("cpr: . is not empty: it holds notes.txt.\n")
    assert "--force" in done.stderr


def test_default_template_is_sklearn(cpr):
    assert "template    sklearn\n" in cpr("init", "iris").stdout
