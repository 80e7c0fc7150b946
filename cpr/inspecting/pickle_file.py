"""A pickled model: the names that loading it needs, without loading it."""

from __future__ import annotations

from pathlib import Path

from cpr.artifacts.pickle_machine import ForbiddenPickle
from cpr.artifacts.pickle_scan import PickleScan, scan_pickle
from cpr.artifacts.trust import Names
from cpr.errors import LoadError
from cpr.inspecting.inspection import Inspection, Problem
from cpr.inspecting.single_file import single_file

_KINDS = {"sklearn": "scikit-learn", "xgboost": "xgboost", "lightgbm": "lightgbm"}
_OWN = (
    "Ship them in the package, or name them in [predictor] trusted; load it only if you trust who "
    "made it."
)
_FIX = "Load it with --trust full only if you trust who made it."


def inspect_file(path: Path) -> Inspection:
    """Everything that a pickle says of itself; nothing that it names is imported.

    Raises:
        LoadError: It cannot be understood.
    """
    try:
        scan = scan_pickle(path)
    except ForbiddenPickle as error:
        problem = Problem(
            "error",
            "forbidden-pickle",
            f"It does what no pickle of a model needs to do: {error}.",
            _FIX,
        )
        return _inspection(path, PickleScan(error.names), (problem,))
    except Exception as error:  # a damaged pickle may fail in any way
        raise LoadError(
            f"{path} is not a pickle, or is damaged: {type(error).__name__}: {error}",
            hint="Copy it again, in binary mode, or save the model again.",
        ) from error
    return _inspection(path, scan, ())


def _inspection(path: Path, scan: PickleScan, problems: tuple[Problem, ...]) -> Inspection:
    allowed = Names()
    unlisted = [
        f"{module}.{name}" for module, name in scan.names if not allowed.allow(module, name)
    ]
    if unlisted:
        more = ", …" if len(unlisted) > 3 else ""
        message = f"It needs names that are not listed: {', '.join(unlisted[:3])}{more}."
        problems = (
            *problems,
            Problem("warning", "unlisted-names", message, _OWN),
        )
    facts: dict[str, str | bool | int] = {
        "pickle protocol": scan.protocol,
        "compression": scan.compression or "none",
        "arrays of joblib": scan.has_arrays,
    }
    if scan.sklearn_versions:
        facts["scikit-learn"] = ", ".join(scan.sklearn_versions)
    roots = [module.partition(".")[0] for module, _ in scan.names]
    kind = next((_KINDS[root] for root in roots if root in _KINDS), "pickle")
    estimators = sorted((n, v) for v, names in scan.sklearn_versions.items() for n in set(names))
    contents = {
        "Estimators": tuple({"class": n, "scikit-learn": v} for n, v in estimators),
        "Names that loading it needs": tuple({"module": m, "name": n} for m, n in scan.names),
    }
    return single_file(
        path,
        kind,
        "joblib" if path.suffix == ".joblib" or scan.has_arrays else "pickle",
        facts=facts,
        contents={title: items for title, items in contents.items() if items},
        problems=problems,
    )
