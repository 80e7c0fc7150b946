"""A head that is known changes nothing but the time that a request takes: both ways, compared."""

import asyncio
import os
import random
import re
import socket

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from cpr.server.frames import RequestReader, pack_reply
from cpr.server.front_core import Front
from cpr.server.front_known_heads import KnownHeads
from cpr.server.front_link import Link
from cpr.server.front_protocol import FrontProtocol
from cpr.server.front_short_way import RememberingProtocol
from cpr.server.options import ServeOptions
from cpr.server.passage import PASSAGE_BYTES, WorkerPassage
from cpr.server.progress import Progress, make_page
from cpr.server.tokens import new_token

READY = {"models": {"m": {"default": "1", "versions": {"1": {"state": "ready"}}}}}
PATH = "/v1/models/m:predict"
HOST = "Host: localhost"


class Transport:
    """A client's end of a connection: keeps what is written."""

    def __init__(self):
        self.written = b""
        self.state = "open"

    def get_extra_info(self, name, default=None):
        return ("192.0.2.7", 4711) if name in ("peername", "sockname") else default

    def write(self, data):
        self.written += data

    def writelines(self, parts):
        self.written += b"".join(parts)

    def is_closing(self):
        return self.state == "closed"

    def close(self):
        self.state = "closed"

    abort = close

    def can_write_eof(self):
        return True

    def write_eof(self):
        self.state = "half closed"

    def get_write_buffer_size(self):
        return 0

    def pause_reading(self):
        pass

    resume_reading = pause_reading


class Side:
    """A front with one worker, whose connections are of one class."""

    def __init__(self, loop, kind, **options):
        self.loop, self.kind = loop, kind
        self.front = Front(ServeOptions(**options), loop, lambda told: None, lambda take: None)
        self.front.update_table(READY)
        self.config = Config(None, ws="none", lifespan="off", log_config=None)
        self.config.load()
        self.state = ServerState()
        self.frames = []
        ours, self.worker = socket.socketpair()
        ours.setblocking(False)
        self.worker.setblocking(False)
        page = make_page()
        self.progress = Progress(os.dup(page))
        self.link = Link(loop, 1, "1", ours, Progress(page))
        loop.run_until_complete(self.front.pool.add(self.link))
        self.reader = RequestReader(WorkerPassage(memoryview(bytearray(PASSAGE_BYTES))))

    def connect(self):
        connection = self.kind(self.front, self.config, self.state)
        connection.connection_made(Transport())
        return connection

    def work(self):
        """Answer all calls that are pending: each with what its worker got."""

        async def answer():
            asked = len(self.link.pending)
            while asked:
                for frame in self.reader.feed(await self.loop.sock_recv(self.worker, 1 << 16)):
                    asked -= 1
                    call = frame.call._replace(request_id="")
                    self.frames.append(frame._replace(deadline_ns=0, call=call))
                    body = repr(self.frames[-1]._replace(number=0)).encode()
                    reply = pack_reply(len(body), frame.number, 200, 0, 1, 1, 1, 1, 1)
                    await self.loop.sock_sendall(self.worker, reply + body)
            while self.link.pending:
                await asyncio.sleep(0)

        self.loop.run_until_complete(asyncio.wait_for(answer(), 60))

    def ask(self, connection, *pieces):
        """Send pieces; what is written back, without what differs every time."""
        transport = connection.transport
        before = len(transport.written)
        for piece in pieces:
            if transport.state != "closed":
                connection.data_received(piece)
        self.work()
        answer = transport.written[before:]
        answer = re.sub(rb"x-request-id: (?!mine)[^\r]+", b"x-request-id: *", answer)
        return re.sub(rb"server-timing: [^\r]+", b"server-timing: *", answer), transport.state

    def counted(self):
        self.front.notes.settle()
        told = self.front.counters.snapshot()
        series = [[*labels, sum(one[0]), one[4]] for *labels, one in map(_parted, told["series"])]
        return told["events"], told["refused"], series

    def close(self):
        self.worker.close()
        self.link.abort()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.progress.close()


