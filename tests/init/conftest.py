"""Projects as `cpr init` makes them, one of each template, trained once by their own tests."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from cpr.init import create_project

ENVIRON = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}


@dataclass(frozen=True)
class Made:
    """A project, and what a run of its own tests printed."""

    folder: Path
    pytest: subprocess.CompletedProcess


def run_in(folder, *arguments):
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=ENVIRON, capture_output=True, text=True)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Makes the project of a template, and runs its own tests; once a template."""
    known = {}

    def make(template):
        if template not in known:
            folder = tmp_path_factory.mktemp("made") / template
            create_project(folder, template=template)
            done = run_in(folder, "pytest", "-p", "no:cacheprovider", "-W", "error", "-v")
            known[template] = Made(folder, done)
        return known[template]

    return make


@pytest.fixture
def run():
    """Runs `python -m …` in a folder; the finished process."""
    return run_in
