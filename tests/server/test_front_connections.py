"""What a connection to the front promises: order, names, timing, and clear refusals."""

import asyncio
import json

import pytest

PREDICT = "/v1/models/m:predict"


@pytest.fixture(scope="module")
def server():
    from running_server import serve_faults

    with serve_faults() as running:
        yield running


def post(*instances, path=PREDICT, headers=""):
    body = json.dumps({"instances": instances})
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n{headers}"
    return f"{head}\r\n{body}".encode()


def get(path, method="GET", headers=""):
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode()


def answers(server, data, count):
    """What one connection gets for bytes that are sent at once."""
    from raw_http import Connection

    async def go():
        connection = await Connection(server.host, server.port).open()
        try:
            await connection.send(data)
            return [await asyncio.wait_for(connection.answer(), 30) for _ in range(count)]
        finally:
            connection.close()

    return asyncio.run(go())


def test_predictions_and_pages_are_answered_in_the_order_of_their_requests(server):
    asked = [post(1), get("/v1/models/m"), post(2), get("/healthz"), get("/openapi.json"), post(3)]

    found = answers(server, b"".join(asked), len(asked))

    bodies = [json.loads(answer.body) for answer in found]
    assert [bodies[n].get("predictions") for n in (0, 2, 5)] == [[1], [2], [3]]
    assert bodies[1]["name"] == "m"
    assert bodies[3] == {}
    assert bodies[4]["openapi"].startswith("3.")


@pytest.mark.parametrize(
    ("offered", "kept"),
    [
        ("abc-1.2:3_x", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ('a"b', False),
        ("a b", False),
        ("ü", False),
    ],
    ids=["plain", "longest", "too-long", "quote", "space", "not-ascii"],
)
def test_a_client_names_its_request_if_the_name_fits(server, offered, kept):
    (answer,) = answers(server, post(1, headers=f"X-Request-Id: {offered}\r\n"), 1)

    assert answer.status == 200
    assert (answer.headers["x-request-id"] == offered) is kept


def test_every_answer_has_a_name_of_its_own(server):
    data = post(1) + post(1) + get("/healthz") + get("/v1/models") + post(path="/nowhere")

    names = [answer.headers["x-request-id"] for answer in answers(server, data, 5)]

    assert len(set(names)) == 5


def test_a_prediction_names_its_version_and_when_asked_its_timing(server):
    plain, timed = answers(server, post(1) + post(1, headers="X-Cpr-Timing: 1\r\n"), 2)

    assert plain.headers["x-model-version"] == "1"
    assert "server-timing" not in plain.headers
    stages = [part.partition(";")[0] for part in timed.headers["server-timing"].split(", ")]
    assert stages == ["queue", "decode", "predict", "encode", "total"]


def test_a_head_request_gets_the_head_alone(server):
    (whole,) = answers(server, get("/healthz"), 1)

    async def head():
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(get("/healthz", method="HEAD", headers="Connection: close\r\n"))
        data = await reader.read()
        writer.close()
        return data

    data = asyncio.run(head())
    assert data.startswith(b"HTTP/1.1 200 OK\r\n")
    assert f"content-length: {len(whole.body)}\r\n".encode() in data
    assert data.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "line",
    ["CONNECT example.com:80 HTTP/1.1", "GET caf\xe9 HTTP/1.1", "GET http://[ HTTP/1.1"],
    ids=["authority", "not-ascii", "no-url"],
)
def test_a_target_that_is_no_path_is_refused_in_words(server, line):
    (answer,) = answers(server, f"{line}\r\nHost: localhost\r\n\r\n".encode("latin-1"), 1)

    assert answer.status == 400
    error = json.loads(answer.body)["error"]
    assert "callback" not in str(error)
    assert answer.headers["connection"] == "close"


def test_a_body_that_is_expected_is_asked_for(server):
    body = b'{"instances": [7]}'
    head = post(7, headers="Expect: 100-continue\r\n").partition(b"\r\n\r\n")[0] + b"\r\n\r\n"

    async def go():
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(head)
        first = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        writer.write(body)
        second = await asyncio.wait_for(reader.readuntil(b"}"), 30)
        writer.close()
        return first, second

    first, second = asyncio.run(go())
    assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert second.startswith(b"HTTP/1.1 200 OK\r\n")
    assert second.endswith(b'{"predictions":[7]}')


def test_a_client_that_sends_no_more_still_gets_its_answer(server):
    async def go():
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(post(5))
        writer.write_eof()
        data = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        return data

    assert asyncio.run(go()).endswith(b'{"predictions":[5]}')


def test_a_request_that_ends_early_is_not_predicted(server):
    async def go():
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(post(5)[:-1])
        writer.write_eof()
        data = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        return data

    data = asyncio.run(go())
    assert data.startswith(b"HTTP/1.1 400 ")
    assert b"ended before it was complete" in data


