"""Tracebacks cut to what concerns the user: their own frames, ours removed."""

from __future__ import annotations

import inspect
import linecache
import os
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

_HERE = Path(__file__).parent
# In a checkout the ready-made predictors and the packager stand beside `cpr`;
# beside an installed `cpr`, folders of those names are somebody else's.
_BESIDE = [] if (_HERE / "predictors").is_dir() else ["predictors", "packaging"]
_OURS = [str(_HERE), *(str(_HERE.parent / name) for name in _BESIDE)]
_STANDARD = str(Path(os.__file__).parent)
_MACHINERY = ("<frozen ", f"{_STANDARD}/pydoc.py", f"{_STANDARD}/importlib/")
_INSTALLED = ("/site-packages/", "/dist-packages/")
# Folders that are gone when a message is read, and what stands for them.
_shown: dict[str, str] = {}


@dataclass(frozen=True)
class Place:
    """A line of the user's code; `text` is ``file:line in function: code``."""

    file: str
    line: int
    text: str


def show_as(folder: Path, name: str) -> None:
    """Let messages name a temporary folder by what was unpacked into it."""
    _shown[str(folder)] = name


def shown(text: str) -> str:
    """A text for people, without the paths of temporary folders."""
    for folder, name in _shown.items():
        text = text.replace(folder, name)
    return text


def user_traceback(error: BaseException, roots: Iterable[Path] = ()) -> str:
    """The traceback of an error, starting at the user's first frame.

    Frames of `cpr` and of the import machinery are left out, here and in the
    exceptions that caused this one; libraries that the user's code called stay.

    Args:
        error: The exception that user code raised.
        roots: Folders that hold user code although they lie inside ours.
    """
    summary = traceback.TracebackException.from_exception(error)
    _cut(summary, [str(root) for root in roots], seen=set())
    if isinstance(error, SyntaxError) and not summary.stack:
        return ""  # a module's own: the message says where
    return shown("".join(summary.format()).rstrip())


def user_tail(trace: TracebackType | None, roots: Iterable[Path] = ()) -> TracebackType | None:
    """The traceback cut so that it ends in the deepest frame of the user's own code.

    The user's own code is what lies under `roots`; without roots, or if no
    frame does, whatever is neither ours nor a library. Where the user's class
    is itself installed as a library, it is that library. None if no frame is
    the user's.
    """
    folders = [str(root) for root in roots]
    steps = list(_walk(trace))
    last = _last(steps, folders)
    if last < 0 and folders:
        last = max(_last(steps, []), _last(steps, _called_first(steps)))
    result: TracebackType | None = None
    for step in reversed(steps[: last + 1]):
        if _is_ours(_file(step), folders):
            continue
        result = TracebackType(result, step.tb_frame, step.tb_lasti, step.tb_lineno)
    return result


def user_place(error: BaseException, roots: Iterable[Path] = ()) -> Place | None:
    """The line of the user's code that an error comes from; None when no frame is theirs.

    A file that is not valid Python is located by itself.
    """
    if isinstance(error, SyntaxError) and error.filename and not error.filename.startswith("<"):
        file, line, source = error.filename, error.lineno or 1, error.text or ""
        where = f"{Path(file).name}:{line}"
    else:
        steps = list(_walk(user_tail(error.__traceback__, roots)))
        if not steps:
            return None
        file, line = _file(steps[-1]), steps[-1].tb_lineno
        where = f"{Path(file).name}:{line} in {steps[-1].tb_frame.f_code.co_name}"
        source = linecache.getline(file, line)
    text = f"{where}: {source.strip()}" if source.strip() else where
    return Place(shown(file), line, text)


def user_line(error: BaseException, roots: Iterable[Path] = ()) -> str:
    """The text of `user_place`; empty when there is none."""
    place = user_place(error, roots)
    return place.text if place else ""


def defined_at(thing: Any) -> tuple[str, int]:
    """The file and line that define a class, function or module; "" and 0 where unknown."""
    try:
        file = inspect.getsourcefile(inspect.unwrap(thing)) or "?"
        line = 1 if inspect.ismodule(thing) else inspect.getsourcelines(inspect.unwrap(thing))[1]
    except (OSError, TypeError):
        return "", 0
    return file, line


def _walk(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _file(step: TracebackType) -> str:
    return step.tb_frame.f_code.co_filename


def _cut(summary: traceback.TracebackException, roots: Sequence[str], seen: set[int]) -> None:
    if id(summary) in seen:
        return
    seen.add(id(summary))
    kept = [frame for frame in summary.stack if not _is_ours(frame.filename, roots)]
    summary.stack = traceback.StackSummary.from_list(kept)
    grouped = getattr(summary, "exceptions", None) or ()  # of an ExceptionGroup, Python 3.11
    for linked in (summary.__cause__, summary.__context__, *grouped):
        if linked is not None:
            _cut(linked, roots, seen)


def _last(steps: Sequence[TracebackType], roots: Sequence[str]) -> int:
    """The position of the deepest frame of the user's own code; -1 if there is none."""
    return max((i for i, step in enumerate(steps) if _is_users(_file(step), roots)), default=-1)


def _called_first(steps: Sequence[TracebackType]) -> list[str]:
    """The installed library that holds the first frame below ours: its folder, or its file."""
    files = (_file(step) for step in steps if not _is_ours(_file(step), []))
    first = next((file for file in files if not _is_under(file, _STANDARD)), "")
    for mark in _INSTALLED:
        before, found, rest = first.rpartition(mark)
        if found:
            return [f"{before}{mark}{rest.partition('/')[0]}"]
    return []


def _is_under(filename: str, folder: str) -> bool:
    return filename == folder or filename.startswith(folder.rstrip("/") + "/")


def _nearest(filename: str, folders: Iterable[str]) -> int:
    """The length of the innermost of the folders that holds a file; -1 if none does."""
    return max((len(folder) for folder in folders if _is_under(filename, folder)), default=-1)


def _is_ours(filename: str, roots: Sequence[str]) -> bool:
    """Whether a frame is ours: a project may hold us in a virtual environment of its own."""
    if filename.startswith(_MACHINERY):
        return True
    return _nearest(filename, _OURS) > _nearest(filename, roots)


def _is_users(filename: str, roots: Sequence[str]) -> bool:
    if filename.startswith(("<string>", *_MACHINERY)):
        return False
    root = _nearest(filename, roots)
    if roots and root < 0:
        return False
    is_library = any(mark in filename[max(root, 0) :] for mark in _INSTALLED)
    return not is_library and _nearest(filename, [*_OURS, _STANDARD]) <= root
