"""What an export reports: where it is, what it holds, and how it was proven."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cpr.savedmodel.exporting.verifying import Proof
from cpr.savedmodel.meta_graph import TensorSpec, signatures, tags
from cpr.savedmodel.reader import read_saved_model


@dataclass(frozen=True)
class ExportedSignature:
    """One signature: its method, and its inputs and outputs as ``float32 [any, 3]``."""

    name: str
    method: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    proof: Proof


@dataclass(frozen=True)
class Exported:
    """A published export.

    Attributes:
        path: The SavedModel directory.
        source: What it was made from, in words.
        signatures: Those of every MetaGraph.
        size_bytes: The whole directory.
        removed: Old exports that the policy did not keep.
        notes: What a person should know, one line each.
    """

    path: Path
    source: str
    signatures: tuple[ExportedSignature, ...]
    size_bytes: int
    removed: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


def describe(path: Path, source: str, proofs: Sequence[Proof]) -> Exported:
    """The report of an export, as its files say it."""
    declared = {
        (tags(graph), name): signature
        for graph in read_saved_model(path).meta_graphs
        for name, signature in signatures(graph).items()
    }
    shown = []
    for proof in proofs:
        found = declared[tuple(sorted(set(proof.tags))), proof.signature]
        shown.append(
            ExportedSignature(
                found.name,
                found.method_name.rpartition("/")[2],
                {name: _in_words(spec) for name, spec in found.inputs.items()},
                {name: _in_words(spec) for name, spec in found.outputs.items()},
                proof,
            )
        )
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return Exported(path, source, tuple(shown), size)


def _in_words(spec: TensorSpec) -> str:
    if spec.shape is None:
        return f"{spec.dtype}, any shape"
    return f"{spec.dtype} [{', '.join('any' if s is None else str(s) for s in spec.shape)}]"
