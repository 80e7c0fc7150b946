"""What a request is called."""

import subprocess
import sys

import pytest

from cpr.observe.request_ids import accepted, request_names


@pytest.mark.parametrize(
    "offered", [b"a", b"0af7651916cd43dd8448eb211c80319c", b"A.b_c:d-9", b"x" * 128], ids=repr
)
def test_keeps_a_name_that_fits(offered):
    assert accepted(offered) == offered.decode()


@pytest.mark.parametrize(
    "offered",
    [b"", b"x" * 129, b"a b", b"a\n", b"\na", b"a\r\nset-cookie: b", b'a"b', b"a\xff", b"\x1b[31m"],
    ids=repr,
)
def test_refuses_a_name_that_a_log_could_misread(offered):
    assert accepted(offered) is None


def test_made_names_differ_and_fit():
    name = request_names()
    made = [name() for _ in range(10_000)]
    assert len(set(made)) == len(made)
    assert all(accepted(one.encode()) == one for one in made)


def test_processes_make_different_names():
    code = "from cpr.observe.request_ids import request_names as n; print(n()())"
    made = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
        for _ in range(3)
    }
    assert len(made) == 3
