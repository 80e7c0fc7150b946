"""Calls that change or end the whole process, anywhere in the routine's modules."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from cpr.checks.content import content_of
from cpr.checks.import_effects import is_main_block
from cpr.checks.subject import Subject
from cpr.findings import Finding, rule

PROCESS_WIDE = rule(
    "CPR115",
    "warning",
    "The routine changes or ends the whole process",
    cause="The process belongs to the server. `sys.exit` ends a request, `os._exit` the server; "
    "`os.chdir` moves every other thread too; `logging.basicConfig` and `signal.signal` take "
    "from the server what it has set up, or are ignored because it was first.",
    cure="Raise an exception instead of exiting; use absolute paths instead of changing the "
    "directory; get a logger with `logging.getLogger(__name__)` and leave its set-up alone.",
    example="""
    if model is None:
        sys.exit(1)                  # raise RuntimeError("no model") says why
    os.chdir(model_dir)              # os.path.join(model_dir, …) needs no such thing
    """,
)
_CALLS = re.compile(
    r"sys\.exit|os\._exit|os\.abort|os\.kill|os\.chdir|os\.fork|os\.umask|exit|quit"
    r"|logging\.basicConfig|logging\.disable|signal\.signal|faulthandler\.enable"
    r"|multiprocessing\.set_start_method|locale\.setlocale"
)


def check(subject: Subject) -> Iterator[Finding]:
    """The calls in the modules that the class needs; not those of ``__main__`` blocks."""
    for module in content_of(subject).modules:
        for call in _calls(module.tree.body):
            spelled = module.dotted(call.func)
            if _CALLS.fullmatch(spelled) and spelled not in module.bound:
                yield Finding(
                    PROCESS_WIDE,
                    f"{module.name!r} calls {spelled}",
                    file=subject.relative(module.path),
                    line=call.lineno,
                )


def _calls(body: Sequence[ast.AST]) -> Iterator[ast.Call]:
    for node in body:
        if isinstance(node, ast.If) and is_main_block(node):
            continue
        if isinstance(node, ast.Call):
            yield node
        yield from _calls(list(ast.iter_child_nodes(node)))
