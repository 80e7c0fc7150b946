"""What is explained of an instance: its features, their names, and what they are compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cpr.errors import BadInput
from cpr.explaining.examples import Close, opened
from cpr.explaining.leaves import by_feature, leaves, like, rebuilder, zero
from cpr.explaining.metadata import InputMetadata, Metadata
from cpr.wire.b64 import decode_b64
from cpr.wire.tensors import describe


@dataclass(frozen=True)
class Subject:
    """One instance to explain.

    Attributes:
        instance: As it came.
        values: Its leaves.
        free: The positions of those that are explained; the others stay.
        baselines: What they are compared with, each a list of leaves.
        rebuild: Makes an instance of leaves.
        name: Makes the answer's object of features of an attribution a leaf.
        is_opened: Whether leaves are features of serialized Examples in it.
    """

    instance: Any
    values: list[Any]
    free: list[int]
    baselines: list[list[Any]]
    rebuild: Callable[[Sequence[Any]], Any]
    name: Callable[[Sequence[float]], Mapping[str, Any]]
    is_opened: bool = False


@dataclass(frozen=True)
class Subjects:
    """Makes subjects, of the instances of one request.

    Attributes:
        names: What the features of a flat row are called, or the only input.
        metadata: What is beside the model, if anything.
        aliases: The keys of inputs in an instance, by their tensors' names.
        baselines: Those of the request, in place of the metadata's.
        opens_examples: Whether the features of a serialized Example are explained,
            or the Example as one value.
    """

    names: Sequence[str] = ()
    metadata: Metadata | None = None
    aliases: Mapping[str, str] | None = None
    baselines: Sequence[Any] = ()
    opens_examples: bool = True

    def of(self, instance: Any, number: int) -> Subject:
        """The subject of an instance, `number` in its request.

        Raises:
            BadInput: It has no features, or a baseline another form.
        """
        shown, close = opened(instance) if self.opens_examples else (instance, None)
        values = leaves(shown)
        entries = self._entries(shown)
        free = _positions(shown, entries)
        if not free:
            raise BadInput(
                f"instances[{number}] is {describe(instance)}, without a value to explain.",
                hint="Send a list of features, or an object of them.",
            )
        return Subject(
            instance,
            values,
            free,
            self._baselines(shown, values, entries),
            _rebuilder(shown, close),
            lambda attributions: self._named(shown, attributions, entries),
            is_opened=close is not None,
        )

    def _entries(self, instance: Any) -> dict[str | int, InputMetadata]:
        """The metadata's inputs, by their keys in an instance, or positions in a row."""
        inputs = self.metadata.inputs if self.metadata is not None else ()
        if isinstance(instance, dict):
            keys = {entry: self._key(entry, instance) for entry in range(len(inputs))}
            found = {key: inputs[at] for at, key in keys.items() if key is not None}
            return {key: found[key] for key in instance if key in found} if found else {}
        if isinstance(instance, list) and len(inputs) == len(instance) > 1:
            return dict(enumerate(inputs))
        return {}

    def _key(self, number: int, instance: Mapping[str, Any]) -> str | None:
        assert self.metadata is not None
        entry = self.metadata.inputs[number]
        known = (entry.tensor, (self.aliases or {}).get(entry.tensor, ""), entry.name)
        return next((key for key in known if key in instance), None)

    def _whole(self) -> InputMetadata | None:
        """The metadata's only input, which stands for a whole bare instance."""
        inputs = self.metadata.inputs if self.metadata is not None else ()
        return inputs[0] if len(inputs) == 1 else None

    def _baselines(
        self, instance: Any, values: list[Any], entries: Mapping[str | int, InputMetadata]
    ) -> list[list[Any]]:
        if self.baselines:
            return [
                like(_shown(value), instance, what=f"explain.baselines[{at}]")
                for at, value in enumerate(self.baselines)
            ]
        zeros = list(map(zero, values))
        if not entries:
            whole = None if isinstance(instance, dict) else self._whole()
            given = whole.baselines if whole is not None else ()
            return [like(value, instance, what=self._baseline(whole)) for value in given] or [zeros]
        count = max(len(entry.baselines) for entry in entries.values())
        return [self._mixed(instance, entries, at) for at in range(count)] or [zeros]

    def _mixed(
        self, instance: Any, entries: Mapping[str | int, InputMetadata], number: int
    ) -> list[Any]:
        """One baseline, from those of each input; where an input has one, it is of all."""
        found: list[Any] = []
        for key, part in _parts(instance):
            entry = entries.get(key)
            given = entry.baselines if entry is not None else ()
            if not given:
                found += map(zero, leaves(part))
                continue
            value = given[min(number, len(given) - 1)]
            found += like(value, part, what=self._baseline(entry))
        return found

    def _baseline(self, entry: InputMetadata | None) -> str:
        assert self.metadata is not None
        return f"{self.metadata.source}: inputs.{entry.name if entry else ''}.input_baselines"

    def _named(
        self,
        instance: Any,
        attributions: Sequence[float],
        entries: Mapping[str | int, InputMetadata],
    ) -> Mapping[str, Any]:
        if not entries:
            whole = None if isinstance(instance, dict) else self._whole()
            names = self.names
            if whole is not None:
                names = whole.features or (
                    names if isinstance(instance, list) and len(names) == len(instance) > 1
                    else [whole.name]
                )  # fmt: skip
            found: Mapping[str, Any] = by_feature(attributions, instance, names)
            return found
        found = {}
        start = 0
        for key, part in _parts(instance):
            count = len(leaves(part))
            entry = entries.get(key)
            if entry is not None:
                own = attributions[start : start + count]
                names = entry.features if len(entry.features) == count else [entry.name]
                found |= (
                    dict(zip(names, own, strict=True))
                    if len(names) == count
                    else {entry.name: rebuilder(part)(own)}
                )
            start += count
        return found


def _rebuilder(shown: Any, close: Close | None) -> Callable[[Sequence[Any]], Any]:
    rebuild = rebuilder(shown)
    return rebuild if close is None else lambda values: close(rebuild(values))


def _shown(baseline: Any) -> Any:
    """A baseline as instances are shown: it may be a serialized Example too."""
    return opened(decode_b64(baseline, "explain.baselines"))[0]


def _parts(instance: Any) -> list[tuple[str | int, Any]]:
    return list(instance.items() if isinstance(instance, dict) else enumerate(instance))


def _positions(instance: Any, entries: Mapping[str | int, InputMetadata]) -> list[int]:
    """Which leaves are explained: all, or those of the inputs that the metadata names."""
    if not entries:
        return list(range(len(leaves(instance))))
    found: list[int] = []
    start = 0
    for key, part in _parts(instance):
        count = len(leaves(part))
        if key in entries:
            found += range(start, start + count)
        start += count
    return found
