"""Settings: which layer wins, and what each wrong value is told."""

import json
from dataclasses import fields

import pytest

from cpr.config import (
    TABLES,
    PredictorSettings,
    Settings,
    load_settings,
    settings_file,
    with_defaults,
)
from cpr.errors import ConfigError

REQUEST = json.dumps({"version": {"prediction_class": "platform.Routine", "package_uris": []}})


def problem_of(call, *arguments, **keywords):
    with pytest.raises(ConfigError) as caught:
        call(*arguments, **keywords)
    return caught.value


@pytest.fixture
def project(tmp_path):
    """Writes the files of a project directory and returns it."""

    def write(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_everything_has_a_default():
    settings = load_settings(environ={})
    assert settings == Settings()
    assert {origin for _, _, origin in settings.explain()} == {"default"}


def test_explain_has_one_row_for_every_setting():
    rows = Settings().explain()
    names = [name for name, _, _ in rows]
    assert len(set(names)) == len(names) == sum(len(fields(kind)) for kind in TABLES.values())
    assert ("predictor.b64", "auto", "default") in rows


ENVIRON = {"CPR_PROJECT_PREDICTION_CLASS": "environment.Routine"}
PLATFORM = {"create_version_request": REQUEST}
FLAGS = {"project.prediction_class": "flag.Routine"}


@pytest.mark.parametrize(
    ("flags", "environ", "is_filed", "expected", "origin"),
    [
        (FLAGS, {**ENVIRON, **PLATFORM}, True, "flag.Routine", "flag"),
        ({}, {**ENVIRON, **PLATFORM}, True, "environment.Routine", "CPR_PROJECT_PREDICTION_CLASS"),
        ({}, PLATFORM, True, "platform.Routine", "create_version_request"),
        ({}, {}, True, "file.Routine", "cpr.toml"),
        ({}, {}, False, "", "default"),
        ({"project.prediction_class": None}, {}, True, "file.Routine", "cpr.toml"),
    ],
    ids=["flag", "environment", "platform", "file", "default", "flag not given"],
)
def test_the_strongest_layer_wins(project, flags, environ, is_filed, expected, origin):
    folder = project(cpr='[project]\nprediction_class = "file.Routine"') if is_filed else project()
    settings = load_settings(folder, flags=flags, environ=environ)
    assert settings.project.prediction_class == expected
    assert settings.origins.get("project.prediction_class", "default").endswith(origin)


@pytest.mark.parametrize("flag", [None, ()], ids=["none", "empty tuple"])
def test_flag_that_was_not_given_leaves_the_file_alone(project, flag):
    folder = project(cpr='[project]\nrequirements = ["numpy"]')
    settings = load_settings(folder, flags={"project.requirements": flag}, environ={})
    assert settings.project.requirements == ("numpy",)


def test_layers_mix_key_by_key(project):
    folder = project(cpr='[predictor]\noutput = "scores"\nstrict = true\nb64 = "never"')
    environ = {"CPR_PREDICTOR_B64": "always"}
    settings = load_settings(folder, flags={"predictor.strict": False}, environ=environ)
    assert settings.predictor == PredictorSettings(output="scores", strict=False, b64="always")


def test_the_shared_file_is_read_from_its_table(project):
    folder = project(pyproject='[project]\nname = "other"\n[tool.cpr.project]\nname = "iris"')
    settings = load_settings(folder, environ={})
    assert settings.project.name == "iris"
    assert settings.origins == {"project.name": str(folder / "pyproject.toml")}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"cpr": ""}, "cpr.toml"),
        ({"pyproject": "[tool.cpr]"}, "pyproject.toml"),
        ({"pyproject": "[tool.black]"}, None),
        ({"pyproject": "tool = 3"}, None),
        ({"cpr": "", "pyproject": "[tool.black]"}, "cpr.toml"),
    ],
    ids=["none", "own", "shared", "shared without ours", "tool is no table", "own wins"],
)
def test_the_file_that_configures_a_project(project, files, expected):
    folder = project(**files)
    assert settings_file(folder) == (folder / expected if expected else None)


