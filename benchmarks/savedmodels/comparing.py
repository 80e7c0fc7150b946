"""One model: what each tool made of its graphs, asked in every way beside the original."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import inspecting
import servers
import tensorflow_side
from asked import Call, Request, calls, requests, variants
from commands import Written, inspect, with_graph, write
from differing import EXACT, difference
from rows import FAILED, SAME, Row
from running_server import ServerFailed
from tensorflow_side import Answer, Loader, ProcessDied, in_fresh_process

INSPECT = "inspect"
SHRINK = ("float32", "float16", "bfloat16", "int8", "frozen")
TOOLS = ("clean", *SHRINK, "compile", "export")
HTTP = "cpr serve"
WAYS = ("tf2", "v1", HTTP, servers.SERVING)
_ORIGINAL = 1
_AGAIN = 8
_FAULT_OF_SERVER = 500
_NO_JSON = "Prediction failed: output"
_LOADERS: tuple[Loader, ...] = ("v1", "tf2")


@dataclass(frozen=True)
class _Asked:
    """What is asked of a graph.

    Attributes:
        calls: Those that the original answers the same each time.
        with_rows: The signatures that answer with a row for each instance.
        answers: The original's, by the loaders that load it.
    """

    calls: list[Call]
    with_rows: set[str]
    answers: dict[Loader, list[Answer]]


def compare(
    name: str,
    folder: Path,
    tags: tuple[str, ...],
    only: set[str],
    work: Path,
    *,
    shrunk: dict[str, Written] | None = None,
) -> Row:
    """Everything about one graph of a SavedModel.

    Args:
        name: What the model is called.
        folder: Of the SavedModel.
        tags: Of the graph.
        only: The tools that are wanted.
        work: A directory for what is written.
        shrunk: What `cpr shrink` wrote for another graph of the same model:
            it takes the model whole, so that is asked again. Filled where it
            is empty.
    """
    row = Row(name, tags)
    work.mkdir(parents=True, exist_ok=True)
    document = _inspected(row, folder, only)
    wanted = [tool for tool in TOOLS if tool in only]
    if wanted:
        served = work / "m"
        shutil.copytree(folder, served / str(_ORIGINAL))
        known = {} if shrunk is None else shrunk
        written = {
            number: _written(tool, folder, tags, served / str(number), known)
            for number, tool in enumerate(wanted, _ORIGINAL + 1)
        }
        _note(row, list(written.values()))
        asked = _asked(row, folder, tags)
        samples = {
            name: sample
            for name, sample in _samples(document, tags).items()
            if name in asked.with_rows
        }
        there = {number: one for number, one in written.items() if one.folder is not None}
        _through_loaders(row, served, tags, there, asked)
        _through_servers(row, served, tags, there, requests(asked.calls, samples, asked.with_rows))
    return row


def _written(
    tool: str, folder: Path, tags: tuple[str, ...], out: Path, shrunk: dict[str, Written]
) -> Written:
    if tool not in SHRINK:
        return with_graph(write(tool, folder, tags, out), tags)
    if tool not in shrunk:
        shrunk[tool] = write(tool, folder, tags, out.parents[1] / tool)
    made = with_graph(shrunk[tool], tags)
    if made.folder is None:
        return made
    shutil.copytree(made.folder, out)
    return replace(made, folder=out)


def _inspected(row: Row, folder: Path, only: set[str]) -> dict[str, Any] | None:
    document, failure = inspect(folder)
    if document is None:
        row.fail(INSPECT, failure)
        return None
    if INSPECT in only:
        view = in_fresh_process(tensorflow_side.view, str(folder))
        found = [f"inspect: {one}" for one in inspecting.disagreements(document, view)]
        row.disagreements += found
        row.cells[INSPECT] = f"{len(found)} DIFFER" if found else SAME
    return document


def _samples(document: dict[str, Any] | None, tags: tuple[str, ...]) -> dict[str, Any]:
    """The requests that inspect suggests for a graph's signatures."""
    for graph in document["summary"]["graphs"] if document else ():
        if tuple(graph["tags"]) == tags:
            return {name: item["sample"] for name, item in graph["signatures"].items()}
    return {}


