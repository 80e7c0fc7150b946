"""Finds the variables of a graph whose values may stand in it as constants.

A variable may, if all that signatures and initializers do with it is to read
it. Its handle is followed into the functions that it is given to.
"""

from __future__ import annotations

from collections.abc import Iterator

from cpr.savedmodel.protos import Message
from cpr.savedmodel.reach import initializers, is_control, node_of, reach, signature_nodes

VARIABLES = ("VarHandleOp", "VariableV2", "Variable")
_PASSING = ("Identity", "Enter", "Switch", "_SwitchN", "Merge", "Exit", "NextIteration")
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_LOOPS = ("While", "StatelessWhile")
_BRANCHES = ("If", "StatelessIf", "Case")  # the first input is the condition
_WRITING = ("Assign", "Scatter", "Apply", "Sparse", "Ref", "CountUpTo", "IsVariable", "Destroy")


def only_read(meta_graph: Message) -> tuple[set[str], dict[str, str]]:
    """The nodes of variables that are only read, and why of each other that is reached."""
    graph = meta_graph.graph_def
    roots = [*signature_nodes(meta_graph), *initializers(meta_graph)]
    reached = reach(meta_graph, roots).nodes
    uses = _Uses(meta_graph, [node for node in graph.node if node.name in reached])
    plain: set[str] = set()
    others: dict[str, str] = {}
    for node in graph.node:
        if node.name not in reached or node.op not in VARIABLES:
            continue
        reason = uses.obstacle(node)
        if reason:
            others[node.name] = reason
        else:
            plain.add(node.name)
    return plain, others


class _Uses:
    """What is done with handles, in the graph and its functions."""

    def __init__(self, meta_graph: Message, nodes: list[Message]) -> None:
        self._functions = {one.signature.name: one for one in meta_graph.graph_def.library.function}
        self._readers = {"": _readers(nodes)}
        self._seen: dict[tuple[str, str], str] = {}

    def obstacle(self, variable: Message) -> str:
        """What is done with a variable besides reading it; "" if nothing."""
        if variable.op == "Variable":
            return "it is of a kind that TensorFlow does not freeze"
        if variable.op == "VariableV2":
            writers = [
                node.op
                for node, _ in self._readers[""].get(variable.name, ())
                if node.op.startswith(_WRITING)
            ]
            return f"{writers[0]} changes it" if writers else ""
        return self._of_handle("", variable.name)

    def _of_handle(self, function: str, name: str) -> str:
        key = (function, name)
        if key not in self._seen:
            self._seen[key] = ""  # what comes back to itself, adds nothing
            found = (self._of_use(function, *use) for use in self._uses(function, name))
            self._seen[key] = next((one for one in found if one), "")
        return self._seen[key]

    def _uses(self, function: str, name: str) -> list[tuple[Message, int]]:
        if function not in self._readers:
            self._readers[function] = _readers(self._functions[function].node_def)
        return self._readers[function].get(name, [])

    def _of_use(self, function: str, node: Message, place: int) -> str:
        if node.op == "ReadVariableOp" or (node.op == "ResourceGatherNd" and not function):
            return ""
        if node.op == "ResourceGather" and not function and not _has(node, "batch_dims"):
            return ""
        if node.op in _PASSING:
            return self._of_handle(function, node.name)
        given = list(self._given(node, place))
        if not given:
            return f"{node.op} uses it" + (" in a function" if function else "")
        if node.op in _CALLS and any(self._returns(*one) for one in given):
            return "a function returns it"
        return next((one for one in (self._of_handle(*some) for some in given) if one), "")

    def _given(self, node: Message, place: int) -> Iterator[tuple[str, str]]:
        """The functions that get the input of a node, and as which argument."""
        if node.op in _CALLS:
            names = [node.attr["f"].func.name]
        elif node.op in _LOOPS:
            names = [node.attr["cond"].func.name, node.attr["body"].func.name]
        elif node.op in _BRANCHES:
            # Looking up what is not there would make it.
            keys = [key for key in ("then_branch", "else_branch") if key in node.attr]
            names = [node.attr[key].func.name for key in keys]
            if "branches" in node.attr:
                names += [one.name for one in node.attr["branches"].list.func]
            place -= 1
        else:
            return
        for name in names:
            if name in self._functions and place >= 0:
                yield name, self._functions[name].signature.input_arg[place].name

    def _returns(self, function: str, argument: str) -> bool:
        return argument in self._functions[function].ret.values()


def _has(node: Message, key: str) -> bool:
    """Whether a number is there and not 0; looking it up would make it."""
    return key in node.attr and bool(node.attr[key].i)


def _readers(nodes: list[Message]) -> dict[str, list[tuple[Message, int]]]:
    """The nodes that read each node, and as which of their inputs."""
    found: dict[str, list[tuple[Message, int]]] = {}
    for node in nodes:
        for place, reference in enumerate(node.input):
            if not is_control(reference):
                found.setdefault(node_of(reference), []).append((node, place))
    return found
