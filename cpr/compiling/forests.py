"""The trees of gradient-boosted models, read from each library's own form."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from cpr.compiling.declined import Declined
from cpr.compiling.trees import LESS, LESS_OR_EQUAL, Forest, Tree

_Link = tuple[str, Callable[[float], float]]


def _same(value: float) -> float:
    return value


def _logit(value: float) -> float:
    return math.log(value / (1 - value))


# XGBoost keeps its base score as a prediction, not as a raw score.
_XGBOOST_LINKS: dict[str, _Link] = {
    "binary:logistic": ("sigmoid", _logit),
    "reg:logistic": ("sigmoid", _logit),
    "binary:logitraw": ("", _logit),
    "multi:softprob": ("softmax", _same),
    "multi:softmax": ("class", _same),
    "count:poisson": ("exp", math.log),
    "reg:gamma": ("exp", math.log),
    "reg:tweedie": ("exp", math.log),
    "reg:squarederror": ("", _same),
    "reg:absoluteerror": ("", _same),
    "reg:pseudohubererror": ("", _same),
    "reg:quantileerror": ("", _same),
    "rank:pairwise": ("", _same),
    "rank:ndcg": ("", _same),
    "rank:map": ("", _same),
}
_LIGHTGBM_LINKS = {
    "binary": "sigmoid",
    "multiclass": "softmax",
    **dict.fromkeys(("poisson", "gamma", "tweedie"), "exp"),
    **dict.fromkeys(("regression", "regression_l1", "huber", "fair", "quantile", "mape"), ""),
    **dict.fromkeys(("lambdarank", "rank_xendcg"), ""),
}
_SCIKIT_LINKS = {"IdentityLink": "", "LogLink": "exp"}


def of_histogram_boosting(estimator: Any) -> Forest:
    """The trees of scikit-learn's HistGradientBoosting models."""
    if getattr(estimator, "_preprocessor", None) is not None:
        raise Declined("it splits on categories, which are not converted")
    trees = [
        _of_nodes(predictor.nodes, target)
        for iteration in estimator._predictors
        for target, predictor in enumerate(iteration)
    ]
    base = [float(value) for value in estimator._baseline_prediction.ravel()]
    if hasattr(estimator, "classes_"):
        link = "sigmoid" if len(base) == 1 else "softmax"
    else:
        link = _known(_SCIKIT_LINKS, type(estimator._loss.link).__name__, "link")
    return Forest(trees, base, LESS_OR_EQUAL, link)


def of_scikit_trees(estimator: Any) -> Forest:
    """The trees of scikit-learn's decision trees and forests; what they answer is the mean."""
    members = getattr(estimator, "estimators_", [estimator])
    is_classifier = hasattr(estimator, "classes_")
    if getattr(estimator, "n_outputs_", 1) != 1:
        raise Declined("it has several outputs")
    trees = []
    for member in members:
        tree = member.tree_
        is_leaf = tree.children_left == -1
        place = _places(is_leaf.tolist())
        values = tree.value[is_leaf][:, 0, :]
        if is_classifier:
            values = values / values.sum(axis=1, keepdims=True)
        missing = getattr(tree, "missing_go_to_left", is_leaf)
        trees.append(
            Tree(
                0,
                tree.feature[~is_leaf].tolist(),
                tree.threshold[~is_leaf].tolist(),
                [place[child] for child in tree.children_left[~is_leaf].tolist()],
                [place[child] for child in tree.children_right[~is_leaf].tolist()],
                missing[~is_leaf].astype(bool).tolist(),
                (values / len(members)).tolist(),
            )
        )
    count = len(estimator.classes_) if is_classifier else 1
    return Forest(trees, [0.0] * count, LESS_OR_EQUAL, "probabilities" if is_classifier else "")


def of_xgboost(booster: Any) -> Forest:
    """The trees of an XGBoost Booster."""
    model = json.loads(bytes(booster.save_raw("json")))["learner"]
    boosting = model["gradient_booster"]
    if boosting["name"] != "gbtree":
        raise Declined(f"its booster is {boosting['name']}; gbtree is converted")
    link, to_raw = _known(_XGBOOST_LINKS, model["objective"]["name"], "objective")
    targets = boosting["model"]["tree_info"]
    trees = [
        _of_xgboost_tree(tree, target)
        for tree, target in zip(boosting["model"]["trees"], targets, strict=True)
    ]
    told = json.loads(model["learner_model_param"]["base_score"].replace("E+", "E"))
    base = [to_raw(float(value)) for value in (told if isinstance(told, list) else [told])]
    count = max(int(model["learner_model_param"]["num_class"]), max(targets, default=0) + 1)
    if len(base) == 1:
        base *= count
    return Forest(trees, base, LESS, link)


