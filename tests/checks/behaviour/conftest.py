"""Runs the behaviour checks on a routine that is given as text."""

import json
import textwrap

import pytest

from cpr.checks.behaviour import check
from cpr.checks.behaviour.session import Limits
from cpr.checks.subject import Subject
from cpr.config import load_settings
from cpr.sources import open_sources

HEAD = """
import json, os, random, sys, threading, time
import numpy as np
from pathlib import Path
import cpr


class P:
    @classmethod
    def from_path(cls, model_dir):
        self = cls()
        self.model_dir = model_dir
        return self

"""


class Checked:
    """The findings of one check, and what it told."""

    def __init__(self, findings, told):
        self.findings = findings
        self.told = told

    @property
    def ids(self):
        return sorted(finding.id for finding in self.findings)

    @property
    def only(self):
        (finding,) = self.findings
        return finding

    @property
    def line(self):
        """The source line of the only finding."""
        return self.told["source"].splitlines()[self.only.line - 1].strip()


@pytest.fixture
def checked(tmp_path):
    """Check a class body, or a whole module, on requests."""

    def run(code, *requests, model=(), profile="", request_s=20.0, whole=False):
        source = textwrap.dedent(code)
        if not whole:
            source = HEAD + textwrap.indent(source.strip("\n") + "\n", "    ")
        project, model_dir = tmp_path / "project", tmp_path / "model"
        project.mkdir()
        model_dir.mkdir()
        (project / "predictor.py").write_text(source)
        for name, text in dict(model).items():
            (model_dir / name).write_text(text)
        bodies = tuple(r if isinstance(r, bytes) else json.dumps(r).encode() for r in requests)
        open_with = {
            "target": str(project),
            "model_dir": str(model_dir),
            "prediction_class": "predictor.P",
        }
        subject = Subject(
            sources=open_sources(str(project)),
            settings=load_settings(project),
            prediction_class="predictor.P",
            model_dir=model_dir,
            requests=bodies,
            profile=profile,
            open_with=open_with,
        )
        found = list(check(subject, limits=Limits(20.0, request_s, 5.0)))
        return Checked(found, {**subject.told, "source": source, "model_dir": model_dir})

    return run
