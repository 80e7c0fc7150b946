"""A routine that does whatever its instance says."""

import json
import textwrap

import pytest

from cpr.messages import Call

ROUTINE = """
import ctypes
import multiprocessing
import os
import subprocess
import sys
import threading
import time

print("loading")


class Obedient:
    batchable = True

    @classmethod
    def from_path(cls, model_dir):
        (lambda do: do and globals()[do]())(os.environ.get("TEST_ON_LOAD"))
        return cls()

    def predict(self, instances, **kwargs):
        return [self.do(*instance) for instance in instances]

    def do(self, what, value=None):
        if what == "echo":
            return value
        return globals()[what](value)

    def close(self):
        pass


def leave(code=3):
    os._exit(code)


def leave_politely(code=3):
    sys.exit(code)


def crash(_=None):
    ctypes.string_at(0)


def signal_itself(number):
    os.kill(os.getpid(), number)


def hang(_=None):
    threading.Event().wait()


def say(text):
    print(text)


def write_to_descriptor(text):
    os.write(1, text.encode())


def ask_c_to_print(text):
    subprocess.run(["echo", text], check=True)


def fail(text):
    raise ValueError(text)


def start_sleeper(_=None):
    return subprocess.Popen(["sleep", "1000"]).pid


def hold_pipes_and_leave(_=None):
    multiprocessing.get_context("fork").Process(target=threading.Event().wait).start()
    os._exit(5)


def close_every_file(_=None):
    os.closerange(0, 256)


def flood_from_a_thread(_=None):
    def flood():
        while True:
            os.write(1, b"x" * 60000)

    threading.Thread(target=flood, daemon=True).start()


def pid(_=None):
    return os.getpid()


def environment(name):
    return os.environ.get(name)


def path(_=None):
    return sys.path


def change_folder(to):
    os.chdir(to)
"""


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "predictor.py").write_text(textwrap.dedent(ROUTINE))
    (tmp_path / "model").mkdir()
    return folder


@pytest.fixture
def model_dir(tmp_path):
    (tmp_path / "model").mkdir(exist_ok=True)
    return tmp_path / "model"


@pytest.fixture
def call():
    """Build a call from instances: what to do, and with what."""

    def build(*instances):
        return Call(json.dumps({"instances": instances}).encode())

    return build
