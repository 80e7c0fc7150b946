"""Builds the files of a signature model, SavedModel or Keras, for one runtime."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cpr.artifacts.compiled import Runtime
from cpr.artifacts.detect import Artifact, Kind
from cpr.artifacts.keras_file import inspect
from cpr.compiling.casts import check_casts
from cpr.compiling.converters import frozen_to_litert, to_litert, to_onnx
from cpr.compiling.declined import Declined
from cpr.compiling.entries import entry_of
from cpr.compiling.example_split import split_examples
from cpr.compiling.frozen import FrozenGraph, freeze
from cpr.compiling.operations_used import operations_used, refuse_operations
from cpr.compiling.text_answers import split_answers
from cpr.compiling.text_split import split_text
from cpr.compiling.xla_builds import powers_up_to, write_for_xla
from cpr.runtimes.keras_export import export_to
from cpr.runtimes.signatures import Signature
from cpr.runtimes.tf_functions import TfFunctions
from cpr.runtimes.tf_session import TfSession
from cpr.savedmodel.keras_loading import load_keras
from cpr.savedmodel.tensorflow_library import import_tensorflow, without_deprecations


def build_signatures(
    artifact: Artifact,
    tags: tuple[str, ...],
    runtime: Runtime,
    batch_sizes: Sequence[int],
    into: Path,
) -> dict[str, Any]:
    """Write a file for each signature that computes something of its own.

    Returns:
        The part `model` of the record, without what only comparing shows. A
        signature has a `file`, or `why_not`: why it cannot be converted.

    Raises:
        Declined: There is no signature.
        LoadError: The model itself cannot be loaded.
    """
    tf = import_tensorflow()
    with tempfile.TemporaryDirectory(prefix="cpr-compile-") as made, without_deprecations(tf):
        folder, runner, signatures, tagged = _load(tf, artifact, tags, Path(made))
        inner_ones = {name: inner for name, (_, inner) in signatures.items()}

        @cache
        def load_functions() -> TfFunctions:
            return TfFunctions(tf, folder, tagged, inner_ones)

        if not signatures:
            raise Declined("the model has no signature")
        sizes = powers_up_to(max(batch_sizes)) if runtime == "xla" else []
        source = _Source(tf, folder, tagged, runner, runtime, sizes)
        used = {name: operations_used(tf, runner, one) for name, one in inner_ones.items()}
        entries: dict[str, Any] = {}
        files: dict[str, dict[str, Any]] = {}
        for name, (declared, inner) in signatures.items():
            try:
                refuse_operations(used, name)
                frozen = freeze(tf, runner, inner, load_functions)
            except Declined as error:
                told: dict[str, Any] = {"why_not": str(error)}
            else:
                key = frozen.identity
                if key not in files:
                    path = into / f"function-{len(files)}.{_SUFFIXES[runtime]}"
                    files[key] = _written(source, inner, frozen, path)
                told = dict(files[key])
            entries[name] = entry_of(declared, inner, told)
        model = {"tags": sorted(tagged), "signatures": entries}
        return {**model, "batch_sizes": sizes} if sizes else model


_SUFFIXES: dict[Runtime, str] = {"litert": "tflite", "onnx": "onnx", "xla": "pb"}
_Pairs = dict[str, tuple[Signature, Signature]]


def _load(
    tf: Any, artifact: Artifact, tags: tuple[str, ...], made: Path
) -> tuple[Path, TfSession | TfFunctions, _Pairs, frozenset[str]]:
    """The model, each signature as it is served and as its graph has it, and the graph's tags."""
    if artifact.kind is Kind.KERAS:
        file = inspect(artifact.path)
        session, declared = export_to(made, tf, load_keras(file), file.path)
        inner = session.signatures[declared.name]
        return made, session, {declared.name: (declared, inner)}, session.tags
    session = TfSession(tf, artifact.path, tags)
    pairs = {name: (item, item) for name, item in session.signatures.items()}
    if not session.unrestored:
        return artifact.path, session, pairs, session.tags
    session.close()
    functions = TfFunctions(tf, artifact.path, session.tags, session.signatures)
    return artifact.path, functions, pairs, session.tags


@dataclass(frozen=True)
class _Source:
    """Where signatures come from: TensorFlow, the SavedModel, its session, and the runtime."""

    tf: Any
    folder: Path
    tags: frozenset[str]
    runner: TfSession | TfFunctions
    runtime: Runtime
    sizes: Sequence[int]


def _written(
    source: _Source, signature: Signature, frozen: FrozenGraph, path: Path
) -> dict[str, Any]:
    """Convert and write a signature; the `file` that it is in, or `why_not`."""
    try:
        return _write(source, signature, frozen, path)
    except Declined as error:
        return {"why_not": str(error)}


def _write(
    source: _Source, signature: Signature, frozen: FrozenGraph, path: Path
) -> dict[str, Any]:
    tf, runtime = source.tf, source.runtime
    inner, numeric, examples = split_examples(tf, signature, frozen)
    numeric, writers = _without_answers(source, inner, numeric)
    numeric, readers = split_text(tf, source.runner, inner, numeric)
    given = {alias for alias, spec in inner.inputs.items() if spec.dtype == "string"}
    if runtime != "litert" and given - set(readers):
        raise Declined(f"it takes text, of which {runtime} knows too little")
    told: dict[str, Any] = {"file": path.name}
    if examples:
        told["examples"] = examples
    if writers:
        told["writers"] = writers
    for alias, (reader, vocabulary) in sorted(readers.items()):
        file = _write_words(vocabulary, path.parent)
        told.setdefault("readers", {})[alias] = {**reader, "file": file.name}
    largest = check_casts(tf, numeric.graph, runtime)
    if largest is not None:
        told["largest"] = largest
    if runtime == "xla":
        write_for_xla(inner, numeric, source.sizes, path)
        tensors = {"inputs": dict(numeric.inputs), "outputs": dict(numeric.outputs)}
        return {**told, "tensors": tensors}
    if runtime == "onnx":
        content = to_onnx(tf, numeric)
    elif examples or writers or readers:
        content = frozen_to_litert(tf, numeric)
    else:
        content = to_litert(tf, source.folder, signature.name, source.tags, frozen)
    path.write_bytes(content)
    return told


def _write_words(vocabulary: Mapping[str, Any], folder: Path) -> Path:
    """Write a vocabulary; equal ones are one file."""
    content = json.dumps(vocabulary).encode()
    path = folder / f"words-{hashlib.sha256(content).hexdigest()[:12]}.json"
    path.write_bytes(content)
    return path


def _without_answers(
    source: _Source, signature: Signature, frozen: FrozenGraph
) -> tuple[FrozenGraph, dict[str, Any]]:
    """The graph without the texts that it answers; LiteRT can have texts that it only passes on."""
    try:
        return split_answers(source.tf, source.runner, signature, frozen)
    except Declined:
        if source.runtime != "litert":
            raise
        return frozen, {}