def test_two_files_are_an_error_that_names_both(project):
    folder = project(cpr="", pyproject="[tool.cpr]")
    error = problem_of(load_settings, folder, environ={})
    assert error.problem == (
        f"{folder}/cpr.toml and [tool.cpr] in {folder}/pyproject.toml both configure this project."
    )
    assert error.hint == "Keep one of the two."


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("[predictr]", "unknown table [predictr]", "Did you mean 'predictor'?"),
        ("[zebra]", "known are project, package, predictor", ""),
        ("[predictor]\nb46 = 'never'", "unknown key 'b46' in [predictor]", "Did you mean 'b64'?"),
        ("[project]\nversion = 1", "project.version is 1; expected a string", ""),
        ("[project]\nrequirements = 'numpy'", "expected a list of strings", ""),
        ("[package]\ninclude = [1]", "package.include is [1]; expected a list of strings", ""),
        ("[predictor]\nstrict = 'yes'", "strict is 'yes'; expected true or false", ""),
        ("[predictor]\nstrict = 1", "strict is 1; expected true or false", ""),
        (
            "[predictor]\nb64 = 'alway'",
            "predictor.b64 is 'alway'; expected one of auto, never, always.",
            "Did you mean 'always'?",
        ),
        ("[predictor]\nb64 = false", "predictor.b64 is False; expected one of", ""),
        ("[predictor]\nnonfinite = ['null']", "expected one of error, null, literal", ""),
        ("predictor = 3", "'predictor' must be a table, not 3", ""),
        ("name = 'iris'", "unknown table [name]", ""),
        ("[project", "is not valid TOML", ""),
    ],
    ids=lambda value: value.replace("\n", " ")[:30],
)
def test_wrong_file_is_refused_by_name_and_place(project, text, said, hint):
    folder = project(cpr=text)
    error = problem_of(load_settings, folder, environ={})
    assert said in error.problem
    assert error.problem.startswith(str(folder / "cpr.toml"))
    assert error.hint == hint


def test_tool_cpr_that_is_no_table_is_refused(project):
    error = problem_of(load_settings, project(pyproject="[tool]\ncpr = 'x'"), environ={})
    assert error.problem.endswith("pyproject.toml: [tool.cpr] must be a table, not 'x'.")


def test_file_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "cpr.toml").write_bytes(b"[project]\nname = '\xff'")
    assert "is not valid TOML" in problem_of(load_settings, tmp_path, environ={}).problem


def test_a_wrong_value_is_refused_although_a_stronger_layer_overrides_it(project):
    folder = project(cpr="[predictor]\nstrict = 3")
    error = problem_of(load_settings, folder, flags={"predictor.strict": True}, environ={})
    assert "strict is 3" in error.problem


@pytest.mark.parametrize(
    ("variable", "text", "key", "value"),
    [
        ("CPR_PROJECT_NAME", "iris", "name", "iris"),
        ("CPR_PROJECT_NAME", "", "name", ""),
        ("CPR_PREDICTOR_STRICT", "1", "strict", True),
        ("CPR_PREDICTOR_STRICT", " TRUE ", "strict", True),
        ("CPR_PREDICTOR_STRICT", "no", "strict", False),
        ("CPR_PREDICTOR_B64", "always", "b64", "always"),
        ("CPR_PREDICTOR_TAGS", "serve, gpu,", "tags", ("serve", "gpu")),
        ("CPR_PREDICTOR_TAGS", "", "tags", ()),
        (
            "CPR_PROJECT_REQUIREMENTS",
            "numpy>=1.26,<3, pandas[gcp,excel]==2.*, scipy",
            "requirements",
            ("numpy>=1.26,<3", "pandas[gcp,excel]==2.*", "scipy"),
        ),
    ],
    ids=["text", "empty", "1", "true", "no", "choice", "list", "empty list", "requirements"],
)
def test_environment_variable_is_read_by_its_type(variable, text, key, value):
    settings = load_settings(environ={variable: text})
    table = getattr(settings, variable.split("_")[1].lower())
    assert getattr(table, key) == value


@pytest.mark.parametrize(
    ("environ", "said", "hint"),
    [
        (
            {"CPR_PREDICTOR_STRICT": "maybe"},
            "CPR_PREDICTOR_STRICT: predictor.strict is 'maybe'; expected true or false.",
            "",
        ),
        (
            {"CPR_PREDICTOR_NONFINITE": "nul"},
            "nonfinite is 'nul'; expected one of error, null, literal.",
            "Did you mean 'null'?",
        ),
        (
            {"CPR_PREDICTOR_STRCT": "1"},
            "unknown environment variable CPR_PREDICTOR_STRCT; known are CPR_PREDICTOR_SIGNATURE",
            "Did you mean 'CPR_PREDICTOR_STRICT'?",
        ),
    ],
    ids=["bool", "choice", "unknown"],
)
def test_wrong_environment_variable_is_named(environ, said, hint):
    error = problem_of(load_settings, environ=environ)
    assert said in error.problem
    assert error.hint == hint


