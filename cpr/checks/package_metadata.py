"""Whether pip, old or new, would take the package as it is described."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path

from packaging.version import InvalidVersion, Version

from cpr.checks.content import content_of
from cpr.checks.subject import Subject
from cpr.errors import ConfigError, shorten
from cpr.findings import Finding, rule
from cpr.packager.setup_script import SetupScript

BAD_NAME_OR_VERSION = rule(
    "CPR218",
    "error",
    "A version or name that pip does not accept",
    cause="Versions have the form that PEP 440 gives them: numbers, dots, and a suffix such as "
    "`rc1`. Old pip took any text; setuptools since 66 and pip since 24 refuse it, so the "
    "package that was installed in 2019 cannot be built or installed any more.",
    cure="Give it a version such as 1.0 or 2022.6.5 and build it again; `cpr check --fix` writes "
    "the nearest one into cpr.toml.",
    example="""
    version="2022-06-05-13-38-45"     # 2022.6.5.13.38.45
    version="v1-final"                # 1.0
    """,
)
NO_METADATA = rule(
    "CPR219",
    "warning",
    "The source distribution has no PKG-INFO",
    cause="Every tool that builds a source distribution writes `PKG-INFO` with name and version; "
    "an archive without it was packed by hand. pip then has to run setup.py to learn even "
    "the name, and package indexes refuse the file.",
    cure="Build it with `cpr package`, or with `python -m build --sdist`.",
)
OLD_SETUP = rule(
    "CPR221",
    "warning",
    "A setup.py that today's setuptools refuses to build",
    cause="The setup.py names scripts alone, as in AI Platform's guides, and the package holds "
    "several modules. setuptools since 61 looks for modules itself then, finds more than one, "
    "and stops: “Multiple top-level modules discovered in a flat-layout”. pip builds every "
    "source distribution with the newest setuptools. `cpr` does not build it, and opens it.",
    cure="Build it again with `cpr package`, which writes a setup.py that old and new pip take; or "
    "name the modules with `py_modules`.",
    example="""
    setup(name="iris", version="0.1", scripts=["predictor.py", "preprocess.py"])
    setup(name="iris", version="0.1", py_modules=["predictor", "preprocess"])
    """,
)
SETUP_NEEDS = rule(
    "CPR222",
    "warning",
    "A setup.py that needs what is not there when pip runs it",
    cause="pip runs setup.py in an empty environment, in the unpacked source distribution. A file "
    "that was not packed, a library that is imported at the top, or pip's own internals are "
    "not there, and the installation ends with “User-provided package … failed to install”.",
    cure="Say everything outright in setup.py, and read nothing; or build with `cpr package`.",
    example="""
    from pip.req import parse_requirements                   # gone since pip 10
    install_requires=open("requirements.txt").read()         # not in the archive
    """,
)
CANNOT_PACKAGE = rule(
    "CPR223",
    "error",
    "The project cannot be packaged as it is",
    cause="`cpr package` would stop at this: setup.py, cpr.toml or pyproject.toml says something "
    "that cannot be read without running code, names a file that is not there, or leaves out "
    "the prediction class.",
    cure="The message says where; mend it there, or say it in cpr.toml, which comes first.",
)
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_BY_PIP = {"setuptools", "distutils", "pkg_resources"}


def check(subject: Subject) -> Iterator[Finding]:
    """The metadata of a project, or of a source distribution that `cpr` did not build."""
    problem = content_of(subject).problem
    if problem is not None:
        is_version = re.match(r"the (version|name) ", problem.problem) is not None
        identity = BAD_NAME_OR_VERSION if is_version else CANNOT_PACKAGE
        yield Finding(identity, problem.problem.rstrip("."), fix=problem.hint)
    sources = subject.sources
    if not sources.is_unpacked or sources.manifest is not None:
        return
    root = sources.roots[0]
    if any(root.glob("*.dist-info")):
        return  # a wheel is not built
    yield from _pkg_info(root)
    if (root / "setup.py").is_file() and not (root / "pyproject.toml").is_file():
        yield from _setup_script(root)


def _pkg_info(root: Path) -> Iterator[Finding]:
    path = root / "PKG-INFO"
    if not path.is_file():
        yield Finding(NO_METADATA, "the source distribution has no PKG-INFO at its root")
        return
    headers = HeaderParser().parsestr(path.read_text("utf-8", "replace"))
    name, version = headers.get("Name", ""), headers.get("Version", "")
    if not _NAME.fullmatch(name):
        message = f"the package is named {shorten(name)}, which pip does not accept"
        yield Finding(BAD_NAME_OR_VERSION, message, file="PKG-INFO")
    try:
        Version(version)
    except InvalidVersion:
        message = f"the package has the version {shorten(version)}, which pip does not accept"
        yield Finding(BAD_NAME_OR_VERSION, message, file="PKG-INFO")


def _setup_script(root: Path) -> Iterator[Finding]:
    try:
        script = SetupScript(root)
        tree = ast.parse(script.path.read_bytes())
    except (ConfigError, SyntaxError, ValueError) as error:
        said = error.problem.replace(f"{root}/", "") if isinstance(error, ConfigError) else error
        yield Finding(SETUP_NEEDS, f"setup.py cannot be understood: {said}", file="setup.py")
        return
    modules = [path.name for path in root.glob("*.py") if path.name != "setup.py"]
    folders = [path for path in root.iterdir() if path.is_dir() and any(path.glob("*.py"))]
    is_told = "packages" in script or "py_modules" in script
    if not is_told and len(modules) + len(folders) > 1:
        yield Finding(
            OLD_SETUP,
            f"setup.py names neither py_modules nor packages, and there are {len(modules)} modules",
            file="setup.py",
            line=1,
        )
    for line, what in _needs(tree, root):
        yield Finding(SETUP_NEEDS, f"setup.py {what}", file="setup.py", line=line)


def _needs(tree: ast.Module, root: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from _imports(node, root)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("open", "io.open"):
            first = node.args[0] if node.args else None
            name = first.value if isinstance(first, ast.Constant) else None
            if isinstance(name, str) and not (root / name).is_file():
                yield node.lineno, f"reads {name!r}, which is not in the package"


def _imports(node: ast.Import | ast.ImportFrom, root: Path) -> Iterator[tuple[int, str]]:
    names = [item.name for item in node.names] if isinstance(node, ast.Import) else [node.module]
    for name in filter(None, names):
        top = name.partition(".")[0]
        is_here = (root / f"{top}.py").is_file() or (root / top).is_dir()
        if top not in sys.stdlib_module_names | _BY_PIP and not is_here:
            yield node.lineno, f"imports {name!r}, which is not there when pip runs it"
