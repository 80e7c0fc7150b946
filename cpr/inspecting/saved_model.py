"""A SavedModel, without TensorFlow: its graphs, variables, assets and what is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from cpr.inspecting.files import limits_for, list_files, size_problems
from cpr.inspecting.graphs import problems_of, view_of
from cpr.inspecting.inspection import Graph, Inspection, ModelFile, Problem, Variable, worst_first
from cpr.inspecting.variables import read_stored, variables_of
from cpr.inspecting.warmup import warmup_facts
from cpr.inspecting.wording import count
from cpr.savedmodel import protos
from cpr.savedmodel.layout import TEXT
from cpr.savedmodel.reader import model_file, skim_saved_model

# What is less than one part of so many is not worth a word.
_NOTABLE = 20


def inspect_saved_model(folder: Path) -> Inspection:
    """Everything about a SavedModel.

    Raises:
        LoadError: Its graphs cannot be read; what else is wrong is a problem
            of the inspection.
    """
    found = skim_saved_model(folder)
    files, unlisted = list_files(folder)
    size = sum(file.size for file in files)
    stored = read_stored(folder)
    graphs = tuple(
        view_of(
            graph,
            folder,
            {place: left_out for (at, place), left_out in found.elided.items() if at == number},
            stored.objects,
        )
        for number, graph in enumerate(found.model.meta_graphs)
    )
    reached = (
        None
        if any(graph.reached is None for graph in graphs)
        else {key for graph in graphs for key in graph.reached or ()}
    )
    variables = variables_of(stored, reached)
    problems = [*unlisted, *stored.problems, *_graph_problems(graphs)]
    problems += _variable_problems(variables)
    problems += size_problems(size)
    problems += _file_problems(files)
    facts, more = warmup_facts(folder)
    return Inspection(
        path=str(folder),
        kind="tensorflow",
        format=f"SavedModel ({'text' if model_file(folder).name == TEXT else 'binary'})",
        facts={**_facts(folder), **facts},
        size=size,
        files=files,
        limits=limits_for(size),
        graphs=graphs,
        variables=variables,
        problems=worst_first([*problems, *more]),
    )


def _facts(folder: Path) -> dict[str, str | bool | int]:
    path = folder / "fingerprint.pb"
    if not path.is_file():
        return {}
    try:
        found = protos.FingerprintDef.FromString(path.read_bytes())
    except protos.DecodeError:
        return {"fingerprint": "damaged"}
    facts: dict[str, str | bool | int] = {"checksum": f"{found.saved_model_checksum:016x}"}
    return {**facts, "uuid": found.uuid} if found.uuid else facts


def _label(graph: Graph) -> str:
    return f"The graph {','.join(graph.tags) or 'without tags'}"


def _graph_problems(graphs: tuple[Graph, ...]) -> Iterator[Problem]:
    for graph in graphs:
        yield from problems_of(graph, _label(graph))
    for tags, number in Counter(graph.tags for graph in graphs).items():
        if number > 1:
            yield Problem(
                "warning",
                "same-tags",
                f"{number} graphs have the tags {','.join(tags)}; loaders take the first.",
                "Export each graph with tags of its own.",
            )
    if not any("serve" in graph.tags for graph in graphs):
        yield Problem(
            "warning",
            "no-serve-tag",
            "No graph has the tag serve, which servers look for.",
            "Name the tags in the setting predictor.tags, or export the model with the tag serve.",
        )


def _variable_problems(variables: tuple[Variable, ...]) -> Iterator[Problem]:
    copies = sum(item.size for item in variables if item.duplicate_of)
    whole = sum(item.size for item in variables)
    if copies * _NOTABLE > whole:
        yield Problem(
            "note",
            "stored-again",
            f"{copies:,} of {whole:,} bytes of variables are stored more than once.",
            "`cpr clean` stores them once.",
        )
    unneeded = [
        item for item in variables if item.is_reached is False and item.role != "bookkeeping"
    ]
    spare = sum(item.size for item in unneeded if not item.duplicate_of)
    if spare * _NOTABLE > whole:
        yield Problem(
            "note",
            "not-reached",
            f"No signature reaches {count(len(unneeded), 'variable')} of {spare:,} bytes.",
            "`cpr clean` leaves them out.",
        )


def _file_problems(files: tuple[ModelFile, ...]) -> Iterator[Problem]:
    others = [file for file in files if file.role == "other"]
    if others:
        names = ", ".join(file.path for file in others[:3]) + (", …" if len(others) > 3 else "")
        yield Problem(
            "note",
            "other-files",
            f"{count(len(others), 'file')} of {sum(file.size for file in others):,} bytes are no "
            f"part of a SavedModel: {names}.",
            "`cpr clean` leaves them out.",
        )
