"""Large answers that are still being written when their worker is gone, by whatever end."""

import json
import os
import signal
import socket

import pytest

TEXTS = [letter * 4_100_000 for letter in "abcd"]


def ask_and_read_little(server, text):
    """A client that has the head of its answer, and has the server keep most of the rest."""
    body = json.dumps({"instances": [text]}).encode()
    client = socket.socket()
    client.settimeout(60)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((server.host, server.port))
    path = f"/v1/projects/p/models/{server.ready['model_name']}:predict"
    head = f"POST {path} HTTP/1.1\r\nHost: {server.host}\r\nContent-Length: {len(body)}\r\n"
    client.sendall(head.encode() + b"\r\n" + body)
    return client, client.recv(512)


def read_rest(client, began):
    client.shutdown(socket.SHUT_WR)  # the server closes when all is written
    with client:
        pieces = [began]
        while piece := client.recv(1 << 20):
            pieces.append(piece)
    head, _, body = b"".join(pieces).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    return json.loads(body)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP], ids=["killed", "reloaded"])
def test_answers_are_whole_though_their_worker_is_gone(serve, faults, tmp_path, number):
    server = serve(faults, "--model-dir", tmp_path)
    clients = [ask_and_read_little(server, text) for text in TEXTS]
    others = [text.upper() for text in TEXTS]
    for other in others:
        assert server.predict(other) == (200, {"predictions": [other]})

    workers = server.workers()
    for pid in workers if number == signal.SIGKILL else [server.pid]:
        os.kill(pid, number)
    while set(workers) & set(server.workers()):
        assert server.predict("meanwhile")[0] == 200
    for other in others:
        assert server.predict(other) == (200, {"predictions": [other]})

    assert [read_rest(*client) for client in clients] == [{"predictions": [t]} for t in TEXTS]
    assert server.predict("again") == (200, {"predictions": ["again"]})
