"""Tracebacks cut to what concerns the user: their own frames, ours removed."""

from __future__ import annotations

import linecache
import sysconfig
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

_OURS = str(Path(__file__).resolve().parent)
# In a checkout the ready-made predictors and the packager stand beside `cpr`.
_CHECKOUT = [str(Path(_OURS).parent / name) for name in ("predictors", "packaging")]
_STANDARD_LIBRARY = sysconfig.get_path("stdlib")
_MACHINERY = ("<frozen ", "<string>")


def user_traceback(error: BaseException, roots: Iterable[Path] = ()) -> str:
    """The traceback of an error, starting at the user's first frame.

    Frames of `cpr` and of the import machinery are left out, here and in the
    exceptions that caused this one; libraries that the user's code called stay.

    Args:
        error: The exception that user code raised.
        roots: Folders that hold user code although they lie inside ours.
    """
    summary = traceback.TracebackException.from_exception(error)
    _cut(summary, list(roots), seen=set())
    return "".join(summary.format()).rstrip()


def user_tail(trace: TracebackType | None, roots: Iterable[Path] = ()) -> TracebackType | None:
    """The traceback cut so that it ends in the deepest frame of the user's own code.

    The user's own code is what lies under `roots`; without roots, whatever is
    neither ours nor an installed library. None if no frame is the user's.
    """
    roots = list(roots)
    kept = list(_walk(trace))
    while kept and not _is_users(kept[-1].tb_frame.f_code.co_filename, roots):
        kept.pop()
    result: TracebackType | None = None
    for step in reversed(kept):
        if _is_ours(step.tb_frame.f_code.co_filename, roots):
            continue
        result = TracebackType(result, step.tb_frame, step.tb_lasti, step.tb_lineno)
    return result


def user_line(error: BaseException, roots: Iterable[Path] = ()) -> str:
    """One line that locates an error in the user's code: ``file:line in function: code``.

    Empty when no frame of it is the user's. A syntax error is located by itself.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}:{error.lineno}: {(error.text or '').strip()}"
    steps = list(_walk(user_tail(error.__traceback__, roots)))
    if not steps:
        return ""
    last = steps[-1]
    code = last.tb_frame.f_code
    source = linecache.getline(code.co_filename, last.tb_lineno).strip()
    where = f"{Path(code.co_filename).name}:{last.tb_lineno} in {code.co_name}"
    return f"{where}: {source}" if source else where


def _walk(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _cut(summary: traceback.TracebackException, roots: list[Path], seen: set[int]) -> None:
    if id(summary) in seen:
        return
    seen.add(id(summary))
    kept = [frame for frame in summary.stack if not _is_ours(frame.filename, roots)]
    summary.stack = traceback.StackSummary.from_list(kept)
    for linked in (summary.__cause__, summary.__context__):
        if linked is not None:
            _cut(linked, roots, seen)


def _is_under(filename: str, folder: str) -> bool:
    return filename == folder or filename.startswith(folder + "/")


def _is_ours(filename: str, roots: list[Path]) -> bool:
    if filename.startswith(_MACHINERY) or filename.endswith("/pydoc.py"):
        return True
    if any(_is_under(filename, str(root)) for root in roots):
        return False
    return any(_is_under(filename, folder) for folder in (_OURS, *_CHECKOUT))


def _is_users(filename: str, roots: list[Path]) -> bool:
    if roots:
        return any(_is_under(filename, str(root)) for root in roots)
    is_library = "site-packages" in filename or _is_under(filename, _STANDARD_LIBRARY)
    return not is_library and not _is_ours(filename, roots)
