"""The process that asks models: what is told where it ends without an answer."""

import importlib.util

import pytest

from cpr.errors import EnvironmentProblem
from cpr.savedmodel.shrinking.asking import run_child


def test_a_process_that_fails_is_told_with_its_last_line():
    with pytest.raises(EnvironmentProblem, match="No module named nowhere"):
        run_child("nowhere", {})


def test_a_missing_tensorflow_is_told_as_everywhere(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblem) as raised:
        run_child("nowhere", {})
    assert raised.value.problem == "this needs the library 'tensorflow', which is not installed"
    assert raised.value.hint == "pip install 'cpr[tensorflow]'"
