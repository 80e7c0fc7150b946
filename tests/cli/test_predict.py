"""`cpr predict` as a process: targets, flags, settings, printing, failures."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

ECHO = """
    class MyPredictor:
        @classmethod
        def from_path(cls, model_dir):
            return cls()

        def predict(self, instances, **kwargs):
            kwargs.pop("stats", None)
            return [{"instance": instance, "kwargs": kwargs} for instance in instances]
"""


def returning(expression):
    return f"""
        class MyPredictor:
            @classmethod
            def from_path(cls, model_dir):
                return cls()

            def predict(self, instances, **kwargs):
                return {expression}
    """


def raising(statement, where="predict"):
    source = """
        import json

        class MyPredictor:
            @classmethod
            def from_path(cls, model_dir):
                FROM_PATH
                return cls()

            def predict(self, instances, **kwargs):
                PREDICT
                return instances
    """
    for name in ("from_path", "predict"):
        source = source.replace(name.upper(), statement if name == where else "pass")
    return source


def test_project_and_model_dir(cpr, project):
    assert cpr("predict", *project(), "--json-instances=-", stdin="1\n2\n").stdout == "[2, 4]\n"


def test_nothing_given_is_the_project_in_the_current_directory(project):
    folder, _ = project()
    (folder / "cpr.toml").write_text('[project]\nmodel_dir = "model"\n')
    done = subprocess.run(
        [sys.executable, "-m", "cpr", "predict", "--json-instances=-"],
        cwd=folder,
        input="3\n",
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "[6]\n"), done.stderr


@pytest.mark.parametrize(
    "target", ["predictor:MyPredictor", "predictor.MyPredictor", "predictor.py:MyPredictor"]
)
def test_class_in_the_current_directory_by_name(project, target):
    folder, model_dir = project()
    done = subprocess.run(
        [sys.executable, "-m", "cpr", "predict", target, model_dir, "--json-instances=-"],
        cwd=folder,
        input="3\n",
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "[6]\n"), done.stderr


@pytest.mark.parametrize(
    "flags",
    [
        ["--package", "one", "--package", "two"],
        ["--package-uris", "one,two"],
        ["--package-uris=one", "--package=two"],
    ],
    ids=["repeated", "comma-list", "both-names"],
)
def test_several_packages_as_package_uris(cpr, tmp_path, flags):
    for name in ("one", "two", "model"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "predictor.py").write_text(
        "import helper\n" + textwrap.dedent(returning("[helper.answer()]"))
    )
    (tmp_path / "two" / "helper.py").write_text("def answer():\n    return 42\n")
    name = "--prediction-class=predictor.MyPredictor"
    done = cpr("predict", *flags, name, "--model-dir=model", "--json-instances=-", stdin="0\n")
    assert done.stdout == "[42]\n"


def test_parameters_reach_predict(cpr, project):
    done = cpr(
        "predict",
        *project(ECHO),
        "--json-request=-",
        "--signature-name=s",
        "--param=size=3",
        "--format=json",
        stdin='{"instances": [1], "probabilities": true, "size": 1}',
    )
    kwargs = {"probabilities": True, "signature_name": "s", "size": 3}
    assert json.loads(done.stdout) == {"predictions": [{"instance": 1, "kwargs": kwargs}]}


def test_signature_name_twice_is_a_usage_error(cpr, project):
    done = cpr(
        "predict",
        *project(ECHO),
        "--json-instances=-",
        "--signature-name=s",
        '--param=signature_name="t"',
        expected=2,
    )
    assert "--param cannot set 'signature_name': it is given twice." in done.stderr


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        ("[[0.5, 0.25], [1]]", "[[0.5, 0.25], [1]]\n"),
        ("[{'classId': 1, 'p': [0.5]}]", "CLASS_ID  P\n1         [0.5]\n"),
        ("[]", ""),
        ("'done'", '{\n  "predictions": "done"\n}\n'),
        ("['\\ud800 caf\\xe9']", "['\\ud800 café']\n"),
    ],
    ids=["list", "table", "empty", "not-a-list", "lone-surrogate"],
)
def test_prints_as_gcloud(cpr, project, expression, printed):
    done = cpr("predict", *project(returning(expression)), "--json-instances=-", stdin="1\n")
    assert done.stdout == printed


def test_json_is_one_document_with_the_response(cpr, project):
    done = cpr("predict", *project(), "--json-instances=-", "--json", stdin="1\n2\n")
    assert json.loads(done.stdout) == {
        "schema": "cpr.predict/1",
        "ok": True,
        "summary": {
            "predictor": "predictor.MyPredictor",
            "instances": 2,
            "response": {"predictions": [2, 4]},
        },
        "findings": [],
    }


def test_strict_encodes_as_ai_platform_did(cpr, project):
    flags = project("import numpy as np\n" + textwrap.dedent(returning("np.array(instances)")))
    assert cpr("predict", *flags, "--json-instances=-", stdin="1\n").stdout == "[1]\n"
    done = cpr("predict", *flags, "--json-instances=-", "--strict", stdin="1\n", expected=13)
    assert "ndarray" in done.stderr


@pytest.mark.parametrize(
    ("flag", "stdin", "code", "said"),
    [
        ("--param=a=NaN", "1\n", 2, "cpr: --param a=NaN: NaN is not JSON.\n"),
        ("--param=b=1", "1\nNaN\n", 11, "<stdin>:2: NaN is not JSON at column 1: 'NaN'\n"),
    ],
    ids=["parameter", "instance"],
)
def test_nan_is_refused_unless_strict(cpr, project, flag, stdin, code, said):
    flags = [*project(returning("len(instances)")), "--json-instances=-", flag]
    done = cpr("predict", *flags, stdin=stdin, expected=code)
    assert said in done.stderr
    assert "Write null, or let it through as AI Platform did, with --strict." in done.stderr
    done = cpr("predict", *flags, "--strict", "--format=json", stdin=stdin)
    assert json.loads(done.stdout) == {"predictions": stdin.count("\n")}


FAILURES = {
    "no-file": (["--json-instances=nowhere"], raising("pass"), 2, "nowhere cannot be read: No"),
    "no-input-flag": ([], raising("pass"), 2, "Exactly one of --json-request"),
    "bad-line": (["--json-instances=-"], raising("pass"), 11, "<stdin>:2: "),
    "from_path": (["--text-instances=-"], raising("1 / 0", "from_path"), 10, "ZeroDivisionError"),
    "predict": (["--text-instances=-"], raising("json.loads('{')"), 14, "JSONDecodeError"),
    "output": (["--text-instances=-"], returning("object()"), 13, "object"),
    "import": (
        ["--text-instances=-"],
        "import no_such_library\n" + textwrap.dedent(ECHO),
        10,
        "No module named 'no_such_library'",
    ),
    "no-class": (["--text-instances=-", "--prediction-class=predictor.Mine"], ECHO, 14, "Mine"),
    "framework-and-class": (
        ["--text-instances=-", "--framework=xgboost", "--prediction-class=predictor.MyPredictor"],
        ECHO,
        2,
        "xgboost",
    ),
}


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize(("flags", "source", "code", "message"), FAILURES.values(), ids=FAILURES)
def test_failure_is_a_message_and_its_exit_code(
    cpr, project, flags, source, code, message, as_json
):
    extra = ["--json"] if as_json else []
    done = cpr("predict", *project(source), *flags, *extra, stdin="[1]\n[\n", expected=code)
    [first] = [line for line in done.stderr.splitlines() if line.startswith("cpr: ")]
    assert message in done.stderr
    assert first
    if not as_json:
        assert done.stdout == ""
        return
    document = json.loads(done.stdout)
    assert document["ok"] is False
    assert document["summary"]["exit_code"] == code
    assert document["findings"][0]["id"] == f"CPR{code:03d}"


def test_json_of_a_user_error_has_its_file_and_line(cpr, project):
    folder, model_dir = project(raising("json.loads('{')"))
    flags = [folder, model_dir, "--text-instances=-", "--json"]
    [finding] = json.loads(cpr("predict", *flags, stdin="a\n", expected=14).stdout)["findings"]
    assert (finding["file"], finding["line"]) == (str(folder / "predictor.py"), 11)
    assert finding["fix"] == ""


def test_error_in_a_package_names_its_file_and_no_temporary_folder(cpr, project, tmp_path):
    folder, model_dir = project(raising("json.loads('{')"))
    cpr("package", folder, "--prediction-class=predictor.MyPredictor", "--name=a", "--version=1")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    flags = [folder / "dist" / "a-1.tar.gz", model_dir, "--text-instances=-", "--json"]
    environ = {**os.environ, "TMPDIR": str(temporary)}
    done = cpr("predict", *flags, stdin="a\n", env=environ, expected=14)
    [finding] = json.loads(done.stdout)["findings"]
    assert finding["file"] == "a-1.tar.gz/a-1/predictor.py"
    assert 'File "a-1.tar.gz/a-1/predictor.py", line 11, in predict' in done.stderr
    assert str(temporary) not in done.stderr
    flags += ["--prediction-class=mine.P"]
    done = cpr("predict", *flags, stdin="a\n", env=environ, expected=14)
    assert "there is no module 'mine' in a-1.tar.gz/a-1." in done.stderr


CLOSING = """
    import cpr

    class MyPredictor(cpr.Predictor):
        @classmethod
        def from_path(cls, model_dir):
            return cls()

        def predict(self, instances):
            return instances

        def close(self):
            1 / 0