@pytest.mark.parametrize(
    ("environ", "key", "value"),
    [
        ({"AIP_STORAGE_URI": "gs://b/model"}, "model_dir", "gs://b/model"),
        ({"AIP_STORAGE_URI": ""}, "model_dir", ""),
        (
            {"PREDICTOR_MODULE": "pkg.predictor", "PREDICTOR_CLASS": "Mine"},
            "prediction_class",
            "pkg.predictor.Mine",
        ),
        ({"PREDICTOR_MODULE": "pkg.predictor"}, "prediction_class", ""),
        ({"create_version_request": REQUEST}, "prediction_class", "platform.Routine"),
        ({"create_version_request": '{"version": {}}'}, "prediction_class", ""),
        ({"CPR": "1", "CPR_SOMETHING_ELSE": "1", "PATH": "/bin"}, "prediction_class", ""),
    ],
    ids=["storage", "no storage", "Vertex class", "half", "request", "framework model", "foreign"],
)
def test_the_platforms_own_variables_are_understood(environ, key, value):
    assert getattr(load_settings(environ=environ).project, key) == value


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "3", '{"version": null}', '{"version": "x"}', '{"model": {}}'],
)
def test_create_version_request_that_is_none_is_shown(text):
    error = problem_of(load_settings, environ={"create_version_request": text})
    assert "create_version_request is not the JSON of a versions.create call" in error.problem
    assert repr(text) in error.problem
    assert "prediction_class" in error.hint


@pytest.mark.parametrize(
    ("text", "table", "key", "value"),
    [
        ("port = 0", "serve", "port", 0),
        ("error_status = 200", "serve", "error_status", 200),
        ("error_status = 0", "serve", "error_status", 0),
        ("body_bytes = 1_500_000", "limits", "body_bytes", 1_500_000),
        ("body_bytes = '1.5MB'", "limits", "body_bytes", 1_500_000),
        ("body_bytes = '16.1 mb'", "limits", "body_bytes", 16_100_000),
        ("body_bytes = '2MiB'", "limits", "body_bytes", 2_097_152),
        ("request_timeout_s = 2", "limits", "request_timeout_s", 2.0),
        ("request_timeout_s = '250ms'", "limits", "request_timeout_s", 0.25),
        ("load_timeout_s = '10m'", "limits", "load_timeout_s", 600.0),
        ("window_ms = 1.5", "batching", "window_ms", 1.5),
        ("window_ms = '0.2s'", "batching", "window_ms", 200.0),
    ],
    ids=lambda value: str(value)[:28],
)
def test_number_is_read_with_its_unit(project, text, table, key, value):
    settings = load_settings(project(cpr=f"[{table}]\n{text}"), environ={})
    found = getattr(getattr(settings, table), key)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[serve]\nport = 65536", "serve.port is 65536; expected a port from 0 to 65,535."),
        ("[serve]\nport = 80.5", "serve.port is 80.5; expected a port"),
        ("[serve]\nport = true", "serve.port is True; expected a port"),
        ("[serve]\nport = 'http'", "serve.port is 'http'; expected a port"),
        ("[serve]\nport = '8080s'", "serve.port is '8080s'; expected a port"),
        ("[serve]\nworkers = 0", "workers is 0; expected a number of processes from 1 to 1,024."),
        ("[serve]\nerror_status = 7", "is 7; expected 0 or an HTTP status from 200 to 599."),
        ("[limits]\nbody_bytes = 0", "is 0; expected a number of bytes from 1"),
        ("[limits]\nbody_bytes = '8 parsecs'", 'such as 250, "16MB" or "2MiB"'),
        ("[limits]\nbody_bytes = '0.5b'", "body_bytes is '0.5b'"),
        ("[limits]\nbody_timeout_s = inf", "is inf; expected a number of seconds from 0.001 to"),
        ("[limits]\nbody_timeout_s = nan", "is nan; expected a number of seconds"),
        ("[limits]\nbody_timeout_s = -1", "is -1; expected a number of seconds"),
        ("[batching]\nmax_batch_size = []", "max_batch_size is []; expected a whole number"),
    ],
    ids=lambda value: value.replace("\n", " ")[:34],
)
def test_number_out_of_range_is_refused(project, text, said):
    assert said in problem_of(load_settings, project(cpr=text), environ={}).problem


def test_misspelt_limit_is_answered_with_the_nearest(project):
    error = problem_of(load_settings, project(cpr="[limits]\nbody_byte = 3"), environ={})
    assert error.hint == "Did you mean 'body_bytes'?"


