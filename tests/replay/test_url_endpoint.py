"""Posting to a real server: keep-alive, every kind of error, and no hanging."""

import json
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cpr.errors import BadInput, BadOutput, EnvironmentProblem, PredictionFailed, UsageError
from cpr.replay.recorded import RecordedRequest
from cpr.replay.url_endpoint import UrlEndpoint

BODY = b'{"instances": [1, 2]}'
REQUEST = RecordedRequest(BODY, "r.json", 1)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, body, dict(self.headers), self.client_address))
        status, answer, headers = self.server.answers.pop(0)
        self.send_response(status)
        length = headers.pop("Content-Length", len(answer))
        self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)
        if length != len(answer):
            self.close_connection = True

    def log_message(self, *_):
        pass


@contextmanager
def serving(*answers):
    """A server on a free port that gives these answers one after the other."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.answers = [(status, body, dict(*headers)) for status, body, *headers in answers]
    server.seen = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_posts_the_body_as_it_is_over_one_connection():
    with (
        serving((200, b'{"predictions": [3]}'), (200, b'{"predictions": []}')) as (server, url),
        UrlEndpoint(f"{url}/v1/models/m:predict?key=k", headers=["X-A: b"]) as endpoint,
    ):
        assert endpoint.name == f"{url}/v1/models/m:predict"
        first, second = endpoint.send(REQUEST), endpoint.send(REQUEST)
    assert (first.status, first.body, first.instances) == (200, b'{"predictions": [3]}', 2)
    assert first.error is second.error is None
    [one, two] = server.seen
    assert one[:2] == ("/v1/models/m:predict?key=k", BODY)
    assert one[2]["Content-Type"] == "application/json"
    assert one[2]["X-A"] == "b"
    assert one[3] == two[3]


def test_user_and_password_are_sent_and_not_shown():
    with (
        serving((200, b"{}")) as (server, url),
        UrlEndpoint(url.replace("//", "//me:s%40crt@")) as endpoint,
    ):
        endpoint.send(REQUEST)
        assert endpoint.name == f"{url}/"
    assert server.seen[0][2]["Authorization"] == "Basic bWU6c0BjcnQ="


def test_given_header_replaces_one_of_ours():
    with (
        serving((200, b"{}")) as (server, url),
        UrlEndpoint(url, headers=["content-type: text/x"]) as endpoint,
    ):
        endpoint.send(REQUEST)
    assert [v for k, v in server.seen[0][2].items() if k.lower() == "content-type"] == ["text/x"]


def test_connection_that_the_server_closed_is_opened_again():
    closing = (200, b"{}", {"Connection": "close"})
    with serving(closing, closing, closing) as (server, url), UrlEndpoint(url) as endpoint:
        assert [endpoint.send(REQUEST).error for _ in range(3)] == [None] * 3
    assert len({client for *_, client in server.seen}) == 3


REFUSALS = {
    "400": (400, b'{"error": "bad instances"}', BadInput, "400 Bad Request: bad instances"),
    "422 detail": (422, b'{"detail": [{"msg": "x"}]}', BadInput, "[{'msg': 'x'}]"),
    "401": (401, b"", EnvironmentProblem, "401 Unauthorized: no text"),
    "404": (404, b"<html>", EnvironmentProblem, "404 Not Found: '<html>'"),
    "302": (302, b"", EnvironmentProblem, "302 Found: no text"),
    "500": (500, b'{"error": {"code": 500, "message": "boom"}}', PredictionFailed, ": boom"),
    "503": (503, b"later", PredictionFailed, "503 Service Unavailable: 'later'"),
    "AI Platform's": (200, b'{"error": "unknown"}', PredictionFailed, "answered 200: unknown"),
    "no JSON": (200, b"<html>", BadOutput, "answered 200 with what is not JSON: '<html>'"),
    "empty": (200, b"", BadOutput, "answered 200 with what is not JSON: ''"),
}


@pytest.mark.parametrize(("status", "body", "kind", "message"), REFUSALS.values(), ids=REFUSALS)
def test_refusal_is_an_error_with_its_status(status, body, kind, message):
    headers = {"Location": "http://elsewhere/"} if status == 302 else {}
    with serving((status, body, headers)) as (_, url), UrlEndpoint(url) as endpoint:
        answer = endpoint.send(REQUEST)
    assert type(answer.error) is kind
    assert message in answer.error.problem
    assert (answer.status, answer.instances) == (status, 0)


def test_prediction_with_an_error_key_is_a_prediction():
    body = json.dumps({"predictions": [1], "error": None}).encode()
    with serving((200, body)) as (_, url), UrlEndpoint(url) as endpoint:
        assert endpoint.send(REQUEST).error is None


def test_answer_that_breaks_off_is_an_error():
    half = (200, b'{"predic', {"Content-Length": 100})
    with serving(half, (200, b"{}")) as (_, url), UrlEndpoint(url) as endpoint:
        answer, after = endpoint.send(REQUEST), endpoint.send(REQUEST)
    assert (answer.status, answer.body) == (0, b"")
    assert "broke off before the whole answer was there" in answer.error.problem
    assert after.error is None


def test_silent_server_is_given_up():
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with listener, UrlEndpoint(url, timeout_s=0.2) as endpoint:
        answer = endpoint.send(REQUEST)
    assert answer.status == 0
    assert answer.error.problem == f"no answer from {url}/ within 0.2 s."


def test_dripping_server_is_given_up():
    def drip(listener, is_over):
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while not is_over.wait(0.05):
                connection.sendall(b" ")

    listener = socket.create_server(("127.0.0.1", 0))
    is_over = threading.Event()
    thread = threading.Thread(target=drip, args=(listener, is_over))
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with listener, UrlEndpoint(url, timeout_s=0.3) as endpoint:
        answer = endpoint.send(REQUEST)
        is_over.set()
        thread.join()
    assert "within 0.3 s" in answer.error.problem


def test_wrong_address_shows_before_the_first_request():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(EnvironmentProblem, match="cannot be reached: Connection refused"):
        UrlEndpoint(f"http://127.0.0.1:{port}/x")


@pytest.mark.parametrize(
    "url", ["http://", "http:///x", "http://h:x/", "http://h:99999/", "http://h/a b", "http://h/é"]
)
def test_what_is_no_url_is_refused(url):
    with pytest.raises(UsageError, match="is not a URL"):
        UrlEndpoint(url)


@pytest.mark.parametrize("header", ["Authorization", ": x", "A: b\r\nC: d", "A b: c", "A: é"])
def test_header_that_cannot_be_sent_is_refused_without_its_value(header):
    with pytest.raises(UsageError, match=r"the header .* cannot be read"):
        UrlEndpoint("http://127.0.0.1:1/", headers=[header])


def test_secret_in_a_header_is_not_told():
    with pytest.raises(UsageError) as caught:
        UrlEndpoint("http://127.0.0.1:1/", headers=["Authorization: s\x00ecret"])
    assert "ecret" not in str(caught.value)