def _parted(entry):
    return (*entry[:4], entry[4:])


@pytest.fixture
def sides():
    """Make a side: of connections that remember, or as they were before."""
    loop = asyncio.new_event_loop()
    made = []

    def make(kind=RememberingProtocol, **options):
        made.append(Side(loop, kind, **options))
        return made[-1]

    yield make
    for side in made:
        side.close()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def post(body=b'{"instances": [1]}', *headers, path=PATH, version="1.1", length=None):
    length = len(body) if length is None else length
    lines = [f"POST {path} HTTP/{version}", *headers, f"Content-Length: {length}", "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.fixture
def known(sides):
    """A side that knows the head of `post(…, HOST)`, and a connection that was used."""
    side = sides()
    connection = side.connect()
    side.ask(connection, post(b"[1]", HOST))
    return side, connection


def heads(side):
    return len(side.front.known_heads._heads)


def test_a_request_is_known_again_on_any_connection_with_another_body_and_name(known):
    side, connection = known
    assert heads(side) == 1

    names = set()
    for other in (connection, side.connect()):
        before = len(other.transport.written)
        side.ask(other, post(b"[2]", HOST))
        (name,) = re.findall(rb"x-request-id: (\S+)", other.transport.written[before:])
        names.add(name)

    assert [frame.call.body for frame in side.frames] == [b"[1]", b"[2]", b"[2]"]
    assert len(names) == 2
    assert heads(side) == 1


def test_a_known_head_is_no_way_around_a_token_that_was_withdrawn(sides, tmp_path):
    file = tmp_path / "tokens"
    (token, line), (_, other_line) = new_token(), new_token()
    file.write_text(line + "\n")
    file.chmod(0o600)
    side = sides(token_file=str(file))
    connection = side.connect()
    request = post(b"[1]", HOST, f"Authorization: Bearer {token}")
    for _ in range(3):
        assert side.ask(connection, request)[0].startswith(b"HTTP/1.1 200 ")
    assert heads(side) == 1

    file.write_text(other_line + "\n")
    side.front.reload_tokens()

    answer, state = side.ask(connection, request)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert state == "half closed"
    assert heads(side) == 0
    assert len(side.frames) == 3


def test_a_known_head_reaches_no_version_that_is_served_no_more(sides):
    side = sides()
    request = post(b"[1]", HOST, path="/v1/models/m/versions/1:predict")
    connection = side.connect()
    assert side.ask(connection, request)[0].startswith(b"HTTP/1.1 200 ")

    versions = {"2": {"state": "ready"}}
    side.front.update_table({"models": {"m": {"default": "2", "versions": versions}}})

    answer, _ = side.ask(connection, request)
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"there is no version '1'" in answer


def test_a_known_head_is_refused_when_there_is_too_much_to_do(known):
    side, connection = known
    side.front.pool.in_flight = side.front.options.max_pending

    answer, state = side.ask(connection, post(b"[1]", HOST))

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1\r\n" in answer
    assert state == "open"
    assert side.front.counters.snapshot()["refused"]["overload"] == 1


def test_a_known_head_keeps_no_connection_open_while_the_server_drains(known):
    side, connection = known
    side.front.is_draining = True

    answer, state = side.ask(connection, post(b"[1]", HOST))

    assert b"connection: close\r\n" in answer
    assert state == "closed"


def test_a_body_of_another_length_is_that_of_the_next_request_or_awaited(known):
    side, connection = known
    request = post(b"[1]", HOST)

    assert side.ask(connection, request[:-1])[0] == b""
    assert connection.phase != 0
    answer, _ = side.ask(connection, request[-1:] + request + b"GARBAGE\r\n\r\n")

    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"200", b"400"]
    assert [frame.call.body for frame in side.frames] == [b"[1]"] * 3


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(post(b"[1]", HOST, "X-Request-Id: mine"), id="its-own-name"),
        pytest.param(post(b"[1]", HOST, "Expect: 100-continue"), id="expects"),
        pytest.param(post(b"[1]", HOST, "Connection: close"), id="last"),
        pytest.param(post(b"[1]", HOST, version="1.0"), id="http-1.0"),
        pytest.param(post(b"[1]", HOST, "Connection: Upgrade", "Upgrade: h2c"), id="upgrade"),
        pytest.param(post(b"[1]", "Host: evil.example"), id="host"),
        pytest.param(post(b"[1]", HOST, "Origin: http://evil.example"), id="origin"),
        pytest.param(post(b"[1]"), id="no-host"),
        pytest.param(post(b"[1]", HOST, path="/nowhere/m:predict"), id="no-prediction"),
        pytest.param(post(b"[1]", HOST, path="/v1/models/other:predict"), id="no-model"),
        pytest.param(post(b"[1]", HOST, "Content-Encoding: br"), id="encoding"),
        pytest.param(post(b"[1]", HOST, "Content-Length: 3"), id="length-twice"),
        pytest.param(post(b"[1]", HOST, "X-Long: " + "x" * 3000), id="long"),
        pytest.param(
            post(b"", HOST, "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"")
            + b"3\r\n[1]\r\n0\r\n\r\n",
            id="chunked",
        ),
    ],
)
def test_other_heads_are_looked_into_every_time(sides, request_):
    if b"/nowhere" in request_:
        request_ = request_.replace(b"POST /nowhere/m:predict", b"GET /healthz")
    side = sides()
    for _ in range(3):
        side.ask(side.connect(), request_)
    assert heads(side) == 0


