"""What the pickles of a routine need, read from their instructions; nothing is loaded."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from zipfile import is_zipfile

from packaging.utils import canonicalize_name

from cpr.artifacts.companions import PREPROCESSOR_FILES
from cpr.artifacts.detect import Kind, detect, model_folder
from cpr.artifacts.pickle_machine import ForbiddenPickle
from cpr.artifacts.pickle_scan import PickleScan, scan_pickle
from cpr.artifacts.trust import Names, is_missing, is_renamed
from cpr.checks import pickle_rules as rules
from cpr.checks.artifact_files import package_files
from cpr.checks.artifact_models import fault_of_form
from cpr.checks.content import content_of
from cpr.checks.distributions import LIBRARY_OF, parse_requirement, providers
from cpr.checks.subject import Subject
from cpr.errors import EnvironmentProblem, LoadError, shorten
from cpr.findings import Finding

_PICKLES = re.compile(
    r".*\.(pkl|pickle|joblib)(\.(z|gz|bz2|xz|lzma|lz4))?|preprocessor|model\.joblib\.\w+"
)
_LISTED = 6


@dataclass(frozen=True)
class _File:
    """A pickle: where it is, how findings call it, whether `cpr` itself loads it."""

    path: Path
    shown: str
    is_loaded: bool


def check(subject: Subject) -> Iterator[Finding]:
    """Read every pickle of the model directory and of the package."""
    for file in _files(subject):
        if _is_archive(file.path):
            if file.is_loaded:
                yield Finding(
                    rules.DAMAGED,
                    f"{file.shown} is a zip file, as torch.save writes, not a pickle",
                    file=file.shown,
                )
            continue
        try:
            scan = scan_pickle(file.path)
        except ForbiddenPickle as error:
            yield from _names(subject, file, error.names)
            if subject.trust != "full":
                yield _refused(file, f"{file.shown} is no pickle of a model: {error}")
        except UnicodeDecodeError:
            yield Finding(rules.PYTHON_2, f"{file.shown} was pickled by Python 2", file=file.shown)
        except EnvironmentProblem as error:
            yield Finding(
                rules.LIBRARY, f"{file.shown}: {error.problem}", file=file.shown, fix=error.hint
            )
        except Exception as error:  # whatever it is: bytes that no pickle has
            if not fault_of_form(file.path):
                yield Finding(
                    rules.DAMAGED,
                    f"{file.shown} is damaged, cut off, or not a pickle "
                    f"({type(error).__name__}: {error})",
                    file=file.shown,
                )
        else:
            yield from _of_scan(subject, file, scan)


def _is_archive(path: Path) -> bool:
    """Whether a file is a zip from its first byte, as torch.save writes; no unpickler reads one."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04" and is_zipfile(path)


def _files(subject: Subject) -> Iterator[_File]:
    own: set[Path] = set()
    if subject.model_dir is not None:
        loaded = set() if subject.prediction_class else _loaded(subject, subject.model_dir)
        for path in sorted(subject.model_dir.rglob("*")):
            if path.is_file() and (path in loaded or _PICKLES.fullmatch(path.name)):
                own.add(path)
                shown = subject.relative(path)
                # Of a directory that cpr serves, what it does not load does not matter.
                if path in loaded or subject.prediction_class:
                    yield _File(path, shown, path in loaded)
    for path in package_files(subject):
        if path not in own and _PICKLES.fullmatch(path.name):
            yield _File(path, subject.relative(path), False)


def _loaded(subject: Subject, model_dir: Path) -> set[Path]:
    """The pickles that a ready-made predictor loads."""
    try:
        artifact = detect(model_dir, subject.open_with.get("framework"))
    except LoadError:
        return set()
    named = subject.settings.predictor.preprocessor
    folders = (model_folder(model_dir), model_dir)
    beside = {folder / name for folder in folders for name in (named, *PREPROCESSOR_FILES) if name}
    is_pickle = artifact.kind is Kind.SKLEARN or artifact.path.suffix in (".joblib", ".pkl")
    return {path for path in beside if path.is_file()} | ({artifact.path} if is_pickle else set())


def _of_scan(subject: Subject, file: _File, scan: PickleScan) -> Iterator[Finding]:
    yield from _names(subject, file, scan.names)
    if subject.trust == "data" and file.is_loaded:
        yield _refused(file, f"{file.shown} is a pickle, and trust = data loads none")
    try:
        installed = metadata.version("scikit-learn")
    except metadata.PackageNotFoundError:
        return
    for saved, classes in scan.sklearn_versions.items():
        if saved != installed:
            yield Finding(
                rules.OTHER_VERSION,
                f"{file.shown} was saved by scikit-learn {saved} ({_some(classes)}); {installed} "
                "is installed",
                file=file.shown,
                fix=f"Require scikit-learn=={saved}, or save the model again with {installed} and "
                "compare predictions.",
                data={"saved": saved, "installed": installed, "classes": list(classes)},
            )