def _note(row: Row, written: Sequence[Written]) -> None:
    for one in written:
        if one.failure:
            row.fail(one.tool, one.failure)
        elif one.folder is None:
            row.decline(one.tool, f"{one.reason} (exit code {one.exit_code})")
        else:
            row.cells[one.tool] = SAME
            if one.reason:
                row.reasons[one.tool] = one.reason


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


def _asked(row: Row, folder: Path, tags: Sequence[str]) -> _Asked:
    """The calls to compare, with what the original answers.

    Not compared is what the model, loaded again, answers otherwise: it counts,
    or makes random numbers.
    """
    made = _calls(row, folder, tags)
    answers: dict[Loader, list[Answer]] = {}
    unsteady, others = set(), set()
    for loader in _LOADERS:
        first = _ask(folder, tags, loader, made)
        if len(first) != len(made):
            row.notes.append(f"{loader}: the original {first[0]}")
            continue
        second = _ask(folder, tags, loader, made)
        answers[loader] = first
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
    is_steady = [call.signature not in unsteady for call in made]
    return _Asked(
        _chosen(made, is_steady),
        {call.signature for call in made} - unsteady - others,
        {loader: _chosen(some, is_steady) for loader, some in answers.items()},
    )


def _chosen(items: Sequence[Any], is_chosen: Sequence[bool]) -> list[Any]:
    return [item for item, chosen in zip(items, is_chosen, strict=True) if chosen]


def _count(call: Call) -> int:
    """How many instances a call has: none where it takes scalars."""
    shapes = [value.shape for value in call.inputs.values()]
    return shapes[0][0] if shapes and shapes[0] else 0


def _through_loaders(
    row: Row, served: Path, tags: Sequence[str], written: dict[int, Written], asked: _Asked
) -> None:
    for loader, originals in asked.answers.items():
        for number, one in written.items():
            if one.tool == "compile":
                continue  # the original is there unchanged; the compiled one is for our server
            answers = _ask(served / str(number), tags, loader, asked.calls)
            found = list(apart(asked.calls, originals, answers, one))
            if found and _is_unsteady(served / str(_ORIGINAL), tags, loader, asked):
                row.notes.append(f"{loader}: the original does not answer the same each time")
                continue
            row.judge(one.tool, loader, found, len(asked.calls))


def _is_unsteady(folder: Path, tags: Sequence[str], loader: Loader, asked: _Asked) -> bool:
    """Whether a model contradicts its own answers, asked some times more: steps that race."""
    same = Written("the original", folder, 0)
    again = (_ask(folder, tags, loader, asked.calls) for _ in range(_AGAIN))
    return any(list(apart(asked.calls, asked.answers[loader], some, same)) for some in again)


def _ask(folder: Path, tags: Sequence[str], loader: Loader, made: list[Call]) -> list[Answer]:
    asked = [(call.signature, call.inputs) for call in made]
    try:
        return in_fresh_process(tensorflow_side.ask, str(folder), tags, loader, asked)
    except ProcessDied as error:
        return [str(error)]


def apart(
    made: list[Call], originals: list[Answer], answers: list[Answer], one: Written
) -> Iterator[str]:
    """What was answered otherwise than by the original."""
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
        row.disagreements.append(f"{HTTP}: {error}")
        row.cells |= {one.tool: FAILED for one in written.values()}
        return
    compare_replies(row, HTTP, written, asked, replies)
    for request, (status, document) in zip(asked, replies[_ORIGINAL], strict=True):
        if status >= _FAULT_OF_SERVER:
            told = f"{HTTP}: the original: {request.name}: {status} {str(document)[:200]}"
            # An answer without a form in JSON is told as that.
            (row.notes if _NO_JSON in told else row.disagreements).append(told)
        elif request.call is not None and not request.call.name and status != 200:
            row.disagreements.append(f"inspect: {request.name} got {status} {str(document)[:200]}")
    elsewhere = servers.tensorflow_serving(served, versions, asked)
    if elsewhere is not None:
        compare_replies(row, servers.SERVING, written, asked, elsewhere)


def compare_replies(
    row: Row,
    way: str,
    written: dict[int, Written],
    asked: list[Request],
    replies: dict[int, list[servers.Reply]],
) -> None:
    """Judge what a server answered for each version beside the original's."""
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
        row.judge(one.tool, way, found, len(asked))
