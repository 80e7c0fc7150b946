"""What becomes of a connection, whatever comes on it: a real server, and bytes on a socket."""

import json
import resource
import signal
import socket
from http.client import HTTPResponse
from pathlib import Path

import pytest

PAGE = b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\n"
PREDICT = b"POST /v1/models/default:predict HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def server(supervising, tmp_path_factory):
    supervisor = supervising(tmp_path_factory.mktemp("served"), body_timeout_s=0.5)
    supervisor.await_ready()
    yield supervisor
    supervisor.end()


@pytest.fixture
def connection(server):
    with socket.create_connection((server.host, server.port), timeout=30) as opened:
        yield opened


def read_until(connection, ending):
    read = b""
    while not read.endswith(ending):
        data = connection.recv(1 << 16)
        assert data, read
        read += data
    return read


@pytest.mark.parametrize(
    ("head", "rest"),
    [
        pytest.param(b"Content-Length: 100\r\n\r\n", b"abc", id="body-that-stops"),
        pytest.param(b"Content-Length: 100\r\n\r\n", b"", id="no-body"),
        pytest.param(
            b"Transfer-Encoding: chunked\r\n\r\n",
            b"20000\r\n" + b"x" * 0x20000 + b"\r\n",
            id="body-that-is-too-large",
        ),
    ],
)
def test_a_connection_ends_whose_page_was_answered_before_its_body_was_there(
    connection, head, rest
):
    connection.sendall(PAGE + head)
    assert read_until(connection, b"}").startswith(b"HTTP/1.1 404 ")
    connection.sendall(rest)

    assert connection.recv(1) == b""


def test_large_requests_that_are_cut_anywhere_are_not_taken_for_large_heads(connection):
    body = b'{"instances": [1]' + b" " * 50_000 + b"}"
    request = PREDICT + b"Content-Length: %d\r\n\r\n" % len(body) + body
    connection.sendall(request[:10])
    read_until_asked = request[10:] + request[:10]
    for _ in range(5):
        connection.sendall(read_until_asked)
        assert read_until(connection, b"]}").startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("piece", [1 << 20, 50_000])
def test_large_bodies_and_answers_arrive_whole_in_their_order(connection, piece):
    sizes = [30_000, 400_000, 70_000, 5]
    requests = []
    for number, size in enumerate(sizes):
        body = b'{"instances": ["%b"]}' % (b"%d" % number * size)
        requests.append(PREDICT + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    data = b"".join(requests)
    with connection.makefile("rb") as answers:
        for at in range(0, len(data), piece):
            connection.sendall(data[at : at + piece])
        for number, size in enumerate(sizes):
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            headers = dict(line.split(b": ", 1) for line in iter(answers.readline, b"\r\n"))
            body = answers.read(int(headers[b"content-length"]))
            assert body == b'{"predictions":["%b"]}' % (b"%d" % number * 2 * size)


def ask(connection, *instances):
    body = json.dumps({"instances": instances}).encode()
    connection.sendall(PREDICT + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def answer_on(connection):
    """The status and the predictions, or what stands there instead."""
    answer = HTTPResponse(connection)
    answer.begin()
    document = json.loads(answer.read())
    return answer.status, document.get("predictions", document)


def test_a_client_that_reads_late_gets_its_own_answer_whole(server, connection):
    late = [socket.create_connection((server.host, server.port), timeout=60) for _ in range(5)]
    texts = [letter * 1_500_000 for letter in "abcde"]
    for other, text in zip(late, texts, strict=True):
        ask(other, text)
    for size in range(70_000, 3_000_000, 150_000):
        ask(connection, "z" * size)
        assert answer_on(connection) == (200, ["z" * 2 * size])
    for other, text in zip(late, texts, strict=True):
        assert answer_on(other) == (200, [2 * text])
        other.close()


def test_large_bodies_survive_a_neighbour_that_kills_their_worker(server):
    texts = [letter * 200_000 for letter in "abcdefgh"]
    asked = [[text] for text in texts[:4]] + [["crash", texts[0]]] + [[t] for t in texts[4:]]
    opened = [socket.create_connection((server.host, server.port), timeout=60) for _ in asked]
    for connection, instances in zip(opened, asked, strict=True):
        ask(connection, *instances)
    answers = [answer_on(connection) for connection in opened]
    for connection in opened:
        connection.close()

    assert answers.pop(4)[0] == 500
    assert answers == [(200, [2 * text]) for text in texts]


def test_a_supervisor_that_is_held_up_ends_no_front(supervise):
    supervisor = supervise()
    supervisor.await_ready()
    ask = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50
    supervisor.signal(signal.SIGSTOP)
    for _ in range(300):  # more than fit between the two
        with socket.create_connection((supervisor.host, supervisor.port)) as asking:
            asking.sendall(ask)
    assert supervisor.post(1) == (200, {"predictions": [2]})
    supervisor.signal(signal.SIGCONT)

    status, text = supervisor.fetch("GET", "/metrics")
    assert status == 200
    assert "cpr_" in text
    supervisor.signal()
    assert supervisor.wait() == 0
    assert b"the supervisor is gone" not in b"".join(supervisor.stderr)


def test_what_follows_a_body_in_chunks_costs_no_memory(server, connection):
    front = server.family()[0]
    before = resident_bytes(front)
    connection.sendall(PREDICT + b"Transfer-Encoding: chunked\r\n\r\n0\r\n")
    trailers = b"".join(b"a%d: x\r\n" % number for number in range(100_000))
    for _ in range(10):
        connection.sendall(trailers)
    connection.sendall(b"\r\n")
    assert read_until(connection, b"}").startswith(b"HTTP/1.1 400 ")

    assert resident_bytes(front) - before < 30_000_000


def resident_bytes(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
