"""What `cpr inspect` finds, in one form for models of every kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cpr.savedmodel.audit import UnwantedOp

Severity = Literal["error", "warning", "note"]
_WORST_FIRST: tuple[Severity, ...] = ("error", "warning", "note")
Role = Literal["weight", "optimizer", "training", "bookkeeping"]


@dataclass(frozen=True)
class Problem:
    """Something wrong with the model, or worth knowing; an error means that it cannot be served.

    `id` names the kind; docs/inspect.md lists them.
    """

    severity: Severity
    id: str
    message: str
    fix: str = ""


def worst_first(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Errors, then warnings, then notes; each as they were found."""
    return tuple(sorted(problems, key=lambda problem: _WORST_FIRST.index(problem.severity)))


@dataclass(frozen=True)
class ModelFile:
    """A file that belongs to the model: its path below the model's, bytes, and what it is for."""

    path: str
    size: int
    role: str


@dataclass(frozen=True)
class Limit:
    """The size that a platform takes at most."""

    platform: str
    bytes: int
    is_exceeded: bool


@dataclass(frozen=True)
class Tensor:
    """An input or output: its alias, type, shape, and name in the graph; None is a varying size.

    `taken` is the type that the graph takes where the signature says another.
    """

    alias: str
    dtype: str
    shape: tuple[int | None, ...] | None
    tensor: str = ""
    encoding: str = "dense"
    taken: str | None = None


@dataclass(frozen=True)
class SignatureView:
    """A signature, and a request for it, ready to be sent."""

    name: str
    method: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    sample: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class AssetView:
    """A file that a graph names, the tensor with its path, and its bytes; None if it is missing.

    `is_read` says whether loading the graph or a signature of it reads the file.
    """

    filename: str
    tensor: str
    size: int | None
    is_read: bool = True


@dataclass(frozen=True)
class TrainingOp(UnwantedOp):
    """An operation for training, and how many of its nodes a signature reaches."""

    reached: int = 0


@dataclass(frozen=True)
class Constant:
    """A large constant of a graph: its place, type, shape and bytes."""

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None
    size: int


@dataclass(frozen=True)
class Graph:
    """One graph of a model: a MetaGraph of a SavedModel, or the only one of another format.

    `facts` are what its format says besides, by name, for people. `hidden` are
    signatures of TensorFlow's own, `reached` the names of the variables that
    the signatures reach, None where that cannot be told; `unrestored` those
    that they reach in the graph and that only ``tf.saved_model.load`` fills.
    """

    tags: tuple[str, ...] = ()
    facts: Mapping[str, str | bool | int] = field(default_factory=dict)
    signatures: tuple[SignatureView, ...] = ()
    hidden: tuple[str, ...] = ()
    assets: tuple[AssetView, ...] = ()
    nodes: int = 0
    functions: int = 0
    ops: Mapping[str, int] = field(default_factory=dict)
    unsafe: tuple[UnwantedOp, ...] = ()
    training: tuple[TrainingOp, ...] = ()
    constant_bytes: int = 0
    constants: tuple[Constant, ...] = ()
    reached: tuple[str, ...] | None = None
    unrestored: tuple[str, ...] = ()


@dataclass(frozen=True)
class Variable:
    """A variable or weight.

    Attributes:
        name: As people know it, ``dense/kernel``.
        key: What the file has it under, where that differs.
        dtype: Its type, such as ``float32``.
        shape: Its sizes.
        size: Its bytes in the file.
        role: Whether serving needs it, as far as its name and place tell.
        duplicate_of: Another variable with the same bytes, stored again here.
        is_reached: Whether a signature of any graph reaches it; None: not known.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int
    key: str = ""
    role: Role = "weight"
    duplicate_of: str = ""
    is_reached: bool | None = None


@dataclass(frozen=True)
class Inspection:
    """A model, looked at.

    Attributes:
        path: What was inspected.
        kind: The framework, as ``--framework`` names it.
        format: The file format, in words.
        facts: What the format says of the whole, by name, for people.
        size: The bytes of all its files.
        files: The files, the largest first.
        limits: What platforms take.
        graphs: Its graphs; none for a format without any.
        variables: Its variables, in the file's order.
        contents: What else is in it, by kind, each item with the same keys:
            layers, classes that a pickle needs. No kind is there without items.
        problems: What is wrong, the worst first.
    """

    path: str
    kind: str
    format: str
    facts: Mapping[str, str | bool | int] = field(default_factory=dict)
    size: int = 0
    files: tuple[ModelFile, ...] = ()
    limits: tuple[Limit, ...] = ()
    graphs: tuple[Graph, ...] = ()
    variables: tuple[Variable, ...] = ()
    contents: Mapping[str, tuple[Mapping[str, str], ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    @property
    def is_servable(self) -> bool:
        """Whether nothing was found that stands in the way of serving it."""
        return all(problem.severity != "error" for problem in self.problems)
