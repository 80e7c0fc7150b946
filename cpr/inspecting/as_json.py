"""An inspection in JSON: what ``cpr inspect --json`` prints."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from cpr.inspecting.inspection import Graph, Inspection, Problem, Tensor
from cpr.inspecting.sample_text import sample_text

SCHEMA = "cpr.inspect/1"


def document_of(found: Inspection) -> str:
    """The one document, as text.

    A size that varies is null, and so is a shape of any rank. Samples are put
    into the text last: one for images has a million characters.
    """
    samples = _Samples(secrets.token_hex(16))
    document = {
        "schema": SCHEMA,
        "ok": found.is_servable,
        "summary": _summary(found, samples),
        "findings": [_finding(problem) for problem in found.problems],
    }
    text = json.dumps(document, ensure_ascii=False)
    for mark, sample in samples.texts.items():
        text = text.replace(json.dumps(mark), sample, 1)
    return text


@dataclass(frozen=True)
class _Samples:
    """Texts of samples by the marks in their places, which begin as no name in a model can."""

    secret: str
    texts: dict[str, str] = field(default_factory=dict)

    def mark(self, sample: Mapping[str, Any]) -> str:
        """A mark for a sample."""
        mark = f"{self.secret} {len(self.texts)}"
        self.texts[mark] = sample_text(sample)
        return mark


def _summary(found: Inspection, samples: _Samples) -> dict[str, Any]:
    made = asdict(replace(found, graphs=(), problems=()))
    del made["problems"]
    made["graphs"] = [_graph(graph, samples) for graph in found.graphs]
    return made


def _graph(graph: Graph, samples: _Samples) -> dict[str, Any]:
    made = asdict(replace(graph, signatures=()))
    made["signatures"] = {}
    for item in graph.signatures:
        made["signatures"][item.name] = {
            "method": item.method,
            "inputs": {tensor.alias: _tensor(tensor) for tensor in item.inputs},
            "outputs": {tensor.alias: _tensor(tensor) for tensor in item.outputs},
            "sample": None if item.sample is None else samples.mark(item.sample),
        }
    return made


def _tensor(tensor: Tensor) -> dict[str, Any]:
    made = asdict(tensor)
    del made["alias"]
    if tensor.taken is None:
        del made["taken"]
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
