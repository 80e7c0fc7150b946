"""One model: what each tool made of it, asked in every way beside the original."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import inspecting
import servers
import tensorflow_side
from asked import Call, Request, calls, requests, variants
from commands import Written, inspect, write
from differing import EXACT, difference
from running_server import ServerFailed
from tensorflow_side import Answer, Loader, ProcessDied, in_fresh_process

INSPECT = "inspect"
TOOLS = ("clean", "float32", "float16", "bfloat16", "int8", "frozen", "compile", "export")
_ORIGINAL = 1
_AGAIN = 8
_FAULT_OF_SERVER = 500
_NO_JSON = "Prediction failed: output"
_LOADERS: tuple[Loader, ...] = ("v1", "tf2")


@dataclass
class Row:
    """What was seen of one graph of a model.

    Attributes:
        cells: In a word what became of each tool.
        notes: Why a tool declined, and what could not be asked.
        disagreements: What is not as it should be; none is what is wanted.
        compared: How many answers were compared.
    """

    model: str
    tags: tuple[str, ...]
    cells: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)
    compared: int = 0


def compare(name: str, folder: Path, tags: tuple[str, ...], only: set[str], work: Path) -> Row:
    """Everything about one graph of a SavedModel."""
    row = Row(name, tags)
    document = _inspected(row, folder, only)
    wanted = [tool for tool in TOOLS if tool in only]
    if wanted:
        served = work / "m"
        shutil.copytree(folder, served / str(_ORIGINAL))
        written = {
            number: write(tool, folder, tags, served / str(number))
            for number, tool in enumerate(wanted, _ORIGINAL + 1)
        }
        _note(row, written.values())
        made, with_rows = _asked(row, folder, tags)
        samples = {
            name: sample for name, sample in _samples(document, tags).items() if name in with_rows
        }
        there = {number: one for number, one in written.items() if one.folder is not None}
        _through_loaders(row, served, tags, there, made)
        _through_servers(row, served, tags, there, requests(made, samples, with_rows))
    return row


def _inspected(row: Row, folder: Path, only: set[str]) -> dict[str, Any] | None:
    document, failure = inspect(folder)
    if document is None:
        row.cells[INSPECT] = "FAILED"
        row.disagreements.append(f"inspect: {failure}")
        return None
    if INSPECT in only:
        view = in_fresh_process(tensorflow_side.view, str(folder))
        found = [f"inspect: {one}" for one in inspecting.disagreements(document, view)]
        row.disagreements += found
        row.cells[INSPECT] = f"{len(found)} DIFFER" if found else "same"
    return document


def _samples(document: dict[str, Any] | None, tags: tuple[str, ...]) -> dict[str, Any]:
    """The requests that inspect suggests for a graph's signatures."""
    for graph in document["summary"]["graphs"] if document else ():
        if tuple(graph["tags"]) == tags:
            return {name: item["sample"] for name, item in graph["signatures"].items()}
    return {}


def _note(row: Row, written: Iterator[Written] | Any) -> None:
    for one in written:
        if one.failure:
            row.cells[one.tool] = "FAILED"
            row.disagreements.append(f"{one.tool}: {one.failure}")
        elif one.folder is None:
            row.cells[one.tool] = "declined"
            row.notes.append(f"{one.tool} declined with {one.exit_code}: {one.reason}")
        else:
            row.cells[one.tool] = "same"
            if one.reason:
                row.notes.append(f"{one.tool}: {one.reason}")


def _calls(row: Row, folder: Path, tags: Sequence[str]) -> list[Call]:
    """The calls of every signature that takes something."""
    tried = variants(folder, tags)
    try:
        places = in_fresh_process(tensorflow_side.first_taken, str(folder), tags, tried)
    except ProcessDied as error:
        row.notes.append(f"no signature could be asked: {error}")
        return []
    for name in tried.keys() - places.keys():
        row.notes.append(f"signature {name} takes none of the samples")
    return calls({name: tried[name][place] for name, place in places.items()})


def _asked(row: Row, folder: Path, tags: Sequence[str]) -> tuple[list[Call], set[str]]:
    """The calls to compare, and which signatures answer with a row for each instance.

    Not compared is what the model, loaded again, answers otherwise: it counts,
    or makes random numbers.
    """
    made = _calls(row, folder, tags)
    unsteady, others = set(), set()
    for loader in _LOADERS:
        first, second = (_ask(folder, tags, loader, made) for _ in range(2))
        if not len(first) == len(second) == len(made):
            continue  # it cannot be loaded so
        for call, one, other in zip(made, first, second, strict=True):
            if isinstance(one, str):
                continue
            if isinstance(other, str) or difference(one, other, EXACT):
                unsteady.add(call.signature)
            count = _count(call)
            if any(value.shape[:1] != (count,) for value in one.values()):
                others.add(call.signature)
    for name in sorted(unsteady):
        row.notes.append(f"signature {name} does not answer the same twice: not compared")
    steady = [call for call in made if call.signature not in unsteady]
    return steady, {call.signature for call in steady} - others


