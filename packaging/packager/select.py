"""Which files go into a package, and under which names.

Three ways, the first that applies: the patterns of ``[package] include``; the
modules and packages that setup.py names; else every module and package of the
project that is not a test. In the package, modules and packages lie at its
root, wherever the project keeps them (``src/``, a ``package_dir``), so that
the root is all that a loader needs on its path.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cpr.archive import Limits, Names, Refusal
from cpr.config import Settings
from cpr.errors import ConfigError
from cpr.findings import Finding
from cpr.packager.rules import NOT_A_MODULE
from cpr.packager.setup_script import SetupScript
from cpr.packager.tree import GENERATED, Tree
from cpr.suggest import did_you_mean

_NO_ROUTINE = frozenset({"setup", "conftest", "noxfile"})
_TEST_FOLDERS = frozenset({"tests", "test"})
_KEYWORDS = ("scripts", "py_modules", "packages")


@dataclass(frozen=True)
class Selection:
    """The chosen files: name in the package → path in the project, sorted by name.

    `origin` says in words who chose them; `root` is the folder of the project
    whose content lies at the package's root, "" for the project itself.
    `excluded` are the files that the settings leave out by name.
    """

    files: Mapping[str, Path]
    root: str
    origin: str
    findings: tuple[Finding, ...] = ()
    excluded: frozenset[Path] = frozenset()


def select_files(
    tree: Tree, settings: Settings, script: SetupScript, prediction_class: str
) -> Selection:
    """Choose the files of a project's package.

    Raises:
        ConfigError: Nothing is chosen, a file that setup.py or a pattern names
            is not there, or the files cannot lie together in one package.
    """
    findings: tuple[Finding, ...] = ()
    top = prediction_class.partition(".")[0]
    if settings.package.include:
        root, origin = _import_root(tree, top), "[package] include"
        pairs = _included(tree, settings.package.include, root)
    elif any(keyword in script for keyword in _KEYWORDS):
        root, origin = _folders(script).get("", ""), "setup.py"
        pairs, findings = _named_by_setup(tree, script)
    else:
        root, origin = _import_root(tree, top), "every module and package of the project"
        pairs = _discovered(tree.below(root), top)
    excluded = frozenset(tree.files[path] for path in tree.matching(settings.package.exclude))
    files = _joined((name, path) for name, path in pairs if path not in excluded)
    if not files:
        raise ConfigError(f"the package would be empty; the files were chosen by {origin}.")
    _check_limits(files)
    return Selection(files, root, origin, findings, excluded)


def is_module_name(dotted: str) -> bool:
    """Whether an import statement could name this module."""
    return all(part.isidentifier() for part in dotted.split("."))


def _import_root(tree: Tree, top: str) -> str:
    """``src`` where the prediction class, or all Python code, lies in it; else ""."""
    in_src = tree.below("src")
    if "__init__.py" in in_src or not any(name.endswith(".py") for name in in_src):
        return ""
    for root, files in (("", tree.files), ("src", in_src)):
        if any(name == f"{top}.py" or name.startswith(f"{top}/") for name in files):
            return root
    modules = [n for n in tree.files if "/" not in n and n.endswith(".py") and n not in GENERATED]
    return "" if modules else "src"


def _included(tree: Tree, patterns: Iterable[str], root: str) -> Iterable[tuple[str, Path]]:
    for pattern in patterns:
        chosen = tree.matching([pattern])
        if not chosen:
            near = did_you_mean(pattern, tree.files)
            raise ConfigError(
                f"the pattern {pattern!r} under [package] include names no file of the project.",
                hint=near or "Patterns start at the project directory; ** crosses folders.",
            )
        for path in chosen:
            name = path.removeprefix(f"{root}/") if root else path
            yield name, tree.files[path]


def _discovered(files: Mapping[str, Path], top: str) -> Iterable[tuple[str, Path]]:
    packages = {name.partition("/")[0] for name in files if name.count("/") == 1}
    packages = {p for p in packages if p == top or f"{p}/__init__.py" in files}
    for name, path in files.items():
        first, slash, _ = name.partition("/")
        in_package = first in packages and first.isidentifier() and not _is_test(name)
        if in_package if slash else _is_module(name):
            yield name, path


def _named_by_setup(
    tree: Tree, script: SetupScript
) -> tuple[list[tuple[str, Path]], tuple[Finding, ...]]:
    folders = _folders(script)
    pairs: list[tuple[str, Path]] = []
    findings = []
    for listed in script.texts("scripts"):
        path = posixpath.normpath(listed)
        name = posixpath.basename(path)
        if name.endswith(".py") and is_module_name(name[:-3]):
            pairs.append((name, _existing(tree, path, script, "scripts")))
        else:
            findings.append(_no_module(path, script))
    for module in script.texts("py_modules"):
        name = module.replace(".", "/") + ".py"
        path = posixpath.join(_folder_of(module.rpartition(".")[0], folders), name.split("/")[-1])
        pairs.append((name, _existing(tree, path, script, "py_modules")))
    for package in script.texts("packages"):
        pairs += _package_files(tree, script, package.strip("."), folders)
    return pairs, tuple(findings)


def _package_files(
    tree: Tree, script: SetupScript, package: str, folders: Mapping[str, str]
) -> list[tuple[str, Path]]:
    """All files of a package; of the nameless one, the modules at the root."""
    folder, prefix = _folder_of(package, folders), package.replace(".", "/")
    if not package:
        return [(k, v) for k, v in tree.below(folder).items() if "/" not in k and _is_module(k)]
    found = {f"{prefix}/{name}": path for name, path in tree.below(folder).items()}
    if not found:
        raise _missing(folder, tree, script, "packages")
    return [(name, path) for name, path in found.items() if not _is_test(name)]


def _folders(script: SetupScript) -> dict[str, str]:
    """setup.py's `package_dir` with paths in their plain form."""
    plain = {key: posixpath.normpath(f"./{v}") for key, v in script.mapping("package_dir").items()}
    return {key: "" if folder == "." else folder for key, folder in plain.items()}


