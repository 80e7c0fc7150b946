"""From flags, environment and file to the options of a server."""

from dataclasses import fields
from pathlib import Path

import fsspec
import pytest

from cpr.config import BatchingSettings, LimitsSettings, ServeSettings
from cpr.errors import ConfigError, LoadError, UsageError
from cpr.server.options import ServeOptions
from cpr.server.resolving import is_loopback, serve_options
from cpr.server.tokens import new_token

ROUTINE = """
class MyPredictor:
    @classmethod
    def from_path(cls, model_dir): ...
    def predict(self, instances, **kwargs): ...
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Writes a project with a settings file, makes it the current directory, returns it."""

    def write(settings="", name="iris"):
        folder = tmp_path / name
        (folder / "model").mkdir(parents=True)
        (folder / "predictor.py").write_text(ROUTINE)
        (folder / "cpr.toml").write_text(settings)
        monkeypatch.chdir(folder)
        return folder

    return write


def options(*targets, environ=None, flags=None, model_dir=None, **opening):
    return serve_options(targets, model_dir, opening=opening, flags=flags, environ=environ or {})


def test_without_a_target_the_current_directory_is_served(project):
    folder = project('[project]\nversion = "1.2"\nmodel_dir = "model"')
    found = options()
    assert found.targets == (str(folder),)
    assert found.base_dir == str(folder / "model")
    assert (found.model_name, found.default_version) == ("iris", "1.2")
    (version,) = found.versions
    assert version.open_with == {"target": str(folder), "model_dir": str(folder / "model")}
    assert version.watch == (str(folder), str(folder / "model"))


def test_defaults_are_those_of_the_settings(project):
    project()
    found = options()
    for item in (*fields(LimitsSettings), *fields(BatchingSettings)):
        key = {"window_ms": "batch_window_ms"}.get(item.name, item.name)
        assert getattr(found, key) == item.default == getattr(ServeOptions(), key)
    assert (found.host, found.port, found.workers) == ("127.0.0.1", 8080, 1)


def test_every_setting_of_the_server_is_an_option():
    renamed = {
        "versions": "version_policy",
        "predict_route": "aip_predict_route",
        "health_route": "aip_health_route",
    }
    names = {renamed.get(item.name, item.name) for item in fields(ServeSettings)}
    assert names <= {item.name for item in fields(ServeOptions)}


def test_file_environment_and_flags_become_options(project):
    project(
        '[serve]\nworkers = 3\nport = 9001\nallow_hosts = ["a.example"]\n'
        '[limits]\nbody_bytes = "1.5MB"\n[batching]\nwindow_ms = 2'
    )
    found = options(environ={"PORT": "9002"}, flags={"serve.port": 9003, "serve.retry": None})
    assert (found.workers, found.port, found.retry) == (3, 9003, True)
    assert found.allow_hosts == ("a.example",)
    assert (found.body_bytes, found.batch_window_ms) == (1_500_000, 2.0)


def test_flags_of_the_routine_go_to_each_version(project):
    project()
    flags = {"predictor.strict": True, "limits.body_bytes": 9, "serve.port": 1, "serve.host": None}
    found = options(prediction_class="predictor.MyPredictor", flags=flags)
    (version,) = found.versions
    assert version.open_with == {
        "target": None,
        "prediction_class": "predictor.MyPredictor",
        "flags": {"predictor.strict": True, "limits.body_bytes": 9},
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"targets": ["."]}, "iris-routine"),
        ({"targets": ["predictor.py:MyPredictor"]}, "MyPredictor"),
        ({"targets": ["predictor:MyPredictor"]}, "MyPredictor"),
        ({"targets": ["predictor.MyPredictor"]}, "MyPredictor"),
        ({"prediction_class": "predictor.MyPredictor", "model_dir": "model"}, "MyPredictor"),
        ({"model_dir": "model"}, "model"),
        ({"model_dir": "model/1"}, "model"),
        ({"model_dir": "memory://bucket/flowers/3/"}, "flowers"),
        ({"model_dir": "memory://bucket"}, "default"),
        ({"targets": ["."], "flags": {"serve.model_name": "roses"}}, "roses"),
        ({"targets": ["."], "flags": {"project.name": "my roses"}}, "my-roses"),
    ],
    ids=[
        "folder", "file", "module:class", "module.class", "class", "directory", "number", "URL",
        "bucket", "setting", "project",
    ],
)  # fmt: skip
def test_model_has_the_nearest_name(project, given, expected):
    folder = project(name="iris routine")
    (folder / "cpr.toml").unlink()
    (folder / "model" / "1").mkdir()
    (folder / "model" / "1" / "model.onnx").touch()
    fsspec.filesystem("memory").pipe("/bucket/flowers/3/model.onnx", b"x")
    given = dict(given)
    found = options(*given.pop("targets", ()), **given)
    assert found.model_name == expected


