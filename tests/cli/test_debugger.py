"""`--pdb` on a real terminal: where it stops, what it reads, where it talks."""

import os
import pty
import select
import subprocess
import sys
import tarfile

import pytest

SOURCE = """
    import json
    import numpy as np

    def parse(text):
        marker = "in the user's frame"
        return FAILING

    class MyPredictor:
        @classmethod
        def from_path(cls, model_dir):
            LOADING
            return cls()

        def predict(self, instances):
            return [parse(text) for text in instances]
"""
FAILING = {
    "own": "text + 1",
    "numpy": "np.linalg.inv(np.zeros((2, 2)))",
    "standard-library": "json.loads(text)",
}


def source(failing="text", loading="pass"):
    return SOURCE.replace("FAILING", failing).replace("LOADING", loading)


class Terminal:
    """A process on a terminal of its own; standard output goes to a pipe."""

    def __init__(self, arguments, **options):
        master, slave = pty.openpty()
        self.master = master
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cpr", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=slave,
            start_new_session=True,
            # The new session's first terminal becomes its controlling one.
            preexec_fn=lambda: os.close(os.open(os.ttyname(2), os.O_RDWR)),
            **{"stdin": slave, **options},
        )
        os.close(slave)

    def read_until(self, text):
        seen = ""
        while text not in seen:
            ready, _, _ = select.select([self.master], [], [], 60)
            assert ready, f"no {text!r} in {seen!r}"
            try:
                seen += os.read(self.master, 4096).decode()
            except OSError:
                raise AssertionError(f"ended without {text!r}: {seen!r}") from None
        return seen

    def ask(self, line):
        os.write(self.master, f"{line}\n".encode())
        return self.read_until("(Pdb)")

    def leave(self):
        os.write(self.master, b"q\n")
        said = self.read_until("cpr: ")
        stdout = self.process.communicate(timeout=60)[0]
        os.close(self.master)
        return said, stdout, self.process.returncode


@pytest.mark.parametrize("failing", FAILING.values(), ids=FAILING)
def test_stops_in_the_user_s_own_frame(project, tmp_path, failing):
    (tmp_path / "rows.txt").write_text("{\n")
    flags = [*project(source(failing)), "--text-instances", tmp_path / "rows.txt", "--pdb"]
    terminal = Terminal(["predict", *flags])
    assert f"return {failing}" in terminal.read_until("(Pdb)").replace("\r", "")
    assert "in the user's frame" in terminal.ask("p marker")
    assert "predict" in terminal.ask("up")
    said, stdout, code = terminal.leave()
    assert (code, stdout) == (14, b"")
    assert "routine.py" not in said


def test_reads_the_terminal_when_instances_came_from_standard_input(project):
    reader, writer = os.pipe()
    os.write(writer, b"{\n")
    os.close(writer)
    flags = [*project(source("text + 1")), "--text-instances=-", "--pdb"]
    terminal = Terminal(["predict", *flags], stdin=reader)
    os.close(reader)
    terminal.read_until("(Pdb)")
    assert "in the user's frame" in terminal.ask("p marker")
    assert terminal.leave()[2] == 14


def test_lists_the_source_when_loading_a_package_failed(project, tmp_path):
    folder, model_dir = project(source(loading="json.loads('{')"))
    with tarfile.open(tmp_path / "mine-0.1.tar.gz", "w:gz") as archive:
        archive.add(folder / "predictor.py", "mine-0.1/predictor.py")
    (tmp_path / "rows.txt").write_text("1\n")
    package = tmp_path / "mine-0.1.tar.gz"
    terminal = Terminal(
        ["predict", package, model_dir, "--text-instances", tmp_path / "rows.txt", "--pdb"]
    )
    terminal.read_until("(Pdb)")
    assert "def from_path(cls, model_dir)" in terminal.ask("list")
    assert terminal.leave()[2] == 10


def test_without_a_terminal_the_error_is_reported_as_ever(cpr, project):
    flags = [*project(source("text + 1")), "--text-instances=-", "--pdb"]
    done = cpr("predict", *flags, stdin="a\n", expected=14, start_new_session=True)
    assert "--pdb: there is no terminal to read from." in done.stderr
    assert "TypeError" in done.stderr


def test_our_own_refusals_open_no_debugger(cpr, project):
    done = cpr("predict", *project(), "--json-instances=-", "--pdb", stdin="[", expected=11)
    assert "--pdb" not in done.stderr
