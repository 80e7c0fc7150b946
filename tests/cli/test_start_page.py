"""The page that a server shows when it is ready, and what it says afterwards."""

import json

import pytest

from cpr.cli.serve_screen import TerminalScreen
from cpr.cli.start_page import sample_body, start_page
from cpr.errors import LoadError
from cpr.server.options import ServeOptions
from cpr.server.screen import ReadyReport, ReloadReport, VersionReport


def version(name="1", *samples, **description):
    described = {"name": "predictor.Mine", "kind": "custom", "samples": list(samples)}
    return VersionReport(name, {**described, **description}, load_s=0.25, memory_bytes=45_000_000)


def ready(*versions, default="1"):
    return ReadyReport("http://127.0.0.1:8080", "iris", default, versions, 77, "/run/socket")


def page(*versions, in_colour=False, default="1", **options):
    return start_page(
        ready(*versions, default=default), ServeOptions(**options), in_colour=in_colour
    )


def test_versions_are_listed_and_the_default_is_marked():
    shown = page(version("1"), version("2", is_batchable=True), default="2")
    assert "1 · predictor.Mine · not batchable · loaded in 0.25 s, 45 MB\n" in shown
    assert "2 (default) · predictor.Mine · batchable · loaded in" in shown


def test_ready_made_predictor_goes_by_its_class_and_kind():
    described = {"name": "cpr.predictors.sklearn_estimator.SklearnEstimator", "kind": "sklearn"}
    shown = page(VersionReport("1", described, load_s=1, memory_bytes=1))
    assert "1 · SklearnEstimator (sklearn) ·" in shown


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "this machine only"),
        ({"host": "::1"}, "this machine only"),
        ({"token_file": "t"}, "127.0.0.1, with a bearer token"),
        (
            {"host": "0.0.0.0", "token_file": "t", "tls_client_ca": "c", "tls_cert": "c"},
            "0.0.0.0, with a bearer token and a client certificate",
        ),
        (
            {"host": "0.0.0.0", "token_file": "t"},
            "0.0.0.0, with a bearer token that travels in the clear without TLS",
        ),
        ({"host": "0.0.0.0", "token_file": "t", "tls_cert": "c"}, "0.0.0.0, with a bearer token"),
        ({"host": "0.0.0.0", "insecure": True}, "everybody who reaches 0.0.0.0"),
    ],
    ids=["loopback", "loopback of version 6", "token", "both", "no TLS", "TLS", "nothing"],
)
def test_page_says_who_may_ask(options, said):
    assert f"  access     {said}\n" in page(version(), **options)


@pytest.mark.parametrize(
    ("count", "said"),
    [(500, "500 bytes"), (1000, "1 kB"), (1 << 20, "1.049 MB"), (8 * 10**6, "8 MB")],
)
def test_largest_body_is_told_in_the_unit_that_fits(count, said):
    assert f"bodies to {said} ·" in page(version(), body_bytes=count)


@pytest.mark.parametrize(
    ("options", "said"),
    [({}, "--port 8080"), ({"admin": "/run/a b.sock"}, "--admin '/run/a b.sock'")],
)
def test_page_says_how_the_server_is_reloaded(options, said):
    assert f"cpr reload {said} loads what is new." in page(version(), **options)


@pytest.mark.parametrize(
    ("sample", "body"),
    [
        ({"instances": [[1], [2]], "k": True}, '{"instances": [[1]], "k": true}'),
        ({"instances": {"a": 1}}, '{"instances": {"a": 1}}'),
        ({"inputs": [1, 2]}, '{"inputs": [1, 2]}'),
        ({"instances": ["né"]}, '{"instances": ["né"]}'),
        ({"instances": ["x" * 500]}, ""),
        (None, ""),
    ],
    ids=["first instance", "no list", "columns", "text", "long", "none"],
)
def test_curl_line_has_one_real_instance(sample, body):
    samples = [] if sample is None else [sample]
    assert sample_body(ready(version("1", *samples))) == body
    shown = page(version("1", *samples))
    assert f"curl -d '{body}'" in shown or (not body and "curl -d @request.json" in shown)


def test_the_shortest_sample_that_fits_is_taken():
    samples = [{"instances": ["x" * 500]}, {"instances": [7]}]
    assert json.loads(sample_body(ready(version("1", *samples)))) == {"instances": [7]}


def test_quotes_of_an_instance_survive_the_shell():
    shown = page(version("1", {"instances": ["it's"]}))
    assert """-d '{"instances": ["it'"'"'s"]}'""" in shown


def test_curl_line_carries_what_the_server_asks_for():
    shown = page(version(), token_file="t", tls_client_ca="c")
    assert 'curl -H "Authorization: Bearer $TOKEN" --cert client.pem -d' in shown


def test_colour_is_for_terminals():
    assert "\x1b[1miris\x1b[0m" in page(version(), in_colour=True)
    assert "\x1b" not in page(version())


@pytest.fixture
def screen(capsys):
    """Makes a screen, and says what it has written to standard error since the last time."""

    def make(*, is_quiet=False, as_json=False):
        shown = TerminalScreen(ServeOptions(), is_quiet=is_quiet, as_json=as_json)
        return shown, lambda: capsys.readouterr().err

    return make


def test_failed_reload_says_what_serves_on_and_why(screen):
    shown, written = screen()
    error = LoadError("no weights.", hint="Copy them.", user_traceback="Traceback: …")
    shown.reloaded(ReloadReport("watch", [version("1")], 0.1, error))
    assert written() == (
        "cpr: the reload failed (files changed); version 1 serves on.\n"
        "Traceback: …\ncpr: no weights.\n     Copy them.\n"
    )


def test_reload_of_several_versions_is_told_in_the_plural(screen):
    shown, written = screen()
    both = [version("1"), version("2")]
    shown.reloaded(ReloadReport("watch", both, 0.1))
    assert written() == "cpr: reloaded in 0.10 s (files changed): versions 1, 2\n"
    shown.reloaded(ReloadReport("watch", both, 0.1, LoadError("no weights.")))
    assert "(files changed); versions 1, 2 serve on.\n" in written()


def test_crash_is_told_with_its_hint_below(screen):
    shown, written = screen()
    shown.crashed("2", "a worker ended by SIGKILL.\nOut of memory?")
    assert written() == (
        "cpr: version 2: a worker ended by SIGKILL.\n     Out of memory?\n"
        "     Another worker is started.\n"
    )


def test_quiet_screen_tells_failures_only(screen):
    shown, written = screen(is_quiet=True)
    shown.loading("1")
    shown.ready(ready(version()))
    shown.reloaded(ReloadReport("SIGHUP", [version()], 0.1))
    shown.stopping("SIGTERM")
    assert written() == ""
    shown.failed(LoadError("no weights."))
    assert written() == "cpr: no weights.\n"


def test_slow_load_is_told_on_a_terminal_and_wiped_off(screen, monkeypatch):
    monkeypatch.setattr("cpr.cli.serve_screen.is_interactive", lambda: True)
    monkeypatch.setattr("cpr.cli.serve_screen.PROGRESS_AFTER_S", -1.0)
    shown, written = screen()
    shown.loading("3")
    assert written() == "\r\x1b[Kloading version 3 … 0 s"
    shown.failed(LoadError("no weights."))
    assert written() == "\r\x1b[Kcpr: no weights.\n"


def test_load_is_not_told_where_nobody_watches(screen, monkeypatch):
    monkeypatch.setattr("cpr.cli.serve_screen.PROGRESS_AFTER_S", -1.0)
    shown, written = screen()
    shown.loading("3")
    assert written() == ""