def of_lightgbm(booster: Any) -> Forest:
    """The trees of a LightGBM Booster."""
    model = booster.dump_model()
    words = model.get("objective", "regression").split()
    link = _known(_LIGHTGBM_LINKS, words[0], "objective")
    if model.get("average_output") or (link == "sigmoid" and "sigmoid:1" not in words):
        raise Declined(f"its objective {' '.join(words)!r} is not converted")
    count = int(model["num_tree_per_iteration"])
    trees = []
    for item in model["tree_info"]:
        if item.get("num_cat"):
            raise Declined("it splits on categories, which are not converted")
        tree = Tree(target=item["tree_index"] % count)
        _add_lightgbm(tree, item["tree_structure"])
        trees.append(tree)
    return Forest(trees, [0.0] * count, LESS_OR_EQUAL, link)


def _of_nodes(nodes: Any, target: int) -> Tree:
    if nodes["is_categorical"].any():
        raise Declined("it splits on categories, which are not converted")
    place = _places(nodes["is_leaf"].astype(bool).tolist())
    inner = nodes[~nodes["is_leaf"].astype(bool)]
    return Tree(
        target,
        inner["feature_idx"].tolist(),
        inner["num_threshold"].tolist(),
        [place[child] for child in inner["left"].tolist()],
        [place[child] for child in inner["right"].tolist()],
        inner["missing_go_to_left"].astype(bool).tolist(),
        nodes["value"][nodes["is_leaf"].astype(bool)].tolist(),
    )


def _of_xgboost_tree(tree: Mapping[str, Any], target: int) -> Tree:
    if any(tree.get("split_type", ())) or int(tree["tree_param"].get("size_leaf_vector", 1)) > 1:
        raise Declined("it splits on categories or has vectors in its leaves")
    left, right = tree["left_children"], tree["right_children"]
    is_leaf = [child == -1 for child in left]
    place = _places(is_leaf)
    inner = [number for number, leaf in enumerate(is_leaf) if not leaf]
    values = tree["split_conditions"]
    return Tree(
        target,
        [tree["split_indices"][n] for n in inner],
        [values[n] for n in inner],
        [place[left[n]] for n in inner],
        [place[right[n]] for n in inner],
        [bool(tree["default_left"][n]) for n in inner],
        [values[n] for n, leaf in enumerate(is_leaf) if leaf],
    )


def _add_lightgbm(tree: Tree, root: Mapping[str, Any]) -> int:
    """Add a node with all below it; returns its number, as `Tree` has it."""
    if "leaf_value" in root:
        tree.leaves.append(float(root["leaf_value"]))
        return -len(tree.leaves)
    if root["decision_type"] != "<=" or root["missing_type"] == "Zero":
        raise Declined(f"it splits by {root['decision_type']}, missing {root['missing_type']}")
    number, threshold = len(tree.features), float(root["threshold"])
    tree.features.append(int(root["split_feature"]))
    tree.thresholds.append(threshold)
    # Where training saw nothing missing, NaN counts as 0.
    is_nan = root["missing_type"] == "NaN"
    tree.missing_goes_yes.append(bool(root["default_left"]) if is_nan else threshold >= 0)
    tree.yes.append(0)
    tree.no.append(0)
    tree.yes[number] = _add_lightgbm(tree, root["left_child"])
    tree.no[number] = _add_lightgbm(tree, root["right_child"])
    return number


def _places(is_leaf: list[bool]) -> list[int]:
    """Each node's number among the inner nodes, or ``-1 - leaf``."""
    found, nodes, leaves = [], 0, 0
    for leaf in is_leaf:
        found.append(-1 - leaves if leaf else nodes)
        leaves, nodes = leaves + leaf, nodes + (not leaf)
    return found


def _known(table: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in table:
        raise Declined(f"its {what} {name!r} is not converted")
    return table[name]