def test_heads_that_never_repeat_fill_no_memory(sides):
    side = sides()
    connection = side.connect()
    for number in range(1500):
        side.ask(connection, post(b"[1]", HOST, f"Traceparent: {number}"))
    assert 0 < heads(side) <= 512


def test_a_set_of_known_heads_forgets(sides):
    known_heads, side = KnownHeads(), sides()
    exchange = side.front.exchange(side.connect(), b"POST", PATH.encode(), {})
    known_heads.remember(b"head", exchange)
    assert known_heads.get(b"head").route == exchange.route
    known_heads.forget()
    assert known_heads.get(b"head") is None


# Old way and new, over heads of every kind, in any order.

TOKEN, LINE = new_token()
OTHER_LINE = new_token()[1]
BODIES = [
    b"", b"[1]", b'{"instances": [1]}', b"\r\n\r\n", b"[1]\r\n\r\nX", b"0\r\n\r\n", b"\x00\xff" * 9,
    post(b"[1]", HOST), b"x" * 5000, b"y" * 2049,
]  # fmt: skip
HEADERS = [
    HOST, HOST, HOST, "host: localhost:8000", "Host: evil.example", "Host:", "Host: 127.0.0.1 ",
    "Content-Type: application/json", "Content-Type: text/plain", "Accept: */*",
    "Connection: keep-alive", "Connection: close", "Connection: Upgrade", "Upgrade: h2c",
    "Expect: 100-continue", "X-Request-Id: mine-1", "X-Request-Id: mi ne", "X-Cpr-Timing: 1",
    "Origin: http://localhost", "Origin: http://evil.example", "Content-Encoding: gzip",
    "Content-Encoding: br", "Content-Encoding: identity", "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip", "Content-Length: 3", "X-Fold: a\r\n b", "X-Empty:", "X Bad: 1",
    "X-Bare: a\nHost: evil.example", "X-Long: " + "x" * 2100, f"Authorization: Bearer {TOKEN}",
    f"Authorization: Bearer {TOKEN}", "Authorization: Bearer wrong", "Traceparent: 00-1-2-01",
]  # fmt: skip
TARGETS = [
    PATH, PATH, PATH, PATH + "?a=b", "/v1/models/m/versions/1:predict", "/v1/models/other:predict",
    "/v1/projects/p/models/m:predict", "/v1/models/m%3Apredict", f"http://localhost{PATH}", "/ping",
    "/v1/models/m/versions/01:predict", "//", "*", "x",
]  # fmt: skip


