"""Unpickling a model, with errors that say what is missing and what to do.

Unpickling calls what the file names. The setting ``trust`` says what it may
name; with ``full`` a file runs whatever it says.
"""

from __future__ import annotations

import json
import pickle
import re
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

from cpr.artifacts.pickle_machine import ForbiddenPickle
from cpr.artifacts.pickle_scan import scan_pickle
from cpr.artifacts.trust import Names, is_missing, is_renamed
from cpr.artifacts.unpickler import load_listed
from cpr.config import PredictorSettings
from cpr.errors import CprError, EnvironmentProblem, LoadError, shorten
from cpr.shims import shim_for
from cpr.user_errors import class_advice, is_script, module_advice

# "Can't get attribute 'Scaler' on <module 'iris' from '…'>", or, where the
# attribute is looked up in the module directly, "module 'iris' has no …".
_NO_CLASS = re.compile(
    r"Can't get attribute (?P<name>'[^']+') on <module (?P<module>'[^']+')"
    r"|module (?P<module2>'[^']+') has no attribute (?P<name2>'[^']+')"
)
_SAVED_BY = re.compile(rb"_sklearn_version.{0,4}?(\d+\.\d+[\w.]*)", re.DOTALL)
_LFS_POINTER = b"version https://git-lfs"
_EXTRAS = {"sklearn": "sklearn", "joblib": "sklearn", "xgboost": "xgboost", "pandas": "pandas"}
_NAMED = 8
_REFUSED = """\
If they are your own, serve the package that defines them.
If you know that each of them is harmless, set trusted = {names} in [predictor].
If you trust whoever wrote the file as you trust code, set trust = "full"."""
_FORBIDDEN = """\
No pickle of a model needs that. Save the model again;
if you trust whoever wrote the file as you trust code, set trust = "full" in [predictor]."""
_ZIP = b"PK\x03\x04"
_DAMAGED = (EOFError, pickle.UnpicklingError, OSError, MemoryError, OverflowError, IndexError)


