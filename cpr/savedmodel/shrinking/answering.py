"""Asks SavedModels sample inputs, in a process that does nothing else.

Run as ``python -m cpr.savedmodel.shrinking.answering QUESTIONS ANSWERS``, both
files of JSON, by ``asking.py``, which says what is in them. A model that cannot
be loaded or fails is an answer too.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cpr.savedmodel.shrinking.arrays_json import decode, encode
from cpr.savedmodel.tensorflow_library import first_line, import_tensorflow, without_deprecations
from cpr.wire.tensors import Array

Arrays = dict[str, Array]
Made = dict[str, Any]


# What TensorFlow raises, besides its own errors, for a model that it cannot use.
_FAILURES = (
    *(ValueError, TypeError, LookupError, RuntimeError, OSError),
    *(AttributeError, AssertionError),
)


class _Loaded:
    """A SavedModel as one of the two loaders gives it."""

    def __init__(self, tf: Any, folder: str, tags: list[str], loader: str) -> None:
        self._tf = tf
        self._is_v1 = loader == "v1"
        if not self._is_v1:
            self._model = tf.saved_model.load(folder, tags=tags)
            return
        self._session = tf.compat.v1.Session(
            graph=tf.Graph(), config=tf.compat.v1.ConfigProto(allow_soft_placement=True)
        )
        with self._session.graph.as_default():
            self._model = tf.compat.v1.saved_model.load(self._session, tags, folder)

    def ask(self, signature: str, inputs: Arrays) -> Arrays:
        if self._is_v1:
            found = self._model.signature_def[signature]
            wanted = {alias: _tensors(info) for alias, info in found.outputs.items()}
            fed = {found.inputs[alias].name: value for alias, value in inputs.items()}
            answers = self._session.run(wanted, fed)
            return {alias: parts["values"] for alias, parts in answers.items()}
        made = {alias: self._tf.constant(value) for alias, value in inputs.items()}
        answers = self._model.signatures[signature](**made)
        return {alias: _dense(value) for alias, value in answers.items()}

    def close(self) -> None:
        if self._is_v1:
            self._session.close()


def _tensors(info: Any) -> dict[str, str]:
    """Of a sparse output only its values."""
    return {"values": info.coo_sparse.values_tensor_name or info.name}


def _dense(value: Any) -> Any:
    return (value.values if hasattr(value, "values") else value).numpy()


def _answer(tf: Any, question: Made, samples: Mapping[str, list[Made]], chosen: Made) -> Made:
    """What one model answers; `chosen` gets the first of a signature's samples that work."""
    folder = question["folder"]
    failures: tuple[type[Exception], ...] = (tf.errors.OpError, *_FAILURES)
    try:
        loaded = _Loaded(tf, folder, question["tags"], question["loader"])
    except failures as error:
        return {"error": _said(error, folder), "signatures": {}, "failed": {}}
    done: Made = {}
    failed: Made = {}
    for name, variants in samples.items():
        places = [chosen[name]] if name in chosen else list(range(len(variants)))
        for place in places:
            inputs = {alias: decode(one) for alias, one in variants[place].items()}
            try:
                done[name] = {key: encode(one) for key, one in loaded.ask(name, inputs).items()}
            except failures as error:
                failed[name] = _said(error, folder)
                continue
            chosen[name] = place
            failed.pop(name, None)
            break
    loaded.close()
    return {"error": "", "signatures": done, "failed": failed}


def _said(error: Exception, folder: str) -> str:
    return f"{type(error).__name__}: {first_line(error, Path(folder))}"


def main(questions: Path, answers: Path) -> None:
    """Answer all questions of a file into another."""
    asked = json.loads(questions.read_text(encoding="utf-8"))
    tf = import_tensorflow()
    chosen: Made = asked["chosen"]
    made = []
    with without_deprecations(tf):
        for question in asked["questions"]:
            tags = ",".join(question["tags"])
            made.append(_answer(tf, question, asked["samples"][tags], chosen.setdefault(tags, {})))
    text = json.dumps({"answers": made, "chosen": chosen, "tensorflow": tf.__version__})
    answers.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
