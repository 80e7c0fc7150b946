"""From the functions of a source to the signatures of an export, one stage after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cpr.errors import UsageError
from cpr.savedmodel.exporting.batches import with_any_batch
from cpr.savedmodel.exporting.function_source import servable_function
from cpr.savedmodel.exporting.fused_transformer import FusedTransformer
from cpr.savedmodel.exporting.fusing import with_labels, with_postprocessing, with_preprocessing
from cpr.savedmodel.exporting.heads import Head, as_heads, function_of, with_outputs
from cpr.savedmodel.exporting.receivers import with_examples
from cpr.savedmodel.exporting.samples import given_arrays
from cpr.savedmodel.exporting.structures import held_by
from cpr.savedmodel.exporting.transformers import is_transformer
from cpr.savedmodel.layout import DEFAULT_SIGNATURE
from cpr.savedmodel.servable import Servable, ServableFunction


@dataclass(frozen=True)
class Plan:
    """What every signature passes through; the fields are the arguments of `export`."""

    preprocess: Any
    postprocess: Callable[..., Any] | None
    inputs: Mapping[str, Any]
    examples: Mapping[str, Any] | None
    any_batch: bool
    samples: Any

    def with_graphs(self, tf: Any) -> Plan:
        """The plan with a transformer of scikit-learn made a function of tensors."""
        if not is_transformer(self.preprocess):
            return self
        return replace(self, preprocess=FusedTransformer(tf, self.preprocess))

    def holders(self, wanted: Iterable[Mapping[str, Any] | None]) -> list[Any]:
        """Whatever may own the tables that the caller's own functions use."""
        heads = [head for signatures in wanted for head in (signatures or {}).values()]
        own = [getattr(head, "function", head) for head in heads]
        functions = [self.preprocess, self.postprocess, *own]
        return [held for function in functions if callable(function) for held in held_by(function)]

    def signatures_of(
        self, tf: Any, servable: Servable, wanted: Mapping[str, Any] | None
    ) -> dict[str, ServableFunction]:
        """The signatures of one MetaGraph; equal heads share one function."""
        heads = as_heads(wanted, servable)
        if DEFAULT_SIGNATURE not in heads:
            raise UsageError(
                f"none of the signatures {', '.join(map(repr, heads))} is "
                f"{DEFAULT_SIGNATURE!r}, which answers requests that name none.",
                hint=f"Name one so: signatures={{{DEFAULT_SIGNATURE!r}: …}}, "
                f"--signature {DEFAULT_SIGNATURE}=FUNCTION.",
            )
        made: list[tuple[Head, Any, ServableFunction]] = []
        signatures = {}
        for name, head in heads.items():
            samples = self._samples_of(name)
            function = next((f for h, s, f in made if h == head and s is samples), None)
            if function is None:
                function = self._function(tf, servable, name, head, samples)
                made.append((head, samples, function))
            signatures[name] = function
        return signatures

    def _function(
        self, tf: Any, servable: Servable, name: str, head: Head, samples: Any
    ) -> ServableFunction:
        function = function_of(head, servable, lambda own: servable_function(tf, own, self.inputs))
        if self.preprocess is not None:
            function = with_preprocessing(tf, function, self.preprocess, self.inputs)
        if self.postprocess is not None:
            function = with_postprocessing(tf, function, self.postprocess)
        function = with_outputs(function, head)
        if head.labels:
            function = with_labels(tf, function, list(head.labels))
        if self.any_batch:
            function = with_any_batch(tf, function)
        what = f"samples of {name!r}"
        if samples:
            arrays = given_arrays(samples, function.inputs, what)
            function = replace(function, examples=arrays, has_own_examples=True)
        features = head.examples or self.examples
        return with_examples(tf, function, features) if features else function

    def _samples_of(self, name: str) -> Any:
        if isinstance(self.samples, Mapping):
            return self.samples.get(name)
        return self.samples
