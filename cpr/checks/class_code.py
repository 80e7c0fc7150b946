"""The prediction class as its source has it: its methods, inherited ones too."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from cpr.checks.modules import CodeBase, Module

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Method:
    """A method and the module that defines it."""

    node: Function
    module: Module

    @property
    def positional(self) -> list[str]:
        """The names of the parameters that can be given by position, self or cls included."""
        arguments = self.node.args
        return [item.arg for item in (*arguments.posonlyargs, *arguments.args)]

    def is_decorated(self, name: str) -> bool:
        """Whether a decorator of this name stands above it."""
        return any(ast.unparse(item) == name for item in self.node.decorator_list)


@dataclass(frozen=True)
class ClassCode:
    """A class in a module of the routine.

    `methods` are its own and those of its bases in the routine. `outside` are
    the full names of bases that the routine does not define: what they bring
    is not known.
    """

    name: str
    module: Module
    node: ast.ClassDef
    methods: dict[str, Method] = field(default_factory=dict)
    assigned: frozenset[str] = frozenset()
    outside: tuple[str, ...] = ()

    def has(self, member: str) -> bool:
        """Whether the source shows a member of this name."""
        return member in self.methods or member in self.assigned

    def called_from(self, *starts: str) -> list[Method]:
        """These methods and those of the class that they call on self or cls."""
        pending, found = list(starts), dict[str, Method]()
        while pending:
            name = pending.pop(0)
            if name in found or name not in self.methods:
                continue
            method = found[name] = self.methods[name]
            pending += _own_calls(method)
        return list(found.values())


def find_class(code: CodeBase, name: str) -> ClassCode | None:
    """The class that a dotted name leads to, if the source shows it."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        module = code.read(".".join(parts[:length]))
        if module is not None:
            return _in_module(code, module, parts[length:], name, depth=0)
    return None


def _in_module(
    code: CodeBase, module: Module, attributes: list[str], name: str, *, depth: int
) -> ClassCode | None:
    nodes: list[ast.stmt] = module.tree.body
    node: ast.ClassDef | None = None
    for position, attribute in enumerate(attributes):
        classes = [item for item in nodes if isinstance(item, ast.ClassDef)]
        node = next((item for item in classes if item.name == attribute), None)
        if node is None:
            if position == 0 and depth < 5 and attribute in module.aliases:
                return _imported(code, module.aliases[attribute], name, depth)
            return None
        nodes = node.body
    return _described(code, module, node, name, depth) if node else None


def _imported(code: CodeBase, target: str, name: str, depth: int) -> ClassCode | None:
    """A class that the module imports from another module of the routine."""
    location, _, attribute = target.rpartition(".")
    module = code.read(location) if location else None
    return _in_module(code, module, [attribute], name, depth=depth + 1) if module else None


def _described(
    code: CodeBase, module: Module, node: ast.ClassDef, name: str, depth: int
) -> ClassCode:
    methods: dict[str, Method] = {}
    assigned: set[str] = set()
    outside: list[str] = []
    for base in reversed(node.bases):
        spelled = module.dotted(base)
        parent = None
        if depth < 5 and spelled:
            parent = _base(code, module, spelled, depth)
        if parent is None:
            outside += [spelled] if spelled != "object" else []
            continue
        methods.update(parent.methods)
        assigned |= parent.assigned
        outside += parent.outside
    for item in node.body:
        if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)):
            methods[item.name] = Method(item, module)
        elif isinstance(item, (ast.Assign, ast.AnnAssign)):
            targets = item.targets if isinstance(item, ast.Assign) else [item.target]
            assigned |= {target.id for target in targets if isinstance(target, ast.Name)}
    return ClassCode(name, module, node, methods, frozenset(assigned), tuple(outside))


def _base(code: CodeBase, module: Module, spelled: str, depth: int) -> ClassCode | None:
    if "." not in spelled:
        return _in_module(code, module, [spelled], spelled, depth=depth + 1)
    return _imported(code, spelled, spelled, depth)


def _own_calls(method: Method) -> list[str]:
    first = method.positional[:1]
    return [
        node.func.attr
        for node in ast.walk(method.node)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and [node.func.value.id] == first
    ]
