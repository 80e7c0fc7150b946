"""A real browser: let in with a token as its password, and no help to pages of strangers."""

import contextlib
import http.server
import threading

import pytest

from cpr.server.tokens import new_token

PREDICT = "/v1/models/iris:predict"
FORGED = """async url => {
    const body = JSON.stringify({instances: [[5.1, 3.5, 1.4, 0.2]]});
    const options = {method: "POST", body, mode: "no-cors", credentials: "include"};
    try { return (await fetch(url, options)).type; } catch (error) { return String(error); }
}"""
READ = """async url => {
    try { return await (await fetch(url)).text(); } catch (error) { return "refused"; }
}"""


@pytest.fixture(scope="module")
def secured(serve, iris, tmp_path_factory):
    """A server that wants a token; `password` is one."""
    path = tmp_path_factory.mktemp("tokens") / "tokens"
    password, line = new_token()
    path.write_text(line)
    path.chmod(0o600)
    flags = ["--model-name", "iris", "--token-file", path]
    server = serve("--model-dir", iris / "2", *flags)
    server.password = password
    return server


@pytest.fixture(scope="module")
def stranger():
    """The URL of a page of another origin, on this machine too."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>a stranger's page</title>")

        def log_message(self, *words):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_address[1]}/"
        listening.shutdown()


@contextlib.contextmanager
def opened(browser, url, **options):
    """A page, and the (method, path, status) of every answer that it got."""
    context = browser.new_context(**options)
    page, answers = context.new_page(), []
    page.on("response", lambda got: answers.append((got.request.method, got.url, got.status)))
    response = page.goto(url)
    yield page, response, answers
    context.close()


def test_the_playground_works_with_the_token_as_password(browser, secured):
    user = {"username": "anyone", "password": secured.password}
    with opened(browser, secured.url, http_credentials=user) as (page, response, _):
        assert response.status == 200
        with page.expect_response(f"**{PREDICT}") as answer:
            page.get_by_role("button", name="Send").first.click()
        assert answer.value.status == 200
        assert answer.value.request.headers["origin"] == secured.url


def test_a_page_of_a_stranger_predicts_nothing_with_the_readers_password(
    browser, secured, stranger
):
    user = {"username": "anyone", "password": secured.password}
    with opened(browser, secured.url, http_credentials=user) as (page, _, answers):
        page.goto(stranger)
        page.evaluate(FORGED, secured.url + PREDICT)
        asked = [status for method, url, status in answers if url.endswith(PREDICT)]
        assert asked == [403]


def test_a_page_of_a_stranger_can_read_nothing(browser, server, stranger):
    with opened(browser, stranger) as (page, _, _):
        assert page.evaluate(READ, f"{server.url}/v1/models/iris") == "refused"
        assert page.evaluate(READ, f"{server.url}/healthz") == "refused"


def test_a_name_that_leads_here_is_not_answered_to(browser, server):
    # Every name below localhost is this machine for a browser, as a rebound name would be.
    with opened(browser, f"http://rebound.localhost:{server.port}/") as (_, response, _):
        assert response.status == 421
