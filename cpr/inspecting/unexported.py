"""What a training leaves that is no exported model: checkpoints, graphs, events.

Each is shown as what it is, with the one error that it cannot be served and
how it is exported. What has nothing to show is told in an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from cpr.errors import LoadError
from cpr.inspecting.graphs import view_of
from cpr.inspecting.inspection import Graph, Inspection, ModelFile, Problem, worst_first
from cpr.inspecting.variables import read_stored, shards_of, variables_of
from cpr.savedmodel import protos
from cpr.savedmodel.layout import BINARY, holds_model
from cpr.savedmodel.skim import Malformed, Skim, skim
from cpr.savedmodel.text_form import parse_text

_SHARD = re.compile(r"(.+)\.data-\d{5}-of-\d{5}")
_EVENTS = re.compile(r".*\btfevents\b.*")
_STATE = "checkpoint"
_GRAPHS = (".pb", ".pbtxt")
_PARTS = ("variables", "assets", "assets.extra")
_NO_INPUTS = "NAME=TENSOR"
# Nodes that nothing else takes: what a graph ends in, unless they only check or group.
_NO_ENDS = {"Assert", "NoOp", "PlaceholderWithDefault", "Print", "Restore", "RestoreV2", "SaveV2"}
_VARIABLES = {"VarHandleOp", "Variable", "VariableV2"}


def is_unexported(path: Path) -> bool:
    """Whether a path is that of such a file, or what the names of a checkpoint begin with."""
    if path.is_file():
        return bool(
            path.suffix in (".index", ".meta", *_GRAPHS)
            or path.name == _STATE
            or _EVENTS.fullmatch(path.name)
            or _SHARD.fullmatch(path.name)
        )
    return not path.is_dir() and path.with_name(f"{path.name}.index").is_file()


def newest_checkpoint(folder: Path) -> Path | None:
    """What the names of a folder's newest checkpoint begin with, if it has one."""
    found = [path for path in folder.iterdir() if path.suffix == ".index" and path.is_file()]
    newest = max(found, key=lambda path: path.stat().st_mtime, default=None)
    return newest.with_suffix("") if newest else None


def refuse_parts(path: Path) -> None:
    """Refuse a path within a SavedModel, which is shown as a whole.

    Raises:
        LoadError: It is one.
    """
    is_part = path.parent.name in _PARTS or path.name in _PARTS or path.suffix in _GRAPHS
    around = path.parent.parent if path.parent.name in _PARTS else path.parent
    if is_part and holds_model(around):
        raise LoadError(
            f"{path} is a part of the SavedModel in {around}.", hint=f"cpr inspect {around}"
        )


def inspect_unexported(path: Path) -> Inspection:
    """Everything that such a file says.

    Raises:
        LoadError: It is damaged, or holds nothing to show.
    """
    refuse_parts(path)
    if _EVENTS.fullmatch(path.name):
        raise LoadError(
            f"{path} holds TensorBoard events, the figures of a training: it is no model.",
            hint=f"Look at them with `tensorboard --logdir {path.parent}`; `cpr clean` leaves "
            "them out of a copy.",
        )
    if path.name == _STATE:
        raise _state(path)
    if path.suffix == ".meta":
        return _meta_graph(path)
    if path.suffix in _GRAPHS:
        return _graph(path)
    shard = _SHARD.fullmatch(path.name)
    return _checkpoint(path.with_name(shard[1] if shard else path.name.removesuffix(".index")))


def _state(path: Path) -> LoadError:
    """Of the text file that names the newest checkpoint of a folder."""
    text = path.read_bytes()[:10_000].decode("utf-8", "replace")
    named = re.search(r'model_checkpoint_path: "([^"]+)"', text)
    newest = path.parent / named[1] if named else None
    is_there = newest is not None and is_unexported(newest)
    return LoadError(
        f"{path} only names the newest checkpoint of its folder: "
        f"{named[1] if named else 'none'}{'' if is_there else ', which is not there'}.",
        hint=f"cpr inspect {newest}" if is_there else "Name the checkpoint itself.",
    )


def _checkpoint(prefix: Path) -> Inspection:
    stored = read_stored(prefix.parent, prefix.name)
    is_second = stored.objects is not None
    return Inspection(
        path=str(prefix),
        kind="tensorflow",
        format=f"checkpoint of TensorFlow {2 if is_second else 1}",
        variables=variables_of(stored, None),
        problems=worst_first([*stored.problems, _not_exported_checkpoint(prefix, is_second)]),
        **_files(
            {prefix.with_name(f"{prefix.name}.index"): "index of variables"}
            | dict.fromkeys(shards_of(prefix).values(), "variables")
        ),
    )


