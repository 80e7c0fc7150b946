"""Opens an Estimator's directory: the SavedModel that was exported into it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from cpr.errors import LoadError
from cpr.savedmodel import bundle, protos
from cpr.savedmodel.dtypes import dtype_name
from cpr.savedmodel.exports import find_exports
from cpr.savedmodel.instead import no_saved_model
from cpr.savedmodel.migrating.saved_model_v1 import open_saved_model_v1
from cpr.savedmodel.optimizer_state import is_optimizer_state
from cpr.savedmodel.servable import Servable, SourceOptions
from cpr.savedmodel.sorted_table import DamagedIndex

_SHOWN = 8
# What a head's outputs are called.
_PREDICTION = re.compile(r"(^|/)predictions/(probabilities|logistic|logits|predictions|scores)$")


def open_estimator(tf: Any, source: Path, options: SourceOptions) -> Servable:
    """Open the newest SavedModel that an Estimator exported below its directory.

    Raises:
        LoadError: It holds checkpoints only; the message says what is needed.
        UsageError: It holds exports in several places.
    """
    found = find_exports(source)
    if found is None:
        raise _checkpoints_only(source)
    return open_saved_model_v1(tf, found.chosen, options)


def _checkpoints_only(folder: Path) -> LoadError:
    prefixes = sorted(folder.glob("*.index"), key=lambda path: path.stat().st_mtime)
    names = [path.stem for path in prefixes]
    if not prefixes:
        return no_saved_model(folder)
    latest = prefixes[-1].with_suffix("")
    try:
        entries = bundle.read_index(prefixes[-1])
    except (DamagedIndex, OSError) as error:
        return LoadError(
            f"{prefixes[-1]} is no checkpoint's index, or is damaged: {error}.",
            hint="Copy it again, in binary mode, or remove it to take the one before.",
        )
    variables = [
        f"{name} {list(entry.shape)}"
        for name, entry in entries.items()
        if not is_optimizer_state(name) and entry.shape
    ]
    hint = (
        "Needed is the function that builds the serving graph, with the model function's layers: "
        f"build=…, --build module:name, and {latest} as the source. "
        f"Its variables are {_some(variables)}."
    )
    meta = latest.with_name(f"{latest.name}.meta")
    if meta.is_file():
        hint += (
            f"\nOr take the training graph: {meta} as the source, with tensors of it as inputs "
            f"(--input x=NAME:0) and outputs (--output y=NAME:0). {_tensors(meta)}"
        ).rstrip()
    return LoadError(
        f"{folder} holds checkpoints ({', '.join(names)}), but no SavedModel that an Estimator "
        "exported.",
        hint=hint,
    )


def _tensors(meta: Path) -> str:
    """What of a training graph may be its inputs and outputs."""
    try:
        graph = protos.MetaGraphDef.FromString(meta.read_bytes()).graph_def
    except (OSError, protos.DecodeError):
        return ""
    inputs = [
        f"{node.name}:{index} {dtype_name(dtype)}"
        for node in graph.node
        if node.op in ("IteratorGetNext", "QueueDequeueManyV2")
        for index, dtype in enumerate(
            (node.attr.get("output_types") or node.attr["component_types"]).list.type
        )
    ]
    outputs = [f"{node.name}:0" for node in graph.node if _PREDICTION.search(node.name)]
    said = [f"Its input pipeline gives {_some(inputs)}."] if inputs else []
    return " ".join([*said, *([f"It predicts {_some(outputs)}."] if outputs else [])])


def _some(items: list[str]) -> str:
    return ", ".join(items[:_SHOWN]) + (", …" if len(items) > _SHOWN else "")