def test_model_name_that_cannot_stand_in_a_path_is_refused(project):
    project()
    with pytest.raises(UsageError, match="the model name 'a/b' cannot stand in a path"):
        options(flags={"serve.model_name": "a/b"})


@pytest.mark.parametrize("what", ["predict", "health"])
def test_route_that_is_no_path_is_refused(project, what):
    project()
    with pytest.raises(UsageError, match=f"the {what} route 'foo' is not a path") as caught:
        options(flags={f"serve.{what}_route": "foo"})
    assert "/foo" in caught.value.hint


def test_numbered_directories_are_served_by_policy(project):
    folder = project('[serve]\nversions = "all"\n[project]\nmodel_dir = "model"')
    for number in ("1", "2"):
        (folder / "model" / number).mkdir()
    found = options()
    assert [version.name for version in found.versions] == ["1", "2"]
    assert (found.default_version, found.version_policy) == ("2", "all")


def test_a_model_directory_without_numbers_has_no_policy(project):
    project('[project]\nmodel_dir = "model"')
    assert options().version_policy == ""
    with pytest.raises(UsageError, match=r"versions are named \(1\), but .*model holds no number"):
        options(flags={"serve.versions": "1"})


@pytest.mark.parametrize(
    ("flags", "environ"),
    [
        ({"serve.host": "0.0.0.0"}, {}),
        ({"serve.host": "::"}, {"PORT": "80"}),
        ({"serve.host": "myhost"}, {}),
        ({"serve.host": "0.0.0.0"}, {"AIP_HTTP_PORT": "80"}),
    ],
    ids=["all", "all of version 6", "name", "flag over the platform"],
)
def test_open_address_needs_a_guard(project, flags, environ):
    project()
    with pytest.raises(UsageError, match="anybody who does may predict") as caught:
        options(flags=flags, environ=environ)
    assert "--token-file" in caught.value.hint
    assert caught.value.exit_code == 2


def test_guards_of_an_open_address(project):
    folder = project()
    (folder / "tokens").write_text(new_token()[1])
    (folder / "tokens").chmod(0o600)
    host = {"serve.host": "0.0.0.0"}
    assert options(flags={**host, "serve.insecure": True}).insecure
    found = options(flags={**host, "serve.token_file": "tokens"})
    assert found.token_file == str(folder / "tokens")
    assert options(environ={"AIP_HTTP_PORT": "8081"}).host == "0.0.0.0"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("192.168.0.1", False),
        ("example.com", False),
        ("", False),
    ],
)
def test_loopback_is_told_from_the_rest(host, expected):
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("flags", "kind", "said"),
    [
        ({"serve.token_file": "nowhere"}, ConfigError, "token file .*nowhere cannot be read"),
        ({"serve.tls_key": "nowhere"}, ConfigError, "but no certificate"),
        ({"serve.allow_hosts": ("a b",)}, ConfigError, "a b"),
    ],
    ids=["token file", "key alone", "host"],
)
def test_files_that_cannot_be_used_are_told_at_start(project, flags, kind, said):
    project()
    with pytest.raises(kind, match=said):
        options(flags=flags)


def test_vertex_container_is_understood(project):
    folder = project()
    found = options(
        environ={
            "AIP_HTTP_PORT": "8088",
            "AIP_PREDICT_ROUTE": "/predict",
            "AIP_HEALTH_ROUTE": "/health",
            "AIP_STORAGE_URI": str(folder / "model"),
            "VERTEX_CPR_WEB_CONCURRENCY": "2",
        }
    )
    assert (found.host, found.port, found.workers) == ("0.0.0.0", 8088, 2)
    assert (found.aip_predict_route, found.aip_health_route) == ("/predict", "/health")
    assert found.versions[0].open_with["model_dir"] == str(folder / "model")


def test_target_that_is_not_there_is_told_at_start(project):
    project()
    with pytest.raises(UsageError, match=r"iris\.tar\.gz does not exist"):
        options("iris.tar.gz")


def test_model_directory_that_is_not_there_is_told_at_start(project):
    project()
    with pytest.raises(LoadError, match="has no 'modle', but model/") as caught:
        options(model_dir="modle")
    assert caught.value.hint == "Did you mean 'model'?"


def test_paths_are_absolute(project):
    folder = project()
    found = options(
        "predictor.py:MyPredictor",
        model_dir="model",
        packages=["."],
        require_signature="key.pub",
        flags={"serve.samples": "requests", "serve.access_log": "access.jsonl"},
    )
    assert found.targets == (f"{folder}/predictor.py:MyPredictor",)
    (version,) = found.versions
    assert version.open_with["packages"] == [str(folder)]
    assert version.open_with["require_signature"] == str(folder / "key.pub")
    assert found.samples == str(folder / "requests")
    assert found.access_log == str(folder / "access.jsonl")
    assert Path(found.base_dir).is_absolute()
    assert options(flags={"serve.access_log": "-"}).access_log == "-"
