"""Imports a prediction class in a clean process, and reports what that did.

Run by `cpr.checks.probe` through `cpr.isolated`. Only the package's content,
the standard library and the visible distributions can be imported; network
access is refused; what the package's own modules open and start is noted.
"""

from __future__ import annotations

import importlib.abc
import pydoc
import sys
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cpr.checks.import_watch import Watch
from cpr.contract import Misshapen, contract_of
from cpr.frames import user_tail, user_traceback
from cpr.isolated.channel import Message
from cpr.isolated.child import Operation
from cpr.shims import install_shims, shim_for
from cpr.user_errors import describe


def operations() -> Mapping[str, Operation]:
    """The one operation: import a class."""
    return {"import": _import}


class _Hidden(importlib.abc.MetaPathFinder):
    """Finds nothing: it says of the modules that should not be visible that they are not."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> None:
        top = fullname.partition(".")[0]
        if top in self._names:
            raise ModuleNotFoundError(f"No module named {top!r}", name=top)


def _import(message: Message) -> Message:
    task = message.header
    roots, name = task["roots"], task["name"]
    install_shims(task["shims"])
    sys.path[:] = [entry for entry in sys.path if entry not in roots] + roots
    sys.meta_path.insert(0, _Hidden(task["hidden"]))
    watch = Watch(roots)
    failure: dict[str, Any] | None = None
    fault: dict[str, Any] | None = None
    cls: Any = None
    with watch:
        try:
            cls = _locate(name)
        except BaseException as error:  # whatever user code raises at import
            failure = _failure(error, roots)
    if cls is not None:
        try:
            contract_of(cls, name, strict=task["strict"])
        except Misshapen as error:
            fault = _fault(error)
    return Message(
        {
            "failure": failure,
            "fault": fault,
            "is_found": cls is not None,
            "effects": watch.effects,
        }
    )


def _locate(name: str) -> Any:
    """What the name leads to, as `cpr.importing` finds it; failed imports raise."""
    try:
        found = pydoc.locate(name)
    except pydoc.ErrorDuringImport as failure:
        cause: BaseException | None = failure.value
        raise (cause or failure) from None
    if found is None:
        parts = name.split(".")
        for length in range(1, len(parts)):
            module = importlib.import_module(".".join(parts[:length]))
            if not hasattr(module, "__path__"):
                break
    return found


def _failure(error: BaseException, roots: Sequence[str]) -> dict[str, Any]:
    file, line = _place(error, roots)
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    return {
        "said": describe(error),
        "file": file,
        "line": line,
        "missing": missing or "",
        "shim": shim_for(error) or "",
        "traceback": user_traceback(error, [Path(root) for root in roots]),
    }


def _place(error: BaseException, roots: Sequence[str]) -> tuple[str, int]:
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno or 1
    step = user_tail(error.__traceback__, [Path(root) for root in roots])
    file, line = "", 0
    while step is not None:
        file, line, step = step.tb_frame.f_code.co_filename, step.tb_lineno, step.tb_next
    return file, line


def _fault(error: Misshapen) -> dict[str, Any]:
    return {
        "fault": error.fault.name,
        "problem": error.problem,
        "hint": error.hint,
        "file": error.file,
        "line": error.line,
    }
