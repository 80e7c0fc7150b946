"""Asks models in a fresh process, and compares what they answer."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cpr.errors import EnvironmentProblem
from cpr.savedmodel.shrinking.arrays_json import decode, encode
from cpr.wire.tensors import Array

Loader = Literal["tf2", "v1"]
Variants = Mapping[str, Sequence[Mapping[str, Array]]]
"""Of each signature, inputs to try in turn until the model takes them."""

_CHILD = "cpr.savedmodel.shrinking.answering"


@dataclass(frozen=True)
class Question:
    """Ask this model, loaded so, all samples of its tags."""

    folder: Path
    tags: tuple[str, ...]
    loader: Loader = "tf2"


@dataclass(frozen=True)
class Answer:
    """What a model answered: outputs by signature and name."""

    error: str
    """Why it could not be loaded; empty if it could."""
    outputs: dict[str, dict[str, Array]]
    failed: dict[str, str]
    """The signatures that could not be asked, and why."""


@dataclass(frozen=True)
class Tolerance:
    """How far a number may be from the original's: ``atol + rtol * |original|``."""

    atol: float
    rtol: float


@dataclass(frozen=True)
class Deviation:
    """How far answers are from those of the original."""

    largest: float = 0.0
    """The largest difference of two numbers; infinite if what must be equal is not."""
    excess: float = 0.0
    """By how much the worst number is beyond its tolerance; 0 if none is."""
    where: str = ""
    """The signature and output of the worst number."""
    problem: str = ""
    """What differs that is not a number: a shape, a label, an output."""

    @property
    def is_within(self) -> bool:
        """Whether the answers count as the same."""
        return not self.problem and self.excess <= 0


class Asker:
    """Runs questions in child processes; samples are chosen by the first model asked.

    Args:
        samples: By tags, joined with commas.
    """

    def __init__(self, samples: Mapping[str, Variants]) -> None:
        self._samples = {
            tags: {
                name: [{alias: encode(one) for alias, one in variant.items()} for variant in some]
                for name, some in by_signature.items()
            }
            for tags, by_signature in samples.items()
        }
        self._chosen: dict[str, Any] = {}
        self.tensorflow = ""

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """What the models answer, all of them in one new process.

        Raises:
            EnvironmentProblem: TensorFlow is missing, or the process died.
        """
        asked = [
            {"folder": str(one.folder), "tags": list(one.tags), "loader": one.loader}
            for one in questions
        ]
        task = {"questions": asked, "samples": self._samples, "chosen": self._chosen}
        made = run_child(_CHILD, task)
        self._chosen, self.tensorflow = made["chosen"], made["tensorflow"]
        return [_answer(one) for one in made["answers"]]


def run_child(module: str, task: Mapping[str, Any]) -> Any:
    """Run one of this package's modules in a process of its own: JSON in, JSON out.

    Raises:
        EnvironmentProblem: It ended without a result.
    """
    with tempfile.TemporaryDirectory(prefix="cpr-shrink-") as folder:
        given, made = Path(folder, "task.json"), Path(folder, "made.json")
        given.write_text(json.dumps(task), encoding="utf-8")
        paths = [path for path in sys.path if path]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "CUDA_VISIBLE_DEVICES": "",
        }
        done = subprocess.run(  # noqa: S603 - an interpreter, and our own module
            [sys.executable, "-m", module, str(given), str(made)],
            capture_output=True, env=environment, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        if done.returncode == 0 and made.is_file():
            return json.loads(made.read_text(encoding="utf-8"))
    if importlib.util.find_spec("tensorflow") is None:
        raise EnvironmentProblem(
            "this needs the library 'tensorflow', which is not installed",
            hint="pip install 'cpr[tensorflow]'",
        )
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
    ended = f"signal {-done.returncode}" if done.returncode < 0 else f"code {done.returncode}"
    raise EnvironmentProblem(
        f"The process that runs TensorFlow ended with {ended}: {lines[-1]}",
        hint="Free some memory if it was ended by a signal; reinstall TensorFlow if it cannot be "
        "imported: pip install --force-reinstall 'cpr[tensorflow]'.",
    )


def _answer(made: Mapping[str, Any]) -> Answer:
    outputs = {
        name: {alias: decode(one) for alias, one in some.items()}
        for name, some in made["signatures"].items()
    }
    return Answer(made["error"], outputs, dict(made["failed"]))


def compare(original: Answer, other: Answer, *, atol: float, rtol: float) -> Deviation:
    """How far an answer is from the original's, over all signatures that this answered."""
    if other.error:
        return Deviation(np.inf, np.inf, problem=f"it does not load: {other.error}")
    worst = Deviation()
    for name, outputs in original.outputs.items():
        if name not in other.outputs:
            reason = other.failed.get(name, "it is not there")
            return Deviation(np.inf, np.inf, name, f"signature {name} fails: {reason}")
        for alias, value in outputs.items():
            there = other.outputs[name].get(alias)
            worst = _worse(worst, _difference(value, there, f"{name}: {alias}", atol, rtol))
            if worst.problem:
                return worst
    return worst


def _worse(one: Deviation, other: Deviation) -> Deviation:
    if other.problem:
        return other
    worst = other if (other.excess, other.largest) > (one.excess, one.largest) else one
    return Deviation(max(one.largest, other.largest), worst.excess, worst.where)


def _difference(
    value: Array, there: Array | None, where: str, atol: float, rtol: float
) -> Deviation:
    if there is None or there.shape != value.shape or there.dtype.kind != value.dtype.kind:
        return Deviation(np.inf, np.inf, where, f"{where} has another type or shape")
    if value.dtype.kind not in "fc":
        count = int(np.count_nonzero(value != there))
        if not count:
            return Deviation()
        return Deviation(
            np.inf, np.inf, where, f"{where} differs in {count} of {value.size} values"
        )
    if not value.size:
        return Deviation()
    same = (value == there) | (np.isnan(value) & np.isnan(there))
    wide = "c16" if value.dtype.kind == "c" else "f8"
    with np.errstate(invalid="ignore"):
        apart = np.where(same, 0.0, np.abs(there.astype(wide) - value.astype(wide)))
        excess = np.where(same, -1.0, apart - (atol + rtol * np.abs(value.astype(wide))))
    # Far from infinity is whatever is another number.
    excess[np.isinf(apart)] = np.inf
    if np.isnan(apart).any():
        return Deviation(np.inf, np.inf, where, f"{where} is not a number where it was one")
    return Deviation(float(apart.max()), max(0.0, float(excess.max())), where)
