"""The admin socket is one user's alone, and does not stay behind."""

import asyncio
import json
import os
import socket
import stat

import pytest

from cpr.errors import EnvironmentProblem
from cpr.server.admin import AdminSocket


async def echo(request, say):
    say({"say": "heard"})
    return {"ok": True, "request": request}


async def exchange(path, line):
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(line)
    lines = (await reader.read()).splitlines()
    writer.close()
    return [json.loads(line) for line in lines]


async def exchange_with(admin, path, line):
    await admin.open()
    try:
        return await exchange(path, line)
    finally:
        admin.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "private" / "serve.sock"


def test_answers_line_by_line(path):
    said = asyncio.run(exchange_with(AdminSocket(path, echo), path, b'{"do": "x"}\n'))
    assert said == [{"say": "heard"}, {"ok": True, "request": {"do": "x"}}]


@pytest.mark.parametrize("line", [b"\n", b"[1]\n", b"GET / HTTP/1.1\r\n", b"\xff\n", b"9" * 99_999])
def test_what_is_no_request_is_refused(path, line):
    (answer,) = asyncio.run(exchange_with(AdminSocket(path, echo), path, line))
    assert (answer["ok"], answer["exit_code"]) == (False, 2)
    assert answer["error"]["problem"].startswith("that is no request: ")


def test_only_its_user_may_enter_and_nothing_stays(path):
    async def look():
        admin = AdminSocket(path, echo)
        await admin.open()
        modes = [stat.S_IMODE(place.stat().st_mode) for place in (path.parent, path)]
        admin.close()
        admin.close()
        return modes

    assert asyncio.run(look()) == [0o700, 0o600]
    assert not path.exists()


def test_what_a_killed_server_left_is_replaced(path):
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert path.is_socket()
    said = asyncio.run(exchange_with(AdminSocket(path, echo), path, b'{"do": "x"}\n'))
    assert said[-1]["ok"]


def test_a_server_that_is_there_is_left_alone(path):
    async def twice():
        first = AdminSocket(path, echo)
        await first.open()
        try:
            await AdminSocket(path, echo).open()
        finally:
            first.close()

    with pytest.raises(EnvironmentProblem) as raised:
        asyncio.run(twice())
    assert raised.value.problem == f"another server listens on the admin socket {path}."


def test_a_directory_that_others_may_write_is_not_trusted(path):
    path.parent.mkdir()
    path.parent.chmod(0o777)
    with pytest.raises(EnvironmentProblem) as raised:
        asyncio.run(AdminSocket(path, echo).open())
    assert "can be written by other users" in raised.value.problem
    assert f"chmod 700 {path.parent}" in raised.value.hint


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_user_is_not_trusted(path):
    path.parent.mkdir(mode=0o700)
    os.chown(path.parent, 12345, 12345)
    with pytest.raises(EnvironmentProblem) as raised:
        asyncio.run(AdminSocket(path, echo).open())
    assert "is not a directory of this user" in raised.value.problem


def test_a_link_is_not_followed(path, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    path.parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EnvironmentProblem) as raised:
        asyncio.run(AdminSocket(path, echo).open())
    assert "is not a directory of this user" in raised.value.problem
