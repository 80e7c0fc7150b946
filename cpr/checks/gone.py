"""Names that old code takes from its libraries, and that the installed versions lack."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from cpr.checks.content import content_of
from cpr.checks.modules import Module
from cpr.checks.subject import Subject
from cpr.findings import Finding, rule
from cpr.requirements import installed_version

GONE = rule(
    "CPR118",
    "error",
    "The code uses what the installed library no longer has",
    cause="The routine was written for an older version of a library, which has since removed or "
    "moved a name. The line fails when it is reached: at import, or at the first request.",
    cure="Use the new name; or switch on the shim that brings the old one back, with `--shim`; or "
    "require the old version of the library.",
    example="""
    from sklearn.externals import joblib     # import joblib
    np.float                                 # float
    tf.Session()                             # tf.compat.v1.Session()
    frame.as_matrix()                        # frame.to_numpy()
    """,
)
TORCH_LOAD = rule(
    "CPR119",
    "warning",
    "torch.load without weights_only",
    cause="Since torch 2.6, `torch.load` reads tensors only by default, and refuses a pickled "
    "model; before, it ran whatever the file said.",
    cure="Save the state_dict and load it with `weights_only=True`; for a whole model from a "
    "source that you trust, say `weights_only=False`, or use the shim `torch-load-full`.",
    example="""
    model = torch.load(os.path.join(model_dir, "model.pt"))
    """,
)


@dataclass(frozen=True)
class _Removed:
    """Names by pattern, gone since a version of a library.

    Of a module its import is the fault, not every use of what was imported.
    """

    names: re.Pattern[str]
    library: str
    since: str
    instead: str
    shim: str = ""
    is_module: bool = False


_TABLE = (
    _Removed(
        re.compile(r"sklearn\.externals\.(joblib|six).*"),
        "scikit-learn",
        "0.23",
        "Import joblib or six itself.",
        "sklearn-externals",
        is_module=True,
    ),
    _Removed(
        re.compile(r"tensorflow\.python\.keras.*"),
        "tensorflow",
        "2.16",
        "Use tensorflow.keras.",
        "tensorflow-python-keras",
        is_module=True,
    ),
    _Removed(
        re.compile(
            r"tensorflow\.(Session|InteractiveSession|get_default_graph|ConfigProto|placeholder"
            r"|global_variables_initializer|tables_initializer|GraphDef|get_variable"
            r"|reset_default_graph|app|flags|gfile|logging|contrib|layers|train\.Saver"
            r"|saved_model\.(loader|tag_constants|signature_constants)"
            r"|keras\.backend\.(get_session|set_session))(\..*)?"
        ),
        "tensorflow",
        "2.0",
        "tf.compat.v1 has most of these names; contrib is gone for good.",
    ),
    _Removed(
        re.compile(r"numpy\.(float|int|object|str|bool|complex|unicode|long)"),
        "numpy",
        "1.24",
        "Use Python's own type, or a numpy type with its size, such as np.float64.",
        "numpy-aliases",
    ),
    _Removed(
        re.compile(
            r"numpy\.(float_|complex_|NaN|Inf|product|cumproduct|alltrue|sometrue|asscalar)"
        ),
        "numpy",
        "2.0",
        "Use np.float64, np.nan, np.inf, np.prod, np.all, np.any or array.item().",
        "numpy-aliases",
    ),
    _Removed(
        re.compile(r"scipy\.misc\.(imread|imresize|imsave|logsumexp|comb|factorial)"),
        "scipy",
        "1.3",
        "Use imageio, Pillow or scipy.special.",
    ),
    _Removed(
        re.compile(r"keras\.backend\.tensorflow_backend.*"),
        "keras",
        "2.4",
        "Use tensorflow.",
        is_module=True,
    ),
)
_AS_MATRIX = _Removed(
    re.compile(r"as_matrix"), "pandas", "1.0", "Use to_numpy().", "pandas-as-matrix"
)
# numpy 2 has np.bool and np.long again.
_BACK_IN_NUMPY_2 = {"numpy.bool", "numpy.long"}


def check(subject: Subject) -> Iterator[Finding]:
    """The names in the modules that the class needs."""
    shims = set(subject.open_with.get("shims", ()))
    for module in content_of(subject).modules:
        seen: set[int] = set()
        for line, name, removed in _uses(module):
            if removed.shim in shims or line in seen or not _is_gone(name, removed):
                continue
            seen.add(line)
            or_shim = f" Or switch on --shim {removed.shim}." if removed.shim else ""
            yield Finding(
                GONE,
                f"{name} is gone since {removed.library} {removed.since}",
                file=subject.relative(module.path),
                line=line,
                fix=f"{removed.instead}{or_shim}",
            )
        if "torch-load-full" not in shims:
            yield from _torch_loads(module, subject)


def _uses(module: Module) -> Iterator[tuple[int, str, _Removed]]:
    """The names of a module that some version of a library has removed."""
    for item in module.imports:
        for name in (item.module, *(f"{item.module}.{one}" for one in item.names)):
            if not item.is_optional:
                yield from ((item.line, name, r) for r in _TABLE if r.names.fullmatch(name))
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Attribute):
            continue
        name = module.dotted(node)
        removed = (r for r in _TABLE if not r.is_module and r.names.fullmatch(name))
        yield from ((node.lineno, name, r) for r in removed)
        if node.attr == "as_matrix" and any(item.top == "pandas" for item in module.imports):
            yield node.lineno, "DataFrame.as_matrix", _AS_MATRIX


def _is_gone(name: str, removed: _Removed) -> bool:
    """Whether the version that is installed lacks the name."""
    version = installed_version(removed.library)
    try:
        installed = Version(version)
    except InvalidVersion:
        return False  # not installed, or a version that says nothing
    is_back = name in _BACK_IN_NUMPY_2 and installed >= Version("2.0")
    return installed >= Version(removed.since) and not is_back


def _torch_loads(module: Module, subject: Subject) -> Iterator[Finding]:
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call) or module.dotted(node.func) != "torch.load":
            continue
        if not any(word.arg == "weights_only" for word in node.keywords):
            file = subject.relative(module.path)
            message = "torch.load does not say weights_only"
            yield Finding(TORCH_LOAD, message, file=file, line=node.lineno)
