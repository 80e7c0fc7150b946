"""The functions in the files that ``cpr compile`` wrote, for each runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cpr.artifacts.compiled import Compiled
from cpr.errors import PredictionFailed
from cpr.predictors._litert_runner import LiteRTFunction
from cpr.predictors._onnx_session import open_session, reason
from cpr.runtimes.signatures import TensorSpec
from cpr.wire.tensors import Array


class OnnxFunction:
    """A file whose inputs and outputs are called as the signature's are."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._names = [item.name for item in session.get_outputs()]

    def __call__(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run it; raises PredictionFailed where that fails."""
        try:
            found = self._session.run(self._names, feeds)
        except Exception as error:
            raise PredictionFailed(f"The model failed: {reason(error)}") from error
        return dict(zip(self._names, found, strict=True))

    def close(self) -> None:
        """Free the session."""
        del self._session


def open_function(compiled: Compiled, entry: Mapping[str, Any]) -> Any:
    """Load the file of an entry of the record; raises LoadError where the runtime refuses it."""
    path = compiled.folder / entry["file"]
    if compiled.runtime == "onnx":
        return OnnxFunction(open_session(path))
    if compiled.runtime == "litert":
        return LiteRTFunction(path)
    # It imports TensorFlow's session, which the other runtimes do without.
    from cpr.runtimes.xla_function import XlaFunction

    inputs, rows = within(entry)["inputs"], entry.get("writers", {})
    specs = specs_of(inputs)
    return XlaFunction(
        path,
        {item["name"]: specs[alias] for alias, item in inputs.items()},
        list(
            dict.fromkeys(
                item["name"]
                for alias, item in entry["outputs"].items()
                if "row" not in rows.get(alias, ())
            )
        ),
        compiled.model["batch_sizes"],
    )


def within(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """An entry as its file has it: with features as inputs, where it takes examples."""
    return {**entry, "inputs": entry["examples"]["inputs"]} if "examples" in entry else entry


def specs_of(tensors: Mapping[str, Any]) -> dict[str, TensorSpec]:
    """The inputs or outputs of an entry."""
    return {
        alias: TensorSpec(
            item["tensor"],
            item["dtype"],
            None if item["shape"] is None else tuple(item["shape"]),
        )
        for alias, item in tensors.items()
    }
