"""Findings: what is wrong with a routine, by stable id.

An id never changes its meaning and is never used again. Its first digit says
where the fault lies: 1 the class, 2 the package, 3 the artifacts, 4 the
behaviour. (``CPR0nn`` is an error's exit code, when a command fails.) Each id
is registered once, with its severity, title, cause and cure; a page of the
documentation says the same at length.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Rule:
    """What an id stands for.

    An `error` would fail an upload, a load or a request; a `warning` may; a
    `note` is worth knowing. `cause` says why it happens, `cure` how to fix it;
    both are sentences without values of a particular case. `example` is code or
    a listing that shows the fault, for the rule's page.
    """

    id: str
    severity: Severity
    title: str
    cause: str
    cure: str
    example: str = ""


RULES: dict[str, Rule] = {}


@dataclass(frozen=True)
class Finding:
    """One case of a rule: what, where, and what to do about it.

    `file` is relative to the project or model directory where it can be,
    `line` is 0 where there is none. `fix` is the cure of this case; the
    rule's own is used where it is empty. `data` holds what a program may want.
    """

    id: str
    message: str
    file: str = ""
    line: int = 0
    fix: str = ""
    data: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def rule(self) -> Rule:
        """What the id stands for."""
        return RULES[self.id]

    @property
    def severity(self) -> Severity:
        """How bad it is: its rule's."""
        return self.rule.severity

    @property
    def docs(self) -> str:
        """The page that explains the id, relative to the repository."""
        return f"docs/findings/{self.id}.md"

    def to_json(self) -> dict[str, Any]:
        """The finding as one entry of a JSON document's ``findings``."""
        return {
            "id": self.id,
            "severity": self.severity,
            "message": self.message,
            "file": self.file or None,
            "line": self.line or None,
            "fix": self.fix or self.rule.cure,
            "docs": self.docs,
            **({"data": self.data} if self.data else {}),
        }


def rule(
    id: str, severity: Severity, title: str, *, cause: str, cure: str, example: str = ""
) -> str:
    """Register a rule and return its id; an id is registered once."""
    if id in RULES:
        raise ValueError(f"the finding id {id} is registered twice")
    RULES[id] = Rule(id, severity, title, cause, cure, textwrap.dedent(example).strip("\n"))
    return id


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first, then by id and place; each finding once."""
    rank = {"error": 0, "warning": 1, "note": 2}
    unique = {(f.id, f.message, f.file, f.line): f for f in findings}
    return sorted(unique.values(), key=lambda f: (rank[f.severity], f.id, f.file, f.line))
