"""Runs the command line as a real process, and writes small routines for it."""

import os
import re
import subprocess
import sys
import textwrap

import pytest

DOUBLER = """
    class MyPredictor:
        @classmethod
        def from_path(cls, model_dir):
            return cls()

        def predict(self, instances, **kwargs):
            return [2 * instance for instance in instances]
"""


@pytest.fixture
def cpr(tmp_path):
    """Runs `python -m cpr` in a folder of its own; returns the finished process."""

    def run(*arguments, expected=0, stdin="", **options):
        command = [sys.executable, "-m", "cpr", *map(str, arguments)]
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, input=stdin, **options
        )
        assert done.returncode == expected, f"{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture
def project(tmp_path):
    """Writes a project directory with a model directory; returns the flags that name both."""

    def write(source=DOUBLER, **files):
        folder = tmp_path / "project"
        (folder / "model").mkdir(parents=True)
        (folder / "predictor.py").write_text(textwrap.dedent(source))
        for name, content in files.items():
            (folder / f"{name}.py").write_text(textwrap.dedent(content))
        return [folder, f"--model-dir={folder / 'model'}"]

    return write


class Serving:
    """A `cpr serve` that runs, with what it has told so far."""

    def __init__(self, folder, arguments, environ):
        self.told = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cpr", "serve", *map(str, arguments)],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environ},
        )

    def await_told(self, pattern):
        """Read standard error up to a line in which the pattern is found; returns the match."""
        for line in self.process.stderr:
            self.told += line
            found = re.search(pattern, line)
            if found:
                return found
        raise AssertionError(f"{pattern!r} was never told:\n{self.told}")

    def stop(self):
        """End it in order; returns the exit code."""
        self.process.terminate()
        self.told += self.process.stderr.read()
        return self.process.wait(60)


@pytest.fixture
def serving(tmp_path):
    """Starts `cpr serve` in a folder of its own; it ends with the test."""
    started = []

    def start(*arguments, **environ):
        started.append(Serving(tmp_path, arguments, environ))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()
        one.process.stdout.close()
        one.process.stderr.close()
