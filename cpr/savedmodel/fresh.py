"""Runs signatures of a SavedModel, in this process or in a fresh one.

A fresh process knows nothing of the Python objects that a SavedModel was made
of: what it loads is what a server will.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpr.errors import CprError, LoadError, shorten
from cpr.savedmodel.tensorflow_library import (
    first_line,
    import_tensorflow,
    load_saved_model,
    without_deprecations,
)
from cpr.wire.tensors import Array

_LAST_LINES = 5


@dataclass(frozen=True)
class Run:
    """One call of a signature: arrays by input name; the tags name the MetaGraph."""

    signature: str
    feeds: Mapping[str, Array]
    tags: tuple[str, ...] = ("serve",)


@dataclass(frozen=True)
class Answer:
    """What a call answered: arrays by output name, or the first line of the error."""

    outputs: Mapping[str, Array]
    error: str = ""


def run_here(folder: Path, runs: Sequence[Run]) -> list[Answer]:
    """Load a SavedModel and make the calls, in this process.

    Raises:
        LoadError: It cannot be loaded, or lacks a signature.
    """
    tf = import_tensorflow()
    answers: dict[int, Answer] = {}
    with without_deprecations(tf):
        for tags in dict.fromkeys(run.tags for run in runs):
            loaded = load_saved_model(tf, folder, tags)
            for index, run in enumerate(runs):
                if run.tags == tags:
                    answers[index] = _call(tf, folder, loaded, run)
    return [answers[index] for index in range(len(runs))]


def run_fresh(folder: Path, runs: Sequence[Run]) -> list[Answer]:
    """The same in a process of its own, which has imported nothing but TensorFlow.

    Raises:
        LoadError: As for `run_here`, or the process ended before it answered.
    """
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "cpr.savedmodel.fresh"],
        input=pickle.dumps((folder, list(runs))),
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        check=False,
    )
    if done.returncode:
        tail = done.stderr.decode(errors="replace").strip().splitlines()[-_LAST_LINES:]
        raise LoadError(
            f"{folder} could not be run in a fresh process: it ended with {done.returncode}.",
            hint="\n".join(tail),
        )
    answers, problem, hint = pickle.loads(done.stdout)
    if problem:
        raise LoadError(problem, hint=hint)
    result: list[Answer] = answers
    return result


def main() -> None:
    """The fresh process: reads what to do from standard input, writes the answers."""
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is not an answer
    folder, runs = pickle.load(sys.stdin.buffer)
    try:
        document: tuple[Any, str, str] = (run_here(folder, runs), "", "")
    except CprError as error:
        document = ([], error.problem, error.hint)
    pickle.dump(document, results)
    results.close()


def _call(tf: Any, folder: Path, loaded: Any, run: Run) -> Answer:
    if run.signature not in loaded.signatures:
        raise LoadError(
            f"{folder} has no signature {run.signature!r}; "
            f"it has {', '.join(map(repr, loaded.signatures)) or 'none'}."
        )
    function = loaded.signatures[run.signature]
    specs = function.structured_input_signature[1]
    try:
        feeds = {name: _constant(tf, run.feeds[name], spec) for name, spec in specs.items()}
        outputs = function(**feeds)
        return Answer({name: value.numpy() for name, value in outputs.items()})
    except (tf.errors.OpError, ValueError, TypeError, KeyError) as error:
        return Answer({}, first_line(error, folder) or shorten(error))


def _constant(tf: Any, array: Array, spec: Any) -> Any:
    # Some kernels end the whole process where the rank is another than they were traced for.
    if not spec.shape.is_compatible_with(array.shape):
        raise ValueError(f"a value has the shape {list(array.shape)}, not {spec.shape}")
    value = array.tolist() if spec.dtype.name == "string" else array
    return tf.constant(value, dtype=spec.dtype)


if __name__ == "__main__":
    # Pickled classes are found under their module's name, which here is __main__.
    from cpr.savedmodel import fresh

    fresh.main()
