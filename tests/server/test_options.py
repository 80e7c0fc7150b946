"""The options of one run of the server, and their way into other processes."""

import json
from dataclasses import fields

import pytest

from cpr.server.options import ServeOptions, VersionSource, admin_path

FULL = ServeOptions(
    model_name="iris",
    versions=(
        VersionSource("1", {"target": "/p/a.tar.gz", "flags": {"predictor.strict": True}}, ("/p",)),
        VersionSource("2", {"model_dir": "/m/2", "packages": ["/p/b.whl"]}),
    ),
    default_version="2",
    targets=("/p/a.tar.gz", "/p/b.tar.gz"),
    allow_hosts=("iris.example", "localhost"),
    batch_window_ms=1.5,
    retry=False,
)


@pytest.mark.parametrize("options", [ServeOptions(), FULL], ids=["defaults", "full"])
def test_options_survive_the_way_through_json(options):
    assert ServeOptions.from_json(json.loads(json.dumps(options.to_json()))) == options


def test_every_option_has_a_default():
    assert {item.name for item in fields(ServeOptions)} == set(ServeOptions().to_json())


def test_the_admin_socket_is_private_to_its_user(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert admin_path(8080) == tmp_path / "cpr" / "serve-8080.sock"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert admin_path(8080) != admin_path(8081)
