"""Writes a signature for TensorFlow's XLA, if that can compile it, and soon enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter

from cpr.compiling.declined import Declined
from cpr.compiling.frozen import FrozenGraph
from cpr.errors import LoadError
from cpr.runtimes.signatures import Signature, TensorSpec
from cpr.runtimes.xla_function import XlaFunction

# A server waits for it at each start, and so does each worker.
_LONGEST_S = 30.0


def powers_up_to(largest: int) -> list[int]:
    """The batch sizes to compile for: no request is filled up to twice its length."""
    return [1 << power for power in range((largest - 1).bit_length() + 1)]


def write_for_xla(
    signature: Signature, frozen: FrozenGraph, sizes: Sequence[int], path: Path
) -> None:
    """Write a signature's graph, and compile it once to see that it can be.

    Raises:
        Declined: XLA cannot compile it, or not for a few batch sizes alone.
    """
    specs = {frozen.inputs[alias]: spec for alias, spec in signature.inputs.items()}
    for alias, spec in signature.inputs.items():
        if None in (spec.shape or ())[1:]:
            raise Declined(f"the size of {alias!r} varies, and XLA compiles for each anew")
        if spec.dtype == "string":
            raise Declined(f"{alias!r} holds text, which XLA does not know")
    if not signature.has_batch_dimension:
        raise Declined("it does not declare any number of instances for each input and output")
    path.write_bytes(frozen.graph.SerializeToString())
    try:
        _try(path, specs, list(dict.fromkeys(frozen.outputs.values())), sizes)
    except (Declined, LoadError) as error:
        path.unlink()
        raise Declined(str(error.args[0]).replace(f" {path}", " it")) from error


def _try(
    path: Path, inputs: Mapping[str, TensorSpec], outputs: Sequence[str], sizes: Sequence[int]
) -> None:
    start = perf_counter()
    # The least one tells whether it can be compiled at all, and soon.
    for tried in (sizes[:1], sizes):
        XlaFunction(path, inputs, outputs, tried).close()
        seconds = perf_counter() - start
        if seconds * len(sizes) / len(tried) > _LONGEST_S:
            raise Declined(
                f"XLA takes {seconds:.0f} s to compile it for batches of "
                f"{', '.join(map(str, tried))}, at each start"
            )