def test_what_the_command_line_says_of_answers_reaches_the_predictor():
    import gzip

    from running_server import serve_faults

    deep = b'{"instances": [[[[[1]]]]]}'
    large = gzip.compress(json.dumps({"instances": ["x" * 2000]}).encode())
    packed = f"Content-Encoding: gzip\r\nContent-Length: {len(large)}\r\n"
    path = "/v1/projects/p/models/m:predict"
    asked = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(deep)}\r\n\r\n".encode()
        + deep
        + f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{packed}\r\n".encode()
        + large
    )
    with serve_faults(
        "--error-status", "200", "--json-depth", "4", "--body-limit", "1000"
    ) as running:
        too_deep, too_large = answers(running, asked, 2)

    assert too_deep.status == 200
    assert "levels" in json.loads(too_deep.body)["error"]
    assert too_large.status == 413


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://localhost/healthz", b"{}"),
        ("http://localhost/v1/models/m?x=1", b'"name":"m"'),
        ("http://localhost", b"<title>"),
    ],
    ids=["path", "query", "no-path"],
)
def test_a_proxys_whole_url_is_taken_for_its_path(server, url, found):
    (answer,) = answers(server, f"GET {url} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), 1)

    assert answer.status == 200
    assert found in answer.body


def test_chunks_are_of_http_1_1(server):
    head = f"POST {PREDICT} HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    (answer,) = answers(server, head.encode() + b'12\r\n{"instances": [1]}\r\n0\r\n\r\n', 1)

    assert answer.status == 400
    assert "Transfer-Encoding" in str(json.loads(answer.body))


def test_bodies_that_are_not_answered_fill_no_more_memory_than_they_may():
    from running_server import serve_faults

    body = json.dumps({"instances": ["x" * 900_000]}).encode()
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"

    async def go(running):
        writers, statuses = [], []
        for _ in range(3):
            reader, writer = await asyncio.open_connection(running.host, running.port)
            writer.write(head.encode() + body[:-1])
            writers.append((reader, writer))
        refused = 0
        while not refused:
            done, waiting = await asyncio.wait(
                [asyncio.ensure_future(reader.read(12)) for reader, _ in writers],
                timeout=30,
                return_when=asyncio.FIRST_COMPLETED,
            )
            refused = sum(task.result() == b"HTTP/1.1 503" for task in done)
            for task in waiting:
                task.cancel()
            assert done, "nobody was refused"
        for _, writer in writers:
            writer.close()
        reader, writer = await asyncio.open_connection(running.host, running.port)
        while statuses[-1:] != [b"HTTP/1.1 200"]:  # until the front knows that they have gone
            writer.write(head.encode() + body)
            statuses.append(await asyncio.wait_for(reader.read(12), 30))
            assert statuses[-1] in (b"HTTP/1.1 200", b"HTTP/1.1 503")
            writer.close()
            reader, writer = await asyncio.open_connection(running.host, running.port)
        writer.close()

    with serve_faults("--buffer-limit", "2MB") as running:
        asyncio.run(go(running))


def test_tracebacks_of_user_code_are_shown_to_those_who_ask_for_them(server):
    from running_server import serve_faults

    (hidden,) = answers(server, post({"do": "raise"}), 1)
    with serve_faults("--debug-errors") as running:
        (shown,) = answers(running, post({"do": "raise"}), 1)

    assert "traceback" not in json.loads(hidden.body)
    assert "in predict" in json.loads(shown.body)["traceback"]
    assert json.loads(shown.body)["error"] == json.loads(hidden.body)["error"]


def test_what_is_wrong_in_two_ways_is_refused_once_and_fills_no_log(server):
    # Denied for its Host, and then not even HTTP: in one piece, so that both are found at once.
    data = b"POST / HTTP/1.1\r\nHost: elsewhere\r\nContent-Length: 4\r\n\r\nabcdnot http\r\n\r\n"

    (answer,) = answers(server, data, 1)

    assert answer.status == 421
    assert "ERROR front" not in server.errors


def test_a_page_whose_connection_has_ended_meanwhile_is_not_written(server):
    asked = [get("/healthz"), get("/openapi.json"), get("/v1/models"), b"not http\r\n\r\n"]

    for _ in range(20):
        found = answers(server, b"".join(asked), 4)
        assert [answer.status for answer in found] == [200, 200, 200, 400]
        cut_off(server, b"".join(asked))

    assert answers(server, post(1), 1)[0].status == 200
    assert "ERROR front" not in server.errors


def cut_off(server, data):
    """Send bytes, and reset the connection as soon as the first answer begins."""
    from raw_http import Connection

    async def go():
        connection = await Connection(server.host, server.port).open()
        await connection.send(data)
        await connection.first_byte()
        connection.reset_on_close()
        connection.close()

    asyncio.run(go())