def _not_exported_checkpoint(prefix: Path, is_second: bool) -> Problem:
    if is_second:
        fix = (
            "Build the model in Python, restore this into it, and export it: "
            "`cpr export-model module:function OUT`, of a function that returns it."
        )
    elif (meta := prefix.with_name(f"{prefix.name}.meta")).is_file():
        fix = f"Export it with the graph beside it, which `cpr inspect {meta}` shows."
    else:
        fix = (
            f"`cpr export-model {prefix} OUT --build module:function`, of a function that builds "
            "the graph for serving."
        )
    message = "A checkpoint holds the values of variables, and neither a graph nor signatures."
    return Problem("error", "not-exported", message, fix)


def _meta_graph(path: Path) -> Inspection:
    found = _skimmed(path, protos.MetaGraphDef, "MetaGraphDef")
    graph = view_of(found.model, path.parent, _elided(found), None)
    prefix = path.with_suffix("")
    # Of the first version of the format, a checkpoint is one file.
    file = prefix.name if prefix.is_file() else f"{prefix.name}.index"
    has_values = prefix.is_file() or is_unexported(prefix)
    flags = "" if graph.signatures else _flags(found.model.graph_def)
    fix = f"`cpr export-model {path} OUT{flags}` makes a SavedModel of it."
    message = "A MetaGraph holds the graph of a training; "
    message += f"the values of its variables are in {file} beside it."
    if not has_values:
        message = message.replace("beside it", "which is not beside it")
        fix = "Put the checkpoint beside it. Then " + fix
    return _of_graph(path, "MetaGraph", graph, Problem("error", "not-exported", message, fix))


def _graph(path: Path) -> Inspection:
    found = _skimmed(path, protos.GraphDef, "GraphDef")
    meta = protos.MetaGraphDef()
    meta.graph_def.CopyFrom(found.model)
    versions = found.model.versions
    graph = replace(
        view_of(meta, path.parent, _elided(found), None),
        facts={"producer": versions.producer, "min_consumer": versions.min_consumer},
        reached=None,
    )
    is_frozen = not any(node.op in _VARIABLES for node in found.model.node)
    if is_frozen:
        message = "A frozen graph has its weights as constants, and no signatures."
        fix = f"`cpr export-model {path} OUT{_flags(found.model)}` makes a SavedModel of it."
    else:
        message = "A graph alone has neither the values of its variables nor signatures."
        fix = "Export the model from its checkpoint: `cpr inspect` of the checkpoint says how."
    title = "frozen graph" if is_frozen else "graph without values"
    return _of_graph(path, title, graph, Problem("error", "not-exported", message, fix))


def _of_graph(path: Path, title: str, graph: Graph, problem: Problem) -> Inspection:
    form = "text" if _is_text(path) else "binary"
    return Inspection(
        path=str(path),
        kind="tensorflow",
        format=f"{title} ({form})",
        graphs=(graph,),
        problems=(problem,),
        **_files({path: "graph"}),
    )


def _files(roles: Mapping[Path, str]) -> dict[str, Any]:
    """The files that are there, the largest first, and their size."""
    there = [
        ModelFile(path.name, path.stat().st_size, role)
        for path, role in roles.items()
        if path.is_file()
    ]
    files = tuple(sorted(there, key=lambda file: -file.size))
    return {"files": files, "size": sum(file.size for file in files)}


def _elided(found: Skim) -> dict[str, int]:
    return {place: size for (_, place), size in found.elided.items()}


def _flags(graph: protos.Message) -> str:
    """Flags of an export that name the graph's inputs and outputs, as far as it tells them."""
    taken = {text.lstrip("^").partition(":")[0] for node in graph.node for text in node.input}
    inputs = [node.name for node in graph.node if node.op == "Placeholder" and node.name in taken]
    outputs = [
        node.name
        for node in graph.node
        if node.name not in taken and node.input and node.op not in _NO_ENDS
    ]
    return "".join(
        [*_pairs("--input", inputs), *_pairs("--output", outputs if len(outputs) == 1 else [])]
    )


def _pairs(flag: str, names: list[str]) -> Iterator[str]:
    for name in names or [""]:
        own = re.sub(r"\W", "_", name.rpartition("/")[2])
        yield f" {flag} {own}={name}:0" if name else f" {flag} {_NO_INPUTS}"


def _is_text(path: Path) -> bool:
    """Whether a message is in text: in binary none of these begins with a letter."""
    with path.open("rb") as file:
        return file.read(200).lstrip()[:1].isalpha()


def _skimmed(path: Path, message: Any, name: str) -> Skim:
    try:
        if _is_text(path):
            found = Skim(parse_text(path.read_text("utf-8"), message))
        else:
            found = skim(path, message)
    except (
        OSError, UnicodeDecodeError, RecursionError,
        protos.DecodeError, text_format.ParseError, Malformed,
    ) as error:  # fmt: skip
        raise LoadError(
            f"{path} is no {name} of TensorFlow, or is damaged.", hint="Copy it again, in binary."
        ) from error
    graph = found.model if name == "GraphDef" else found.model.graph_def
    if graph.node:
        return found
    raise LoadError(
        f"{path} holds no graph of TensorFlow.",
        hint=f"A SavedModel is called {BINARY}, and lies in a directory of its own.",
    )
