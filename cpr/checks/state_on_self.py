"""What a method leaves on self; filling in what is not there yet does not count."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from cpr.checks.class_code import Method

_GROWERS = {"append", "extend", "add", "insert", "update", "appendleft", "setdefault"}


def kept_on_self(method: Method) -> Iterator[tuple[int, str]]:
    """Lines that assign to, or grow, an attribute of self, with their code."""
    names = method.positional
    if not names:
        return
    seen: set[str] = set()
    for node in _unguarded(method.node.body, names[0]):
        attribute = _changed(node, names[0])
        if attribute and attribute not in seen:
            seen.add(attribute)
            yield node.lineno, _brief(node)


def _unguarded(body: Sequence[ast.stmt], self_name: str) -> Iterator[ast.stmt]:
    """The statements of a body, but for those under ``if self.x is None`` and the like."""
    for node in body:
        if isinstance(node, ast.If) and _asks_whether_there(node.test, self_name):
            yield from _unguarded(node.orelse, self_name)
            continue
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        yield node
        for field in ("body", "orelse", "finalbody"):
            yield from _unguarded(getattr(node, field, []), self_name)
        for handler in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            yield from _unguarded(handler.body, self_name)


def _asks_whether_there(test: ast.expr, self_name: str) -> bool:
    is_negated = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
    asked = test.operand if isinstance(test, ast.UnaryOp) and is_negated else test
    if isinstance(asked, ast.Call) and ast.unparse(asked.func) == "hasattr":
        return is_negated
    if is_negated:
        return _attribute(asked, self_name) != ""
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return False
    is_in = isinstance(test.ops[0], ast.NotIn) and _attribute(test.comparators[0], self_name)
    is_none = isinstance(test.ops[0], (ast.Is, ast.Eq)) and _attribute(test.left, self_name)
    right = test.comparators[0]
    has_none = isinstance(right, ast.Constant) and right.value is None
    return bool(is_in) or (bool(is_none) and has_none)


def _changed(node: ast.stmt, self_name: str) -> str:
    """The attribute of self that a statement assigns to or grows, "" for none."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
        targets = [node.target]
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        function = node.value.func
        if isinstance(function, ast.Attribute) and function.attr in _GROWERS:
            targets = [function.value]
    flat = [
        item
        for target in targets
        for item in (target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target])
    ]
    return next((name for item in flat if (name := _attribute(item, self_name))), "")


def _attribute(node: ast.expr, self_name: str) -> str:
    """The attribute of self that an expression is, or is an item of."""
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return node.attr if node.value.id == self_name else ""
        node = node.value
    return ""


def _brief(node: ast.stmt) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else f"{text[:59]}…"
