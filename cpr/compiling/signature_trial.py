"""What a signature model is tried with: every signature, on instances of its own shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cpr.compiling.example_instances import ExampleInstances
from cpr.compiling.instances import (
    Bounds,
    SignatureInstances,
    find_bounds,
    fixed_count,
    words_of,
)
from cpr.compiling.trial import Variant, answer
from cpr.errors import BadInput
from cpr.runtimes.signatures import choose
from cpr.savedmodel.samples.features import Feature

_ASSET_BYTES = 4 << 20


class SignatureTrial:
    """Tries each signature of a SavedModel or a Keras model.

    Args:
        predictor: The original.
        folder: Of the model; vocabularies among its assets give texts.
        facts: From an earlier trial of the same model; found out anew if None.
        features: What each signature of serialized examples looks for.
        is_careful: Whether to try no shapes that are not declared: some end
            the process, in TensorFlow itself. They are taken for refused.
    """

    def __init__(
        self,
        predictor: Any,
        folder: Path,
        facts: Mapping[str, Any] | None = None,
        *,
        features: Mapping[str, Sequence[Feature]] | None = None,
        is_careful: bool = False,
    ) -> None:
        self._is_careful = is_careful or bool(facts and facts["is_careful"])
        words = words_of(_vocabulary(folder))
        signatures = predictor.signatures
        self._signatures = signatures
        self.variants = [
            Variant(
                name,
                parameters={"signature_name": name, "probabilities": True},
                count=fixed_count(signature),
            )
            for name, signature in signatures.items()
        ]
        self._features = features or {}
        self._instances = {name: self._made(name, None, words) for name in signatures}
        if facts is None:
            found = {variant.name: self._find_out(predictor, variant) for variant in self.variants}
            facts = {"signatures": found, "is_careful": is_careful}
        self.facts = dict(facts)
        for name in signatures:
            bounds = {
                alias: (low, high)
                for alias, (low, high) in self.facts["signatures"][name]["bounds"].items()
            }
            self._instances[name] = self._made(name, bounds, words)

    def is_meant(self, request: Mapping[str, Any], variant: Variant) -> bool:
        """Whether a given request is for a signature."""
        try:
            return choose(self._signatures, request.get("signature_name")).name == variant.name
        except BadInput:
            return False

    def scores(
        self, predictor: Any, instances: list[Any], variant: Variant
    ) -> tuple[Any, list[Any]] | None:
        """None: scores are outputs of their own."""
        return None

    def instances(self, variant: Variant, count: int, number: int) -> list[Any]:
        """Instances of a signature."""
        return self._instances[variant.name].make(count, number)

    def odd_instances(self, variant: Variant) -> list[list[Any]]:
        """Instances of shapes that are not declared, and integers beyond what is taken."""
        made = self._instances[variant.name]
        bounds = self.facts["signatures"][variant.name]["bounds"]
        beyond = [
            made.constant(value, alias, count=2)
            for alias, (low, high) in bounds.items()
            for value in (low - 1, high + 1)
            if -(2**31) < value < 2**31 - 1
        ]
        beyond += made.odd() if isinstance(made, ExampleInstances) else []
        return beyond if self._is_careful else [*made.misshapen(0), *beyond]

    def _made(
        self, name: str, bounds: Bounds | None, words: Sequence[str]
    ) -> SignatureInstances | ExampleInstances:
        if name in self._features:
            return ExampleInstances(self._features[name], bounds, words)
        return SignatureInstances(self._signatures[name], bounds, words)

    def _find_out(self, predictor: Any, variant: Variant) -> dict[str, Any]:
        made = self._instances[variant.name]

        def accepts(instances: list[Any]) -> bool:
            return not isinstance(answer(predictor, instances, variant), Exception)

        signature = predictor.signatures[variant.name]
        signature = made.signature if isinstance(made, ExampleInstances) else signature
        bounds = find_bounds(signature, made, accepts)
        refused = [
            isinstance(answer(predictor, odd, variant), BadInput)
            for number in range(0 if self._is_careful else 2)
            for odd in made.misshapen(number)
        ]
        kept = {alias: list(pair) for alias, pair in bounds.items()}
        return {"bounds": kept, "is_strict": all(refused)}


def _vocabulary(folder: Path) -> list[str]:
    lines: list[str] = []
    for path in sorted((folder / "assets").rglob("*")):
        if path.is_file() and path.stat().st_size <= _ASSET_BYTES:
            lines += path.read_text(encoding="utf-8", errors="ignore").splitlines()
    return lines
