"""The value of an expression in a setup.py, found without running it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any


class NotLiteral(Exception):
    """An expression whose value only running the file would tell."""

    def __init__(self, node: ast.expr) -> None:
        super().__init__(ast.unparse(node))
        self.line = node.lineno


class Literals:
    """Evaluates literals, names of literals, sums of them, and known calls.

    Args:
        tree: The module; a name counts if it is assigned exactly once in it.
        calls: Functions by name that may be called, with literal arguments.
    """

    def __init__(self, tree: ast.Module, calls: dict[str, Callable[..., Any]]) -> None:
        self._calls: dict[str, Callable[..., Any]] = {
            "dict": dict,
            "list": list,
            "tuple": tuple,
            "str": str,
            **calls,
        }
        self._names = _assignments(tree)
        self._resolving: set[str] = set()

    def value(self, node: ast.expr) -> Any:
        """The value of an expression.

        Raises:
            NotLiteral: It is none of the forms above.
        """
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise NotLiteral(node)
        return method(node)

    def _constant(self, node: ast.Constant) -> Any:
        return node.value

    def _list(self, node: ast.List) -> list[Any]:
        return [self.value(item) for item in node.elts]

    def _tuple(self, node: ast.Tuple) -> list[Any]:
        return [self.value(item) for item in node.elts]

    def _set(self, node: ast.Set) -> list[Any]:
        return [self.value(item) for item in node.elts]

    def _dict(self, node: ast.Dict) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                found.update(self._typed(value, dict))
            else:
                found[self._typed(key, str)] = self.value(value)
        return found

    def _joinedstr(self, node: ast.JoinedStr) -> str:
        return "".join(self._typed(part, str) for part in node.values)

    def _formattedvalue(self, node: ast.FormattedValue) -> str:
        if node.conversion != -1 or node.format_spec is not None:
            raise NotLiteral(node)
        return str(self.value(node.value))

    def _binop(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        kinds = (str, list)
        if isinstance(node.op, ast.Add) and type(left) is type(right) and isinstance(left, kinds):
            return left + right
        raise NotLiteral(node)

    def _name(self, node: ast.Name) -> Any:
        assigned = self._names.get(node.id)
        if assigned is None or node.id in self._resolving:
            raise NotLiteral(node)
        self._resolving.add(node.id)
        try:
            return self.value(assigned)
        finally:
            self._resolving.discard(node.id)

    def _call(self, node: ast.Call) -> Any:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        if name not in self._calls or any(word.arg is None for word in node.keywords):
            raise NotLiteral(node)
        arguments = [self.value(argument) for argument in node.args]
        keywords = {str(word.arg): self.value(word.value) for word in node.keywords}
        try:
            return self._calls[name](*arguments, **keywords)
        except (TypeError, ValueError) as error:
            raise NotLiteral(node) from error

    def _typed(self, node: ast.expr, kind: type) -> Any:
        value = self.value(node)
        if not isinstance(value, kind):
            raise NotLiteral(node)
        return value


def _assignments(tree: ast.Module) -> dict[str, ast.expr]:
    """The expression behind each name that is assigned once and never otherwise bound."""
    found: dict[str, ast.expr | None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            target, value = node.target, node.value
        else:
            continue
        if isinstance(target, ast.Name):
            found[target.id] = None if target.id in found else value
    stores = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and _is_bound(n)]
    return {k: v for k, v in found.items() if v is not None and stores.count(k) == 1}


def _is_bound(node: ast.Name) -> bool:
    return isinstance(node.ctx, (ast.Store, ast.Del))