VERTEX = {
    "AIP_HTTP_PORT": "8081",
    "AIP_PREDICT_ROUTE": "/v1/endpoints/1/deployedModels/2:predict",
    "AIP_HEALTH_ROUTE": "/v1/endpoints/1/deployedModels/2",
}
CORES = 6


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, {}),
        ({"PORT": "9000"}, {"port": 9000, "host": "127.0.0.1"}),
        (
            {**VERTEX, "PORT": "9000"},
            {
                "port": 8081,
                "host": "0.0.0.0",
                "predict_route": VERTEX["AIP_PREDICT_ROUTE"],
                "health_route": VERTEX["AIP_HEALTH_ROUTE"],
            },
        ),
        ({**VERTEX, "CPR_SERVE_HOST": "127.0.0.1"}, {"port": 8081, "host": "127.0.0.1"}),
        ({"WEB_CONCURRENCY": "3"}, {"workers": 3}),
        ({"WEB_CONCURRENCY": "3", "VERTEX_CPR_WEB_CONCURRENCY": "5"}, {"workers": 5}),
        ({"VERTEX_CPR_WORKERS_PER_CORE": "2"}, {"workers": 2 * CORES}),
        ({"VERTEX_CPR_WORKERS_PER_CORE": "0.1"}, {"workers": 2}),
        ({"VERTEX_CPR_MAX_WORKERS": "4", "WEB_CONCURRENCY": "9"}, {"workers": 4}),
        ({"VERTEX_CPR_WEB_CONCURRENCY": "9", "VERTEX_CPR_MAX_WORKERS": "4"}, {"workers": 9}),
    ],
    ids=["none", "PORT", "Vertex", "ours wins", "web", "Vertex web", "core", "two", "most", "all"],
)
def test_server_heeds_what_the_platform_says(monkeypatch, environ, expected):
    monkeypatch.setattr("os.cpu_count", lambda: CORES)
    serve = load_settings(environ=environ, is_server=True).serve
    assert {key: getattr(serve, key) for key in expected} == expected


def test_only_a_server_heeds_them():
    settings = load_settings(environ={**VERTEX, "PORT": "tcp://10.0.0.1:80"})
    assert settings.serve == Settings().serve


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"PORT": "tcp://10.0.0.1:80"}, "PORT: serve.port is 'tcp://10.0.0.1:80'; expected a port"),
        ({"VERTEX_CPR_WORKERS_PER_CORE": "two"}, "VERTEX_CPR_WORKERS_PER_CORE is 'two'; expected"),
        ({"WEB_CONCURRENCY": "0"}, "WEB_CONCURRENCY: serve.workers is '0'; expected a number of"),
    ],
    ids=["port", "per core", "no worker"],
)
def test_platform_variable_that_is_no_number_is_named(environ, said):
    assert said in problem_of(load_settings, environ=environ, is_server=True).problem


def test_the_process_environment_is_the_default(monkeypatch):
    monkeypatch.setenv("CPR_PREDICTOR_OUTPUT", "scores")
    assert load_settings().predictor.output == "scores"


def test_with_defaults_fills_only_what_was_left_open():
    settings = load_settings(
        flags={"predictor.b64": "auto"}, environ={"CPR_PREDICTOR_TAGS": "serve"}
    )
    weak = {"predictor.b64": "always", "predictor.tags": ["gpu"], "predictor.output": "scores"}
    filled = with_defaults(settings, weak, "manifest of iris-0.1")
    assert filled.predictor == PredictorSettings(b64="auto", tags=("serve",), output="scores")
    assert filled.origins == {
        "predictor.b64": "flag",
        "predictor.tags": "CPR_PREDICTOR_TAGS",
        "predictor.output": "manifest of iris-0.1",
    }


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"predictor.threads": 3}, "manifest: unknown key 'threads' in [predictor]"),
        ({"server.port": 80}, "manifest: unknown table [server]"),
        ({"predictor.strict": "x"}, "manifest: predictor.strict is 'x'; expected true or false."),
    ],
    ids=["key", "table", "type"],
)
def test_with_defaults_refuses_what_it_does_not_know(values, said):
    assert said in problem_of(with_defaults, Settings(), values, "manifest").problem


def test_table_of_tolerances_is_kept_in_its_order(project):
    folder = project(
        cpr='[replay]\nignore = ["a"]\n[replay.tolerance]\nrtol = 1e-4\n"p[*].x" = [0.5, 2]\n'
    )
    replay = load_settings(folder, environ={}).replay
    assert replay.tolerance == ("rtol=0.0001", "p[*].x=0.5:2")
    assert replay.ignore == ("a",)
    environ = {"CPR_REPLAY_TOLERANCE": "atol=1, p[*]=2"}
    assert load_settings(folder, environ=environ).replay.tolerance == ("atol=1", "p[*]=2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[replay]\ntolerance = 0.5\n", "replay.tolerance is 0.5; expected a list of strings."),
        ("[replay.tolerance]\np.x = 1\n", "replay.tolerance holds a table: {'p': {'x': 1}}"),
    ],
    ids=["number", "unquoted path"],
)
def test_tolerance_that_is_no_table_of_numbers_is_refused(project, text, message):
    assert message in problem_of(load_settings, project(cpr=text), environ={}).problem