def any_request(pick):
    body = pick.choice(BODIES)
    headers = pick.sample(HEADERS, pick.randrange(6))
    if pick.random() < 0.8:
        headers = [HOST, f"Authorization: Bearer {TOKEN}", *headers]
    target = pick.choice(TARGETS)
    if target in ("/ping", "//", "*", "x"):  # what is no prediction may have no body here
        return f"GET /healthz HTTP/1.1\r\n{HOST}\r\n\r\n".encode()
    length = pick.choice([None, None, None, None, None, 0, 3, "+3", "03", "-1", "", "9" * 30])
    version = pick.choice(["1.1", "1.1", "1.1", "1.0", "2.0", "0.9"])
    return pick.choice([b"", b"", b"", b"\r\n"]) + post(
        body, *headers, path=target, version=version, length=length
    )


def any_pieces(pick, requests):
    """One request, or several, cut anywhere or nowhere."""
    data = b"".join(pick.choice(requests) for _ in range(pick.choice([1, 1, 1, 1, 2, 3])))
    if pick.random() < 0.7:
        return [data]
    cuts = sorted(pick.randrange(len(data) + 1) for _ in range(2))
    return [part for part in (data[: cuts[0]], data[cuts[0] : cuts[1]], data[cuts[1] :]) if part]


def change(pick, side, file):
    """Something that happens to a server between two requests."""
    match pick:
        case "tokens":
            held = file.read_text()
            file.write_text(OTHER_LINE + "\n")
            side.front.reload_tokens()
            file.write_text(held)
        case "tokens again":
            side.front.reload_tokens()
        case "versions":
            versions = {"2": {"state": "ready"}}
            side.front.update_table({"models": {"m": {"default": "1", "versions": versions}}})
        case "versions again":
            side.front.update_table(READY)
        case "overload":
            side.front.pool.in_flight += 10_000
        case "overload over":
            side.front.pool.in_flight = 0
        case "drain":
            side.front.is_draining = True


AGAIN = ["tokens again", "versions again", "overload over"]
CHANGES = ["tokens", "versions", "overload", *AGAIN * 3]


@pytest.mark.parametrize("seed", range(40))
def test_what_is_known_is_answered_as_if_it_were_not(sides, tmp_path, seed):
    pick = random.Random(seed)
    file = tmp_path / "tokens"
    file.write_text(LINE + "\n")
    file.chmod(0o600)
    options = {
        "token_file": str(file) if seed % 2 else "",
        "body_bytes": 4096,
        "max_pending": 5000,
        "header_bytes": 3000,
    }
    old, new = (sides(kind, **options) for kind in (FrontProtocol, RememberingProtocol))
    requests = [any_request(pick) for _ in range(6)]
    requests += [post(b"[1]", HOST, f"Authorization: Bearer {TOKEN}")] * 3
    pairs = []
    most_known = 0
    for step in range(150):
        if not pairs or pick.random() < 0.2:
            pairs.append((old.connect(), new.connect()))
        if pick.random() < 0.1:
            what = "drain" if step > 140 else pick.choice(CHANGES)
            change(what, old, file)
            change(what, new, file)
        one, other = pick.choice(pairs)
        pieces = any_pieces(pick, requests)
        assert new.ask(other, *pieces) == old.ask(one, *pieces), pieces
        assert (one.phase, len(one.exchanges)) == (other.phase, len(other.exchanges))
        pairs = [pair for pair in pairs if pair[0].transport.state == "open"]
        most_known = max(most_known, heads(new))

    assert new.frames == old.frames
    assert new.counted() == old.counted()
    assert most_known
