"""The contract's checks, told from the source of a class that is not imported.

What a base class outside the routine might bring, or a decorator might
change, is left alone: only what is certain is said.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from cpr.checks.class_code import ClassCode, Method
from cpr.checks.modules import Module
from cpr.contract import Fault

OUR_BASES = {"cpr.Predictor", "cpr.predictor.Predictor"}


@dataclass(frozen=True)
class SourceFault:
    """A fault of a class, and the line that shows it."""

    fault: Fault
    problem: str
    module: Module
    line: int


def fault_in_source(described: ClassCode) -> SourceFault | None:
    """The first fault of a class, in the contract's own order; None if none is certain."""
    is_known = set(described.outside) <= OUR_BASES
    if not described.has("from_path"):
        is_vertex = described.has("load") and described.has("predict")
        if is_known and not is_vertex:
            return _of_class(described, Fault.NO_FROM_PATH, "has no from_path(model_dir)")
        return _async(described, "load", "preprocess", "predict", "postprocess")
    if not described.has("predict"):
        if is_known:
            return _of_class(described, Fault.NO_PREDICT, "has no predict(instances, **kwargs)")
        return None
    return (
        _predict(described, described.methods.get("predict"))
        or _async(described, "predict", "from_path")
        or _from_path(described, described.methods.get("from_path"))
    )


def _predict(described: ClassCode, predict: Method | None) -> SourceFault | None:
    if predict is None:
        return None
    is_static = predict.is_decorated("staticmethod")
    if predict.node.decorator_list and not is_static:
        return None
    names = predict.positional
    takes_any = predict.node.args.vararg is not None and len(names) < 2
    if (len(names) == 2 or takes_any) and not is_static:
        return None
    cause = ", and is a staticmethod" if is_static else ""
    return _of_method(
        predict,
        Fault.PREDICT_SIGNATURE,
        f"predict of {described.name!r} takes the positional parameters {names}{cause}; "
        "expected ['self', 'instances']",
    )


def _from_path(described: ClassCode, method: Method | None) -> SourceFault | None:
    if method is None:
        return None
    bound = method.is_decorated("classmethod")
    if method.node.decorator_list and not bound and not method.is_decorated("staticmethod"):
        return None
    names = method.positional
    expected = 2 if bound else 1
    defaults = len(method.node.args.defaults)
    fits = len(names) - defaults <= expected <= len(names) or (
        method.node.args.vararg is not None and len(names) - defaults <= expected
    )
    lacking = [
        item.arg
        for item, default in zip(
            method.node.args.kwonlyargs, method.node.args.kw_defaults, strict=True
        )
        if default is None and item.arg != "settings"
    ]
    if fits and not lacking:
        return None
    if not method.node.decorator_list:
        return _of_method(
            method, Fault.FROM_PATH_UNBOUND, f"from_path of {described.name!r} is not a classmethod"
        )
    return _of_method(
        method,
        Fault.FROM_PATH_SIGNATURE,
        f"from_path of {described.name!r} cannot be called with the model directory alone; it "
        f"takes {[*names, *lacking]}",
    )


def _async(described: ClassCode, *names: str) -> SourceFault | None:
    for name in names:
        method = described.methods.get(name)
        if method is not None and isinstance(method.node, ast.AsyncFunctionDef):
            return _of_method(method, Fault.ASYNC, f"{name} of {described.name!r} is async")
    return None


def _of_class(described: ClassCode, fault: Fault, lack: str) -> SourceFault:
    problem = f"the class {described.name!r} {lack}"
    return SourceFault(fault, problem, described.module, described.node.lineno)


def _of_method(method: Method, fault: Fault, problem: str) -> SourceFault:
    return SourceFault(fault, problem, method.module, method.node.lineno)
