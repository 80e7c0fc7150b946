"""Requests that ask for HTTP/2 or a WebSocket are answered as what they are: HTTP/1.1."""

import asyncio
import json

import pytest

PATH = "/v1/projects/p/models/m:predict"
H2C = "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQCAAAA\r\n"
WEBSOCKET = (
    "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
ASKED = pytest.mark.parametrize("asked", [H2C, WEBSOCKET], ids=["HTTP/2", "WebSocket"])


@pytest.fixture(scope="module")
def server():
    from running_server import serve_faults

    with serve_faults() as running:
        yield running


def post(asked, *instances, chunked=False, path=PATH):
    body = json.dumps({"instances": instances}).encode()
    length = f"Content-Length: {len(body)}\r\n"
    if chunked:
        length = "Transfer-Encoding: chunked\r\n"
        body = b"".join(b"%x\r\n%s\r\n" % (1, body[n : n + 1]) for n in range(len(body)))
        body += b"0\r\n\r\n"
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{asked}{length}\r\n".encode() + body


def exchange(server, pieces, answers):
    """Send the pieces one after the other on one connection, and take so many answers."""
    from raw_http import Connection

    async def go():
        connection = await Connection(server.host, server.port).open()
        try:
            for piece in pieces:
                await connection.send(piece)
                await asyncio.sleep(0)
            return [await asyncio.wait_for(connection.answer(), 30) for _ in range(answers)]
        finally:
            connection.close()

    found = asyncio.run(go())
    return [(answer.status, json.loads(answer.body)) for answer in found]


@ASKED
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
def test_the_body_is_read(server, asked, chunked):
    data = post(asked, 1, "two", chunked=chunked)
    assert exchange(server, [data], 1) == [(200, {"predictions": [1, "two"]})]


@ASKED
def test_it_may_arrive_in_any_pieces(server, asked):
    for chunked in (False, True):
        data = post(asked, 7, chunked=chunked)
        whole = [(200, {"predictions": [7]})]
        assert exchange(server, [data[n : n + 1] for n in range(len(data))], 1) == whole
        for cut in range(1, len(data), 17):
            assert exchange(server, [data[:cut], data[cut:]], 1) == whole


@ASKED
def test_the_connection_goes_on(server, asked):
    requests = [post(asked if n % 3 else "", n, chunked=n % 2) for n in range(30)]
    expected = [(200, {"predictions": [n]}) for n in range(30)]
    assert exchange(server, requests, 30) == expected
    assert exchange(server, [b"".join(requests)], 30) == expected


@ASKED
def test_a_page_is_given_and_a_prediction_after_it(server, asked):
    page = f"GET /v1/models/m HTTP/1.1\r\nHost: localhost\r\n{asked}\r\n".encode()
    health = f"GET /healthz HTTP/1.1\r\nHost: localhost\r\n{asked}\r\n".encode()
    found = exchange(server, [health + page + post(asked, 3)], 3)
    assert found[0][0] == 200
    assert found[1][0] in (200, 400, 404, 405)  # what a WebSocket of a page is told
    assert found[2] == (200, {"predictions": [3]})


@ASKED
def test_a_refused_request_is_read_to_its_end(server, asked):
    unknown = post(asked, 1, path="/v1/models/unknown:predict")
    found = exchange(server, [unknown + post("", 2)], 2)
    assert [status for status, _ in found] == [404, 200]


@ASKED
def test_it_is_no_way_around_a_limit(server, asked):
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n{asked}Content-Length: 90000000\r\n\r\n"
    assert exchange(server, [head.encode()], 1)[0][0] == 413
    chunks = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n{asked}Transfer-Encoding: chunked\r\n\r\n"
    assert exchange(server, [head.encode() + chunks * 9], 1)[0][0] == 413


@ASKED
def test_a_body_that_is_broken_is_refused(server, asked):
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n{asked}Transfer-Encoding: chunked\r\n\r\n"
    assert exchange(server, [head.encode() + b"zz\r\n{}"], 1)[0][0] == 400
