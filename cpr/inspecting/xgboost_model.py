"""An XGBoost model: JSON, UBJSON or the old binary form, without XGBoost.

Only the ends of the file are read: the keys stand in alphabetical order, so that
the trees, nearly all of it, lie between what describes the model.
"""

from __future__ import annotations

import re
from pathlib import Path

from cpr.errors import LoadError
from cpr.inspecting.inspection import Graph, Inspection, SignatureView, Tensor
from cpr.inspecting.single_file import single_file

_END = 1 << 18
_TEXTS = ("num_feature", "num_class", "num_target", "base_score", "num_trees", "num_parallel_tree")
# What the binary form of old has among its first fields.
_OLD = re.compile(rb"gbtree|gblinear|dart|binf|reg:|binary:|multi:|rank:|count:|survival:")
_VERSION = re.compile(rb'version"?\s*:?\s*\[([\d,\s]*)\]')
# More features than this are none that a model has.
_COUNT = re.compile(r"[0-9]{1,9}")
_MOST_TEXT = 200


def inspect_file(path: Path) -> Inspection:
    """Everything that the ends of an XGBoost file say.

    Raises:
        LoadError: It is no XGBoost model.
    """
    with path.open("rb") as file:
        head = file.read(_END)
        file.seek(max(len(head), path.stat().st_size - _END))
        ends = head + file.read()
    form = _form(head)
    if fault := _fault(form, ends):
        raise LoadError(
            f"{path} is not an XGBoost model, or is damaged: {fault}.",
            hint="Copy it again, in binary mode, or save it again with Booster.save_model.",
        )
    facts: dict[str, str | bool | int] = {}
    for key in _TEXTS:
        value = _text_after(ends, key.encode())
        if value and value != "0":
            facts[key] = value
    objective = _objective(ends)
    if objective:
        facts["objective"] = objective
    found = _VERSION.search(ends) if form == "XGBoost JSON" else None
    if found:
        facts["XGBoost"] = ".".join(part.strip().decode() for part in found[1].split(b","))
    names = _feature_names(ends) if form == "XGBoost JSON" else ()
    features = str(facts.get("num_feature", ""))
    graph = Graph(signatures=_signatures(int(features))) if _COUNT.fullmatch(features) else None
    return single_file(
        path,
        "xgboost",
        form,
        facts=facts,
        graphs=(graph,) if graph else (),
        contents={"Features": tuple({"name": name} for name in names)} if names else {},
    )


def _form(head: bytes) -> str:
    if head.lstrip()[:1] != b"{":
        return "XGBoost binary"
    return "XGBoost JSON" if head.lstrip()[1:2] in b'"\n\r\t ' else "XGBoost UBJSON"


def _fault(form: str, ends: bytes) -> str:
    if form == "XGBoost binary":
        return "" if _OLD.search(ends[:1024]) else "it names no booster"
    if b"learner" not in ends:
        return "it has no 'learner'"
    return "" if ends.rstrip().endswith(b"}") else "it ends too early"


def _text_after(data: bytes, key: bytes) -> str:
    """The text under a key: in JSON between quotes, in UBJSON after its length."""
    found = re.search(rb'"' + key + rb'"\s*:\s*"([^"]*)"', data)
    if found:
        return found[1][:_MOST_TEXT].decode("utf-8", "replace")
    start = data.find(key + b"S")
    if start < 0:
        return ""
    place = start + len(key) + 1
    width = {ord("L"): 8, ord("l"): 4, ord("I"): 2, ord("i"): 1, ord("U"): 1}.get(
        data[place] if place < len(data) else 0, 0
    )
    size = int.from_bytes(data[place + 1 : place + 1 + width], "big") if width else 0
    text = data[place + 1 + width : place + 1 + width + min(size, _MOST_TEXT)]
    return text.decode("utf-8", "replace")


def _objective(data: bytes) -> str:
    """The learner's objective: the name that follows the last such key."""
    start = data.rfind(b"objective")
    return _text_after(data[start : start + 4096], b"name") if start >= 0 else ""


def _feature_names(data: bytes) -> tuple[str, ...]:
    found = re.search(rb'"feature_names"\s*:\s*\[([^\]]*)\]', data)
    texts = re.findall(rb'"((?:[^"\\]|\\.)*)"', found[1]) if found else []
    return tuple(text.decode("utf-8", "replace") for text in texts)


def _signatures(features: int) -> tuple[SignatureView, ...]:
    row = [0.0] * min(features, 10_000)
    inputs = (Tensor("features", "float32", (None, features)),)
    sample = {"instances": [row]} if features <= len(row) else None
    return (SignatureView("predict", "", inputs, (), sample),)