def _count(call: Call) -> int:
    """How many instances a call has: none where it takes scalars."""
    shapes = [value.shape for value in call.inputs.values()]
    return shapes[0][0] if shapes and shapes[0] else 0


def _through_loaders(
    row: Row, served: Path, tags: Sequence[str], written: dict[int, Written], made: list[Call]
) -> None:
    for loader in _LOADERS:
        originals = _ask(served / str(_ORIGINAL), tags, loader, made)
        if originals and isinstance(originals[0], str) and len(originals) < len(made):
            row.notes.append(f"{loader}: the original {originals[0]}")
            continue
        for number, one in written.items():
            if one.tool == "compile":
                continue  # the original is there unchanged; the compiled one is for our server
            answers = _ask(served / str(number), tags, loader, made)
            found = list(_apart(made, originals, answers, one))
            if found and _is_unsteady(served / str(_ORIGINAL), tags, loader, made, originals):
                row.notes.append(f"{loader}: the original does not answer the same each time")
                continue
            row.compared += len(made)
            _judge(row, one.tool, [f"{loader}: {text}" for text in found])


def _is_unsteady(
    folder: Path, tags: Sequence[str], loader: Loader, made: list[Call], answers: list[Answer]
) -> bool:
    """Whether a model contradicts its own answers, asked some times more: steps that race."""
    same = Written("the original", folder, 0)
    again = (_ask(folder, tags, loader, made) for _ in range(_AGAIN))
    return any(list(_apart(made, answers, some, same)) for some in again)


def _ask(folder: Path, tags: Sequence[str], loader: Loader, made: list[Call]) -> list[Answer]:
    asked = [(call.signature, call.inputs) for call in made]
    try:
        return in_fresh_process(tensorflow_side.ask, str(folder), tags, loader, asked)
    except ProcessDied as error:
        return [str(error)]


def _apart(
    made: list[Call], originals: list[Answer], answers: list[Answer], one: Written
) -> Iterator[str]:
    if len(answers) < len(made):
        yield f"the model {answers[0]}"
        return
    for call, first, second in zip(made, originals, answers, strict=True):
        label = f"{call.signature}: {call.name}"
        if isinstance(first, str):
            continue  # the original fails: what is written may do better
        if isinstance(second, str):
            yield f"{label}: answered, and written: {second[:160]}"
            continue
        if problem := difference(first, second, one.tolerance, is_odd=call.is_odd):
            yield f"{label}: {problem}"


def _through_servers(
    row: Row, served: Path, tags: Sequence[str], written: dict[int, Written], asked: list[Request]
) -> None:
    versions = [_ORIGINAL, *written]
    try:
        replies = servers.ours(served, tags, versions, asked)
    except ServerFailed as error:
        row.disagreements.append(f"http: {error}")
        return
    _compare_replies(row, "http", written, asked, replies)
    for request, (status, document) in zip(asked, replies[_ORIGINAL], strict=True):
        if status >= _FAULT_OF_SERVER:
            told = f"http: the original: {request.name}: {status} {str(document)[:200]}"
            # An answer without a form in JSON is told as that.
            (row.notes if _NO_JSON in told else row.disagreements).append(told)
        elif request.call is not None and not request.call.name and status != 200:
            row.disagreements.append(f"inspect: {request.name} got {status} {str(document)[:200]}")
    elsewhere = servers.tensorflow_serving(served, versions, asked)
    if elsewhere is not None:
        _compare_replies(row, servers.SERVING, written, asked, elsewhere)


def _compare_replies(
    row: Row,
    through: str,
    written: dict[int, Written],
    asked: list[Request],
    replies: dict[int, list[servers.Reply]],
) -> None:
    for number, one in written.items():
        found = []
        for request, first, second in zip(asked, replies[_ORIGINAL], replies[number], strict=True):
            if first[0] != second[0] and first[0] < _FAULT_OF_SERVER:
                found.append(
                    f"{request.name}: {first[0]} became {second[0]} {str(second[1])[:200]}"
                )
            elif first[0] == 200:
                is_odd = request.call is not None and request.call.is_odd
                if text := difference(first[1], second[1], one.tolerance, is_odd=is_odd):
                    found.append(f"{request.name}: {text}")
        row.compared += len(asked)
        _judge(row, one.tool, [f"{through}: {text}" for text in found])


def _judge(row: Row, tool: str, found: list[str]) -> None:
    if found:
        row.cells[tool] = "DIFFERS"
        row.disagreements += [f"{tool}: {text}" for text in found]