def _folder_of(package: str, folders: Mapping[str, str]) -> str:
    """Where distutils looks for a package, by `package_dir`."""
    head, tail = package, ""
    while head:
        if head in folders:
            return posixpath.join(folders[head], tail).rstrip("/")
        head, _, last = head.rpartition(".")
        tail = posixpath.join(last, tail) if tail else last
    return posixpath.join(folders.get("", ""), tail).rstrip("/")


def _existing(tree: Tree, path: str, script: SetupScript, keyword: str) -> Path:
    if path in tree.files:
        return tree.files[path]
    raise _missing(path, tree, script, keyword)


def _missing(path: str, tree: Tree, script: SetupScript, keyword: str) -> ConfigError:
    at = str(script.path.parent / path)
    left_out = next(
        (f"{item.message}. {item.fix}" for item in tree.findings if item.file == at), ""
    )
    return ConfigError(
        f"{script.path}:{script.line_of(keyword)}: {keyword} names {path!r}, "
        "which is not in the project.",
        hint=left_out
        or did_you_mean(path, tree.files)
        or "Restore it, or take it out of setup.py.",
    )


def _no_module(path: str, script: SetupScript) -> Finding:
    return Finding(
        NOT_A_MODULE,
        f"the script {path} is no Python module, so it is not in the package",
        file=str(script.path),
        line=script.line_of("scripts"),
        fix="A routine needs modules only; take it out of scripts.",
    )


def _is_module(file: str) -> bool:
    """Whether a file at the root is a module that a routine could need."""
    stem = file.removesuffix(".py")
    is_named = stem != file and stem.isidentifier() and stem not in _NO_ROUTINE
    return is_named and not _is_test(file)


def _is_test(name: str) -> bool:
    *folders, last = name.split("/")
    is_test_module = last.endswith(".py") and (
        last.startswith("test_") or last[:-3].endswith("_test")
    )
    return is_test_module or last == "conftest.py" or bool(_TEST_FOLDERS.intersection(folders))


def _joined(pairs: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    """The pairs as a mapping; names that are unsafe or collide are refused."""
    files: dict[str, Path] = {}
    for name, path in pairs:
        if name in GENERATED or files.get(name) == path:
            continue
        if name in files:
            raise ConfigError(f"{files[name]} and {path} would both be {name!r} in the package.")
        files[name] = path
    names = Names(limit=Limits().entries)
    try:
        for name in sorted(files):
            names.admit(name, is_folder=False)
    except Refusal as error:
        raise ConfigError(
            f"the package could not be opened again: {error}.", hint="Rename or exclude that file."
        ) from error
    return dict(sorted(files.items()))


def _check_limits(files: Mapping[str, Path]) -> None:
    sizes = {name: path.stat().st_size for name, path in files.items()}
    total, limit = sum(sizes.values()), Limits().total_bytes
    if total > limit * 0.99:
        largest = max(sizes, key=lambda name: sizes[name])
        raise ConfigError(
            f"the files of the package take {total:,} bytes; at most {limit:,} can be opened "
            f"again. The largest is {largest} with {sizes[largest]:,}.",
            hint="A model belongs into the model directory, not into the package.",
        )
