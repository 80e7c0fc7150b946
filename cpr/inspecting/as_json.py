"""An inspection in JSON: what ``cpr inspect --json`` prints."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

from cpr.inspecting.inspection import Graph, Inspection, Problem
from cpr.inspecting.sample_text import sample_text

SCHEMA = "cpr.inspect/1"


def document_of(found: Inspection) -> str:
    """The one document, as text.

    A size that varies is null, and so is a shape of any rank. Samples are put
    into the text last: one for images has a million characters.
    """
    samples: dict[str, str] = {}
    document = {
        "schema": SCHEMA,
        "ok": found.is_servable,
        "summary": _summary(found, samples),
        "findings": [_finding(problem) for problem in found.problems],
    }
    text = json.dumps(document, ensure_ascii=False)
    for mark, sample in samples.items():
        text = text.replace(json.dumps(mark), sample, 1)
    return text


def _summary(found: Inspection, samples: dict[str, str]) -> dict[str, Any]:
    made = asdict(replace(found, graphs=(), problems=()))
    del made["problems"]
    made["graphs"] = [_graph(graph, samples, number) for number, graph in enumerate(found.graphs)]
    return made


def _graph(graph: Graph, samples: dict[str, str], number: int) -> dict[str, Any]:
    made = asdict(replace(graph, signatures=()))
    made["signatures"] = {}
    for item in graph.signatures:
        mark = None
        if item.sample is not None:
            # No name in a model is one: JSON writes the character otherwise.
            mark = f"\x00{number} {item.name}"
            samples[mark] = sample_text(item.sample)
        made["signatures"][item.name] = {
            "method": item.method,
            "inputs": {tensor.pop("alias"): tensor for tensor in map(asdict, item.inputs)},
            "outputs": {tensor.pop("alias"): tensor for tensor in map(asdict, item.outputs)},
            "sample": mark,
        }
    return made


def _finding(problem: Problem) -> dict[str, Any]:
    return {
        "id": problem.id,
        "severity": problem.severity,
        "message": problem.message,
        "file": None,
        "line": None,
        "fix": problem.fix,
        "docs": f"docs/inspect.md#{problem.id}",
    }
