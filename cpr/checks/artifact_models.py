"""Which model the model directory holds, and whether its files are whole."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from cpr.artifacts.detect import detect
from cpr.artifacts.ubjson import find_damage
from cpr.checks.subject import Subject
from cpr.errors import LoadError
from cpr.findings import Finding, rule
from cpr.savedmodel.bundle import Entry, read_index
from cpr.savedmodel.sorted_table import DamagedIndex
from cpr.savedmodel.wire_format import fields

NO_MODEL = rule(
    "CPR310",
    "error",
    "There is no model in the model directory",
    cause="Without a prediction class the files decide which ready-made predictor serves: "
    "saved_model.pb, model.joblib, model.pkl, model.bst and the names of newer formats. AI "
    "Platform then took the package for custom code and failed with another message.",
    cure="Name the file as expected, give the directory that holds it, or name your own class with "
    "--prediction-class.",
)
SEVERAL = rule(
    "CPR311",
    "error",
    "The model directory holds models of several kinds",
    cause="The files decide which predictor serves, and more than one fits. AI Platform said "
    "“Multiple model files are found in the model_path”.",
    cure="Leave one model in the directory, or say which with --framework.",
)
DAMAGED = rule(
    "CPR312",
    "error",
    "A model file is damaged",
    cause="The file ends too early or is not what its name says: an upload that was cut off, a Git "
    "LFS pointer in place of the file, text conversion of a binary file, a page of a web server "
    "that was saved instead. AI Platform said “Bad model detected with error: 0”.",
    cure="Write or copy it again, in binary mode; compare its size with the original's.",
    example="""
    model/model.joblib                 # version https://git-lfs.github.com/spec/v1
    model/saved_model.pb               # 0 bytes
    model/variables/variables.index    # without variables.data-00000-of-00001
    """,
)

_POINTER = b"version https://git-lfs"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_SHARD = re.compile(r"variables\.data-(\d{5})-of-(\d{5})")
_NAMES = re.compile(
    r"saved_model\.pb|.*\.(joblib|pkl|pickle|bst|ubj|onnx|keras|h5|hdf5|tflite)|model\.json"
)


def check(subject: Subject) -> Iterator[Finding]:
    """Look for the model, where the files decide, and at the form of every model file."""
    if subject.model_dir is None:
        return
    if not subject.prediction_class:
        yield from _which(subject.model_dir, subject.open_with.get("framework"))
    for path in sorted(subject.model_dir.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(subject.model_dir).parts)
        if hidden or not path.is_file() or not _NAMES.fullmatch(path.name):
            continue
        if fault := fault_of_form(path):
            shown = subject.relative(path)
            yield Finding(DAMAGED, f"{shown} is damaged: {fault}", file=shown)
    for index in sorted(subject.model_dir.rglob("variables/variables.index")):
        if fault := _fault_of_variables(index):
            shown = subject.relative(index)
            yield Finding(DAMAGED, f"{shown}: {fault}", file=shown)


def _which(model_dir: Path, framework: str | None) -> Iterator[Finding]:
    try:
        detect(model_dir, framework)
    except LoadError as error:
        several = error.problem.startswith("Multiple")
        yield Finding(SEVERAL if several else NO_MODEL, error.problem.rstrip("."), fix=error.hint)


def fault_of_form(path: Path) -> str:
    """What is wrong with a model file, as far as its form tells; pickles are read elsewhere."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        return "it is empty"
    if head.startswith(_POINTER):
        return "it is a Git LFS pointer, not the file itself; run git lfs pull"
    if re.match(rb"\s*<(!doctype|html|\?xml)", head, re.IGNORECASE):
        return "it is a web page"
    if path.name == "saved_model.pb":
        return _fault_of_graph(path.read_bytes())
    if path.suffix in (".h5", ".hdf5") and not head.startswith(_HDF5):
        return f"it starts with {head[:8]!r}, not as HDF5 does"
    if path.suffix == ".keras" and not zipfile.is_zipfile(path):
        return "it is not a whole zip file"
    if path.suffix == ".tflite" and (size < 8 or head[4:8] != b"TFL3"):
        return "it has not the mark of a LiteRT model"
    if path.suffix == ".onnx":
        return _fault_of_message(path.read_bytes())
    if path.suffix == ".ubj":
        return find_damage(path.read_bytes()) or ""
    if path.suffix == ".json":
        return _fault_of_json(path)
    return ""


def _fault_of_graph(data: bytes) -> str:
    fault = _fault_of_message(data)
    if fault:
        return fault
    graphs = [value for number, value in fields(data) if number == 2]
    return "" if graphs else "it holds no graph"


def _fault_of_message(data: bytes) -> str:
    try:
        for _ in fields(data):
            pass
    except IndexError as error:
        return f"it is not a whole protocol buffer ({error})"
    return ""


def _fault_of_json(path: Path) -> str:
    try:
        json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        return f"it is not JSON: {error}"
    return ""


def _fault_of_variables(index: Path) -> str:
    """What is wrong with the variables of a SavedModel, told from the index beside them."""
    shards = {}
    for path in index.parent.iterdir():
        if match := _SHARD.fullmatch(path.name):
            shards[int(match[1])] = path.stat().st_size
    try:
        variables = read_index(index)
    except DamagedIndex as error:
        return f"the index of the variables is damaged: {error}"
    pieces = (piece for entry in variables.values() for piece in entry.pieces)
    for piece in pieces:
        if piece.shard not in shards:
            return f"variables.data-{piece.shard:05d}-of-… with {piece.name!r} is missing"
        if not _fits(piece, shards[piece.shard]):
            return (
                f"variables.data-{piece.shard:05d}-of-… has {shards[piece.shard]} bytes and "
                f"ends before {piece.name!r} does"
            )
    return ""


def _fits(piece: Entry, size: int) -> bool:
    return piece.offset + piece.size <= size
