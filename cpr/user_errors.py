"""What is said of an exception that user code raised: what, where, and what may help."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from traceback import extract_tb
from typing import TypeVar

from cpr.errors import CprError, shorten
from cpr.frames import shown, user_place, user_traceback
from cpr.shims import shim_for

Error = TypeVar("Error", bound=CprError)

# "Can't get attribute 'Scaler' on <module 'iris' from '…'>": only unpickling says it.
_NO_CLASS = re.compile(r"Can't get attribute '(?P<name>[^']+)' on <module '(?P<module>[^']+)'")
_UNPICKLERS = re.compile(r"/(pickle|joblib/.*|cloudpickle/.*|dill/.*|torch/serialization)\.py$")
_LOADS = re.compile(r"\bloads?\(")


def describe(error: BaseException, limit: int = 500) -> str:
    """The type and message of an exception of user code, the message cut to `limit`."""
    try:
        text = error.msg if isinstance(error, SyntaxError) else shown(str(error))
    except Exception:  # its own __str__ is broken
        text = "<message cannot be printed>"
    if len(text) > limit:
        text = shorten(text, limit)[1:-1]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def explained(
    kind: type[Error], problem: str, error: BaseException, roots: Iterable[Path] = ()
) -> Error:
    """An error of ours for an exception of user code: with its place, traceback and advice."""
    roots = list(roots)
    place = user_place(error, roots)
    said = [place.text if place else "", advice(error)]
    made = kind(
        problem,
        hint="\n".join(filter(None, said)),
        user_traceback=user_traceback(error, roots),
    )
    if place is not None:
        made.file, made.line, made.place = place.file, place.line, place.text
    return made


def advice(error: BaseException) -> str:
    """What may cure an exception of user code, or an empty string."""
    try:
        shim = shim_for(error)
        text = str(error)
    except Exception:  # its own __str__ is broken
        return ""
    if shim:
        return f"That name has moved since; try --shim {shim}."
    if isinstance(error, AttributeError) and (match := _NO_CLASS.search(text)):
        name, module = match["name"], match["module"]
        cause = f"{name!r} was defined by the script or notebook that saved it. "
        return cause * is_script(module) + class_advice(name, module)
    if isinstance(error, ModuleNotFoundError) and error.name and _is_unpickling(error):
        return module_advice(error.name)
    return ""


def class_advice(name: str, module: str) -> str:
    """What to do about a class that a pickle needs and its module lacks."""
    if is_script(module):
        return f"Move {name!r} into a module, import it from there, and save the model again."
    return (
        "The class was renamed or moved: use the version of that module the file was saved "
        "with, or save it again."
    )


def module_advice(module: str) -> str:
    """What to do about a module that a pickle needs and that is not there."""
    return (
        f"Install the library that has {module!r}; if it is your own code, give the "
        "package that holds it."
    )


def is_script(module: str) -> bool:
    """Whether a module is the script that ran, or ``package.__main__``."""
    return module.rpartition(".")[2] in ("__main__", "__mp_main__")


def _is_unpickling(error: BaseException) -> bool:
    """Whether a library of pickles imported it, or a line that calls ``load(…)``."""
    frames = [one for one in extract_tb(error.__traceback__) if not one.filename.startswith("<")]
    if any(_UNPICKLERS.search(one.filename) for one in frames):
        return True
    # The pickle module's own reader is compiled, and has no frame.
    return bool(frames and _LOADS.search(frames[-1].line or ""))
