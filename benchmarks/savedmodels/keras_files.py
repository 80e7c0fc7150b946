"""A Keras file beside what the tools make of it, asked of Keras, TensorFlow and our server."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_side
from asked import Call, Request, calls, variants
from commands import Written, run, write
from comparing import HTTP, INSPECT, TOOLS, apart, compare_replies
from differing import Tolerance
from rows import SAME, Row
from servers import ours
from tensorflow_side import Answer, in_fresh_process

from cpr.savedmodel.tensorflow_library import import_tensorflow, without_deprecations

SUFFIXES = (".keras", ".h5")
_TAGS = ("serve",)
_ORIGINAL, _EXPORTED, _COMPILED = 1, 2, 3
_WITHIN = Tolerance(1e-6, 1e-5)


def compare_keras(name: str, file: Path, only: set[str], work: Path) -> Row:
    """Everything about one Keras file.

    What is exported answers as Keras itself does, and as the file when it is
    served; what only SavedModels have, `clean` and `shrink`, must be declined.
    """
    row = Row(name, ())
    served = work / "m"
    original = served / str(_ORIGINAL)
    original.mkdir(parents=True)
    shutil.copyfile(file, original / f"model{file.suffix}")
    if INSPECT in only:
        _inspected(row, file)
    for tool in sorted(only & {*TOOLS} - {"export", "compile"}):
        made = write(tool, file, _TAGS, work / tool)
        if made.failure or made.folder is not None:
            row.fail(tool, made.failure or "took a file that is no SavedModel")
        else:
            row.decline(tool, f"{made.reason} (exit code {made.exit_code})")
    # What is asked is what the exported signature takes.
    exported = write("export", file, (), served / str(_EXPORTED))
    if exported.folder is None:
        row.fail("export", exported.failure or exported.reason)
        return row
    written = {_EXPORTED: exported}
    if "compile" in only:
        compiled = write("compile", original, (), served / str(_COMPILED))
        if compiled.folder is None:
            row.decline("compile", compiled.failure or compiled.reason)
        else:
            written[_COMPILED] = compiled
            row.cells["compile"], row.reasons["compile"] = SAME, compiled.reason
    row.cells["export"] = SAME
    _compare(row, file, served, exported, written)
    return row


def _compare(
    row: Row, file: Path, served: Path, exported: Written, written: dict[int, Written]
) -> None:
    made = _calls(exported.folder or served)
    known = in_fresh_process(keras_answers, str(file), [call.inputs for call in made])
    asked = [(call.signature, call.inputs) for call in made]
    for loader in ("tf2", "v1"):
        answers = in_fresh_process(tensorflow_side.ask, str(exported.folder), _TAGS, loader, asked)
        originals = [dict(zip(_names(answers), one, strict=False)) for one in known]
        row.judge("export", loader, list(apart(made, originals, answers, exported)), len(made))
    requests = [request for call in made for request in _requests(call)]
    compare_replies(row, HTTP, written, requests, ours(served, (), [_ORIGINAL, *written], requests))


def keras_view(path: str) -> dict[str, Any]:
    """What Keras itself sees in a file: the inputs, and the types and shapes of all weights."""
    model = _loaded(path)
    return {
        "inputs": {one.name: _kind(one) for one in model.inputs},
        "weights": sorted(map(_kind, model.weights)),
    }


def _names(answers: Sequence[Answer]) -> list[str]:
    """What the outputs are called: by Keras's own order or by the layers' names."""
    return sorted(answers[0]) if answers and not isinstance(answers[0], str) else []


def keras_answers(path: str, asked: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """The outputs of the model when Keras calls it."""
    model = _loaded(path)
    names = [one.name for one in model.inputs]
    answers = []
    for inputs in asked:
        values = [inputs[name] for name in names]
        outputs = model(values[0] if len(values) == 1 else values, training=False)
        found = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        answers.append([np.asarray(one) for one in found])
    return answers


def _loaded(path: str) -> Any:
    """The model as Keras loads it, or tf_keras where only that can."""
    tf = import_tensorflow()
    with without_deprecations(tf):
        try:
            return tf.keras.models.load_model(path, compile=False)
        except (TypeError, ValueError):
            import tf_keras

            return tf_keras.models.load_model(path, compile=False)


def _kind(tensor: Any) -> list[Any]:
    return [getattr(tensor.dtype, "name", tensor.dtype), list(tensor.shape)]


def _inspected(row: Row, file: Path) -> None:
    done = run("inspect", str(file))
    if done.returncode not in (0, 1):
        row.fail(INSPECT, done.stderr.strip() or done.stdout)
        return
    summary = json.loads(done.stdout)["summary"]
    inputs = summary["graphs"][0]["signatures"]["predict"]["inputs"]
    # The state of metrics is no weight of the model.
    weights = [one for one in summary["variables"] if one["role"] == "weight"]
    seen = {
        "inputs": {name: [one["dtype"], one["shape"]] for name, one in inputs.items()},
        "weights": sorted(
            [one["dtype"], one["shape"]]
            for one in weights
            if not one["name"].startswith("metrics/")
        ),
    }
    view = in_fresh_process(keras_view, str(file))
    found = [
        f"inspect: {field} are {seen[field]}, Keras has {view[field]}"
        for field in view
        if seen[field] != view[field]
    ]
    row.cells[INSPECT] = f"{len(found)} DIFFER" if found else SAME
    row.disagreements += found


def _calls(exported: Path) -> list[Call]:
    tried = variants(exported, _TAGS)
    return calls({name: some[0] for name, some in tried.items() if name == "serving_default"})


def _requests(call: Call) -> list[Request]:
    """A call as rows, and rows of a wrong rank, size and type."""
    several = len(call.inputs) > 1
    columns = [np.asarray(value).tolist() for value in call.inputs.values()]
    rows: list[Any] = (
        [dict(zip(call.inputs, row, strict=True)) for row in zip(*columns, strict=True)]
        if several
        else columns[0]
    )
    found = [Request(f"{call.name}, rows", "rows", {"instances": rows}, call)]
    if call.name == "one":
        wrong = {
            "one rank more": [rows],
            "a number": [1.5],
            "text": ["no"],
            "an object": [{"a": 1}],
        }
        found += [Request(text, "rows", {"instances": bad}) for text, bad in wrong.items()]
    return found