"""


def test_close_that_raises_does_not_lose_the_predictions(cpr, project):
    flags = [*project(CLOSING), "--json-instances=-"]
    done = cpr("predict", *flags, stdin="1\n", expected=14)
    assert done.stdout == "[1]\n"
    assert "cpr: closing 'predictor.MyPredictor' failed: ZeroDivisionError" in done.stderr
    document = json.loads(cpr("predict", *flags, "--json", stdin="1\n", expected=14).stdout)
    assert document["ok"] is False
    assert document["summary"]["response"] == {"predictions": [1]}
    [finding] = document["findings"]
    assert (finding["id"], finding["line"]) == ("CPR014", 13)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("None", "cpr: predict returned None: is a return missing?\n"),
        ("[None]", ""),
        (
            "[{'a': 1}, {'a': 1, 'c': 2}, {'b': 3}]",
            "cpr: the table has the columns of the first prediction, as gcloud's; not shown: "
            "b, c. --format json shows all.\n",
        ),
    ],
    ids=["none", "list-of-none", "hidden-keys"],
)
def test_what_may_surprise_is_said_unless_quiet(cpr, project, expression, said):
    flags = [*project(returning(expression)), "--json-instances=-"]
    assert cpr("predict", *flags, stdin="1\n").stderr == said
    assert cpr("predict", *flags, "--quiet", stdin="1\n").stderr == ""


def test_warnings_of_ours_begin_with_our_name(cpr, project):
    source = returning("instances").replace("**kwargs", "*, probabilities=False")
    flags = [*project(source), "--json-instances=-", "--param=probabilitys=true"]
    assert cpr("predict", *flags, stdin="1\n").stderr == (
        "cpr: predict() takes no parameter 'probabilitys'; the key is ignored. "
        "Did you mean 'probabilities'?\n"
    )


HOOKED = """
    import cpr

    class MyPredictor(cpr.Predictor):
        @classmethod
        def from_path(cls, model_dir):
            return cls()

        def preprocess(self, instances):
            return HOOK

        def predict(self, instances):
            return instances

        def postprocess(self, predictions):
            return HOOK