def load_pickle(path: Path, settings: PredictorSettings | None = None) -> Any:
    """Load what joblib or pickle wrote; the content decides, not the name.

    Under the setting ``trust = "listed"``, the default, the whole file is
    scanned first and loaded only if every name that it needs is allowed.
    Scikit-learn's warnings about another version are gathered into one.

    Raises:
        LoadError: The file is refused, or damaged, or needs a module or class
            that is not there; the message names it.
        EnvironmentProblem: It needs a library that an extra of cpr installs.
    """
    settings = settings or PredictorSettings()
    head = _head(path)
    if settings.trust == "data":
        raise LoadError(
            f'{path} is a pickle, which is code as much as data; the setting trust = "data" '
            "refuses it.",
            hint='Set trust = "listed" in [predictor] to load pickles that need nothing but '
            "listed names, or save the model as ONNX.",
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            if settings.trust == "full":
                loaded = _loader()(path)
            else:
                loaded = _load_listed(path, Names.of(settings.trusted))
        except (CprError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            _explain(path, head, error)
    _repeat(path, caught)
    return loaded


def _load_listed(path: Path, names: Names) -> Any:
    try:
        needed = scan_pickle(path).names
    except ForbiddenPickle as error:
        unlisted = [pair for pair in error.names if not names.allow(*pair)]
        raise (_refusal(path, unlisted, f"; and {error}") if unlisted else error) from error
    unlisted = [pair for pair in needed if not names.allow(*pair)]
    if refused := [pair for pair in unlisted if not _is_absent(*pair)]:
        raise _refusal(path, refused)
    for module, name in unlisted:
        if is_script(module) or not is_missing(module):
            raise _missing_class(path, repr(name), repr(module))
        raise _missing_module(path, _not_found(module))
    return load_listed(path, names)


def _is_absent(module: str, name: str) -> bool:
    """Whether a name that is not allowed could not be had anyway."""
    if module.partition(".")[0] in sys.stdlib_module_names:
        return False
    return is_script(module) or is_missing(module) or is_renamed(module, name)


def _not_found(module: str) -> ModuleNotFoundError:
    """The error that importing it would raise: of the first part that is missing."""
    parts = module.split(".")
    heads = [".".join(parts[: count + 1]) for count in range(len(parts))]
    return ModuleNotFoundError(name=next(head for head in heads if is_missing(head)))


def _refusal(path: Path, refused: list[tuple[str, str]], why: str = "") -> LoadError:
    names = [".".join(pair) for pair in refused]
    listed = ", ".join(shorten(name) for name in names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    what = "a name that is" if len(names) == 1 else f"{len(names)} names that are"
    return LoadError(
        f"{path} is refused: loading it would use {what} not on the list of what pickles "
        f"may use: {listed}{more}{why}.",
        hint=_REFUSED.format(names=json.dumps(names[:2])),
    )


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise LoadError(f"{path} cannot be read: {error.strerror}.") from error
    if not head:
        raise LoadError(f"{path} is empty.", hint="Write or copy it again.")
    if head.startswith(_LFS_POINTER):
        raise LoadError(f"{path} is a Git LFS pointer, not the file itself.", hint="git lfs pull")
    if head.startswith(_ZIP):
        raise LoadError(
            f"{path} is a zip file, as torch.save and numpy.savez write, not a pickle.",
            hint="Load it in a class of your own, with the function that belongs to it, "
            "or save the model with joblib.dump.",
        )
    return head


def _loader() -> Callable[[Path], Any]:
    """Joblib reads plain pickles too; without it only those can be read."""
    try:
        import joblib  # optional extra
    except ModuleNotFoundError:
        return _load_plain
    load: Callable[[Path], Any] = joblib.load
    return load


def _load_plain(path: Path) -> Any:
    with path.open("rb") as file:
        return pickle.load(file)


def _explain(path: Path, head: bytes, error: BaseException) -> NoReturn:
    if isinstance(error, ForbiddenPickle):
        raise LoadError(f"{path} is refused: {error}.", hint=_FORBIDDEN) from error
    if isinstance(error, ImportError):
        raise _missing_module(path, error) from error
    if isinstance(error, AttributeError) and (match := _NO_CLASS.search(str(error))):
        name, module = (match["name"] or match["name2"], match["module"] or match["module2"])
        raise _missing_class(path, name, module) from error
    if isinstance(error, UnicodeDecodeError) or "joblib pickle generated with python 2" in str(
        error
    ):
        raise LoadError(
            f"{path} was pickled by Python 2, which cannot be read safely.",
            hint="Load it there once and save it again with Python 3, or train again.",
        ) from error
    if _is_damage(error):
        raise LoadError(
            f"{path} is damaged, truncated, or not a pickle ({type(error).__name__}: {error}); "
            f"it starts with {shorten(head[:12])}.",
            hint="Write or copy it again, in binary mode.",
        ) from error
    reason = str(error).partition("\n")[0].rstrip(".:")
    raise LoadError(
        f"{path} cannot be unpickled: {type(error).__name__}: {reason}{_written_by(path)}",
        hint="Install the versions of the libraries that it was saved with, or save it again "
        "with the installed ones.",
    ) from error


def _is_damage(error: BaseException) -> bool:
    if isinstance(error, KeyError):  # the Python unpickler, of a byte that is no instruction
        return bool(error.args) and type(error.args[0]) is int
    is_early_end = isinstance(error, ValueError) and str(error).startswith("EOF:")  # joblib
    is_decoder = type(error).__name__ in ("error", "LZMAError")  # zlib, struct, lzma
    return isinstance(error, _DAMAGED) or is_early_end or is_decoder


def _missing_module(path: Path, error: ImportError) -> CprError:
    if error.name is None or not isinstance(error, ModuleNotFoundError):
        return LoadError(f"{path} needs an import that fails: {error}.", hint=_shim_hint(error))
    if error.name in _EXTRAS:
        return EnvironmentProblem(
            f"{path} needs the library {error.name!r}, which is not installed.",
            hint=f"pip install 'cpr[{_EXTRAS[error.name]}]'",
        )
    return LoadError(
        f"{path} needs the module {error.name!r}, which cannot be imported here{_written_by(path)}",
        hint=_shim_hint(error) or module_advice(error.name),
    )


def _shim_hint(error: ImportError) -> str:
    shim = shim_for(error)
    return f"That module has moved since; use --shim {shim}." if shim else ""


def _missing_class(path: Path, name: str, module: str) -> LoadError:
    if is_script(module.strip("'")):  # or 'pkg.__main__'; see -m
        return LoadError(
            f"{path} holds an object of the class or function {name} of __main__: the script or "
            "notebook that saved it, which is not here.",
            hint=class_advice(name.strip("'"), module.strip("'")),
        )
    return LoadError(
        f"{path} needs {name} of the module {module}, which has no such name{_written_by(path)}",
        hint=class_advice(name.strip("'"), module.strip("'")),
    )


def _written_by(path: Path) -> str:
    """`` (saved by scikit-learn …)`` where the bytes say so, and a full stop."""
    match = _SAVED_BY.search(path.read_bytes())
    if match is None:
        return "."
    import sklearn  # optional extra; the file was written by it

    return f" (saved by scikit-learn {match[1].decode()}; {sklearn.__version__} is installed)."


def _repeat(path: Path, caught: Iterable[warnings.WarningMessage]) -> None:
    """Warn again of what unpickling warned of, versions in one sentence."""
    names: dict[tuple[str, str], list[str]] = {}
    for item in caught:
        note: Any = item.message
        if type(note).__name__ == "InconsistentVersionWarning":
            versions = (note.original_sklearn_version, note.current_sklearn_version)
            names.setdefault(versions, []).append(note.estimator_name)
        else:
            warnings.warn_explicit(item.message, item.category, item.filename, item.lineno)
    for (saved, installed), estimators in names.items():
        warnings.warn(
            f"{path.name} was saved by scikit-learn {saved} and is read by {installed} "
            f"({', '.join(dict.fromkeys(estimators))}): predictions may differ; compare them, "
            "and save the model again.",
            UserWarning,
            stacklevel=3,
        )
