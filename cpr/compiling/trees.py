"""Boosted trees of any library as one ONNX operator, of either precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cpr.compiling.declined import Declined

# How a node compares, in ONNX's words.
LESS_OR_EQUAL, LESS = "BRANCH_LEQ", "BRANCH_LT"


@dataclass
class Tree:
    """One tree: inner nodes in lists of equal length, node 0 the root.

    A child is the number of an inner node, or ``-1 - leaf``. Without inner
    nodes the tree is leaf 0 alone.

    Attributes:
        target: Which of the raw scores it adds to.
        features: The column that a node looks at.
        thresholds: What it compares with.
        yes: Where it goes if the comparison holds,
        no: and if not.
        missing_goes_yes: Where it goes for NaN.
        leaves: What each leaf adds: a number, or one for every raw score.
    """

    target: int = 0
    features: list[int] = field(default_factory=list)
    thresholds: list[float] = field(default_factory=list)
    yes: list[int] = field(default_factory=list)
    no: list[int] = field(default_factory=list)
    missing_goes_yes: list[bool] = field(default_factory=list)
    leaves: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Forest:
    """Trees whose leaves are summed.

    Attributes:
        trees: All of them.
        base: What each raw score starts with.
        mode: How nodes compare.
        link: What makes predictions of raw scores: ``""``, ``sigmoid``,
            ``softmax`` or ``exp``.
    """

    trees: Sequence[Tree]
    base: Sequence[float]
    mode: str
    link: str = ""


def attributes(forest: Forest, dtype: Any) -> dict[str, Any]:
    """The attributes of ``ai.onnx.ml.TreeEnsembleRegressor``, version 3; numbers of `dtype`.

    Raises:
        Declined: There is not one tree.
    """
    if not forest.trees:
        raise Declined("it has no trees")
    found: dict[str, list[Any]] = {name: [] for name in (*_OF_NODES, *_OF_LEAVES)}
    for number, tree in enumerate(forest.trees):
        _append(found, tree, number, forest.mode)
    splits, weights = found.pop("splits"), found.pop("weights")
    return {
        **found,
        "nodes_values_as_tensor": _rounded(splits, forest.mode, np.dtype(dtype)),
        "target_weights_as_tensor": np.array(weights, dtype),
        "n_targets": len(forest.base),
        "aggregate_function": "SUM",
        "post_transform": "NONE",
    }


_OF_NODES = (
    "nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_modes", "nodes_truenodeids",
    "nodes_falsenodeids", "nodes_missing_value_tracks_true", "splits",
)  # fmt: skip
_OF_LEAVES = ("target_treeids", "target_nodeids", "target_ids", "weights")


def _append(found: dict[str, list[Any]], tree: Tree, number: int, mode: str) -> None:
    inner, leaves = len(tree.features), len(tree.leaves)
    rows = zip(
        [number] * (inner + leaves),
        range(inner + leaves),
        tree.features + [0] * leaves,
        [mode] * inner + ["LEAF"] * leaves,
        [_place(child, inner) for child in tree.yes] + [0] * leaves,
        [_place(child, inner) for child in tree.no] + [0] * leaves,
        [int(item) for item in tree.missing_goes_yes] + [0] * leaves,
        tree.thresholds + [0.0] * leaves,
        strict=True,
    )
    for name, column in zip(_OF_NODES, zip(*rows, strict=True), strict=True):
        found[name] += column
    for leaf, value in enumerate(tree.leaves, inner):
        scores = enumerate(value) if isinstance(value, list) else [(tree.target, value)]
        for target, weight in scores:
            found["target_treeids"].append(number)
            found["target_nodeids"].append(leaf)
            found["target_ids"].append(target)
            found["weights"].append(weight)


def _place(child: int, inner: int) -> int:
    """The number of a child where the leaves follow the inner nodes."""
    return inner - 1 - child if child < 0 else child


def _rounded(splits: list[float], mode: str, dtype: np.dtype[Any]) -> Any:
    """Thresholds that compare alike in fewer digits: a value is not above them that was not."""
    exact = np.array(splits)
    rounded = exact.astype(dtype)
    if mode != LESS_OR_EQUAL:
        return rounded
    return np.where(rounded > exact, np.nextafter(rounded, dtype.type(-np.inf)), rounded)