"""


@pytest.mark.parametrize("stage", ["preprocess", "postprocess"])
def test_error_of_a_hook_names_the_hook(cpr, project, stage):
    before, after = ("1 / 0", "predictions") if stage == "preprocess" else ("instances", "1 / 0")
    source = HOOKED.replace("HOOK", before, 1).replace("HOOK", after)
    done = cpr("predict", *project(source), "--text-instances=-", stdin="a\n", expected=14)
    assert f"cpr: {stage} raised ZeroDivisionError: division by zero\n" in done.stderr


def test_strict_says_where_stats_is_not_taken(cpr, project):
    source = raising("pass").replace(", **kwargs", "")
    flags = [*project(source), "--text-instances=-", "--strict"]
    done = cpr("predict", *flags, stdin="a\n", expected=14)
    assert "got an unexpected keyword argument 'stats'\n" in done.stderr
    assert "predictor.py:10: AI Platform passed stats to every predict; let it" in done.stderr


def test_user_traceback_holds_the_user_s_frames_alone(cpr, project, tmp_path):
    source = raising("json.loads('{')")
    done = cpr("predict", *project(source), "--text-instances=-", stdin="a\n", expected=14)
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert "predictor.py" in done.stderr
    assert "routine.py" not in done.stderr
    assert "click" not in done.stderr


def test_verbose_and_quiet_exclude_each_other(cpr):
    assert "exclude each other" in cpr("predict", "-v", "-q", expected=2).stderr


def test_quiet_mutes_our_warnings_and_verbose_shows_more(cpr, project):
    source = "import logging\n" + textwrap.dedent(raising("logging.info('detail')"))
    flags = [*project(source), "--text-instances=-"]
    assert "detail" not in cpr("predict", *flags, stdin="a\n").stderr
    assert "INFO root: detail" in cpr("predict", *flags, "-v", stdin="a\n").stderr


def test_routine_s_own_logging_configuration_works(cpr, project):
    configure = "logging.basicConfig(stream=sys.stdout, level='INFO', format='mine %(message)s')"
    source = f"import logging, sys\n{configure}\n"
    source += textwrap.dedent(raising("logging.info('detail')"))
    done = cpr("predict", *project(source), "--text-instances=-", stdin="a\n")
    assert done.stdout == "['a']\n"
    assert "mine detail" in done.stderr


def test_environment_sets_what_flags_do_not(cpr, project):
    flags = project(returning("[float('nan')]"))
    done = cpr("predict", *flags, "--json-instances=-", stdin="1\n", expected=13)
    assert "NaN" in done.stderr or "nan" in done.stderr
    environ = {**os.environ, "CPR_PREDICTOR_NONFINITE": "null"}
    done = cpr("predict", *flags, "--json-instances=-", stdin="1\n", env=environ)
    assert done.stdout == "[None]\n"
