"""An inspection in JSON's own types: what ``cpr inspect --json`` prints."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cpr.inspecting.inspection import Graph, Inspection, Problem


def summary_of(found: Inspection) -> dict[str, Any]:
    """The summary of the document; a size that varies is null, a shape of any rank too."""
    made = asdict(found)
    del made["problems"]
    made["graphs"] = [_graph(graph) for graph in found.graphs]
    return made


def finding_of(problem: Problem) -> dict[str, Any]:
    """An entry of the document's findings."""
    return {
        "id": "inspect",
        "severity": problem.severity,
        "message": problem.message,
        "file": None,
        "line": None,
        "fix": problem.fix,
        "docs": "docs/inspect.md",
    }


def _graph(graph: Graph) -> dict[str, Any]:
    made = asdict(graph)
    made["signatures"] = {
        item.name: {
            "method": item.method,
            "inputs": {tensor.pop("alias"): tensor for tensor in map(asdict, item.inputs)},
            "outputs": {tensor.pop("alias"): tensor for tensor in map(asdict, item.outputs)},
            "sample": item.sample,
        }
        for item in graph.signatures
    }
    return made
