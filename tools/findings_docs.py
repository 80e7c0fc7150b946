"""Writes docs/findings from the rules themselves; run by ``make docs``."""

from __future__ import annotations

import sys
from pathlib import Path

from cpr.checks.run import GROUPS, known_ids
from cpr.findings import RULES, Rule

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "findings"

HEAD = """# Findings

<!-- Written by tools/findings_docs.py from the rules themselves; `make docs` writes it anew. -->

What [`cpr check`](../check.md) and `cpr package` can find. An `error` would fail an upload, a load
or a request; a `warning` may; a `note` is worth knowing. An id never changes its meaning. Silence
one with `--ignore ID`, or for good under `[check] ignore`.
"""
_ABOUT = {
    "class": "The class",
    "package": "The package",
    "artifacts": "The artifacts in the model directory",
    "behaviour": "The behaviour, given sample requests",
}


def pages() -> dict[str, str]:
    """Every page by its file name, the index among them."""
    rules = [RULES[identity] for identity in known_ids()]
    return {"README.md": _index(rules), **{f"{rule.id}.md": _page(rule) for rule in rules}}


def _index(rules: list[Rule]) -> str:
    parts = [HEAD]
    for digit, group in enumerate(GROUPS, 1):
        own = [rule for rule in rules if rule.id[3] == str(digit)]
        if own:
            rows = [
                f"| [{rule.id}]({rule.id}.md) | {rule.severity} | {rule.title} |" for rule in own
            ]
            parts.append(
                "\n".join([f"## {_ABOUT[group]}", "", "| id | | |", "|---|---|---|", *rows, ""])
            )
    return "\n".join(parts)


def _page(rule: Rule) -> str:
    parts = [
        f"# {rule.id} {rule.title}",
        f"*{rule.severity.capitalize()}.*",
        "## Cause",
        rule.cause,
    ]
    if rule.example:
        parts += ["## Example", f"```text\n{rule.example}\n```"]
    parts += ["## Fix", rule.cure, "[All findings](README.md)"]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Write every page, and remove those of ids that are no more."""
    FOLDER.mkdir(exist_ok=True)
    written = pages()
    for old in FOLDER.glob("*.md"):
        if old.name not in written:
            old.unlink()
    for name, text in written.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    sys.stderr.write(f"wrote {len(written)} pages to {FOLDER}\n")


if __name__ == "__main__":
    main()