def _names(subject: Subject, file: _File, names: tuple[tuple[str, str], ...]) -> Iterator[Finding]:
    allowed = Names.of(subject.settings.predictor.trusted)
    roots = [str(root) for root in subject.sources.roots]
    unlisted = []
    for module, name in names:
        if allowed.is_listed(module, name):
            if is_missing(module) and not _own_file(module, roots):
                yield _missing(subject, file, module)
            continue
        if module.rpartition(".")[2] in ("__main__", "__mp_main__"):
            yield Finding(
                rules.MAIN,
                f"{file.shown} holds {name} of {module}: of the script or notebook that saved it",
                file=file.shown,
            )
        elif (own := _own_file(module, roots)) and not _is_packaged(subject, own):
            yield Finding(
                rules.OWN_MODULE,
                f"{file.shown} needs the module {module}, which is in the project but would not "
                "be in the package",
                file=file.shown,
                fix=f'Name it under [package]: include = ["{subject.relative(own)}"].',
            )
        elif own:
            if name.partition(".")[0] not in _defined(own):
                yield Finding(
                    rules.NO_NAME,
                    f"{file.shown} needs {name} of your module {module}, which does not define it",
                    file=file.shown,
                )
        elif is_missing(module):
            yield _missing(subject, file, module)
        elif is_renamed(module, name):
            yield Finding(
                rules.NO_NAME,
                f"{file.shown} needs {name} of {module}, which has no such name in the installed "
                "version",
                file=file.shown,
            )
        elif place := _outside(module):
            yield Finding(
                rules.OWN_MODULE,
                f"{file.shown} needs the module {module}, which is here ({place}) but not in the "
                "package",
                file=file.shown,
            )
        else:
            unlisted.append(f"{module}.{name}")
    if unlisted and subject.trust != "full":
        said = f"{file.shown} uses {_some(unlisted)}, not on the list of what pickles may use"
        yield _refused(file, said, unlisted)


def _refused(file: _File, said: str, names: list[str] | None = None) -> Finding:
    identity = rules.REFUSED if file.is_loaded else rules.UNLISTED
    return Finding(identity, said, file=file.shown, data={"names": names} if names else {})


def _missing(subject: Subject, file: _File, module: str) -> Finding:
    top = module.partition(".")[0]
    known = {canonicalize_name(LIBRARY_OF.get(top, top))}
    required = {
        canonicalize_name(parsed.name)
        for line in (*subject.sources.requirements, *subject.settings.project.requirements)
        if (parsed := parse_requirement(line))
    }
    if top in rules.KNOWN_LIBRARIES or known & required:
        return Finding(
            rules.LIBRARY,
            f"{file.shown} needs the module {module}, which is not installed",
            file=file.shown,
            fix=f"Install {LIBRARY_OF.get(top, top)}, in the version that it was saved with.",
        )
    return Finding(
        rules.OWN_MODULE,
        f"{file.shown} needs the module {module}, which is neither in the package nor installed",
        file=file.shown,
    )


def _own_file(module: str, roots: list[str]) -> Path | None:
    """The source of a module of the package; None where it is not the package's own."""
    top = module.partition(".")[0]
    if not roots or providers(top):
        return None
    places, spec, full = roots, None, ""
    for part in module.split("."):
        full = f"{full}.{part}" if full else part
        spec = PathFinder.find_spec(full, places)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or [])
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def _is_packaged(subject: Subject, source: Path) -> bool:
    files = content_of(subject).files
    return files is None or source.resolve() in {path.resolve() for path in files.values()}


def _defined(source: Path) -> set[str]:
    """The names that a module's source defines, in whatever block."""
    try:
        tree = ast.parse(source.read_bytes())
    except (SyntaxError, ValueError):
        return set()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def _outside(module: str) -> str:
    """Where a module that no installed library has would be imported from, if anywhere."""
    top = module.partition(".")[0]
    if providers(top) or top in rules.STANDARD:
        return ""
    spec = find_spec(top)
    return str(spec.origin) if spec and spec.has_location else ""


def _some(names: tuple[str, ...] | list[str]) -> str:
    shown = [shorten(name).strip("'") for name in names[:_LISTED]]
    return ", ".join(shown) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
