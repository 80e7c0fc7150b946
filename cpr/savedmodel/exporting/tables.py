"""Rows of mixed columns inside a graph: what fused transformers pass on to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cpr.errors import UsageError


@dataclass(frozen=True)
class Table:
    """Columns of a batch, as blocks of shape ``[batch, columns]``: float64 or string."""

    blocks: tuple[Any, ...]

    @property
    def width(self) -> int:
        """How many columns there are."""
        return sum(int(block.shape[1]) for block in self.blocks)

    def column(self, index: int) -> Any:
        """One column, of shape ``[batch]``."""
        block, at = self._find(index)
        return self.blocks[block][:, at]

    def take(self, tf: Any, indices: Sequence[int]) -> Table:
        """These columns, in this order; neighbours stay in one block."""
        runs: list[tuple[int, list[int]]] = []
        for index in indices:
            block, at = self._find(index)
            if runs and runs[-1][0] == block:
                runs[-1][1].append(at)
            else:
                runs.append((block, [at]))
        return Table(tuple(self._cut(tf, block, places) for block, places in runs))

    def matrix(self, tf: Any) -> Any:
        """All columns as one block of float64.

        Raises:
            UsageError: One of them holds strings.
        """
        if any(block.dtype.name == "string" for block in self.blocks):
            raise UsageError(
                "the transformer makes text of a column; a model takes numbers.",
                hint="Encode it, with OneHotEncoder or OrdinalEncoder, or drop it.",
            )
        numbers = [tf.cast(block, tf.float64) for block in self.blocks]
        return numbers[0] if len(numbers) == 1 else tf.concat(numbers, axis=1)

    def is_text(self, index: int) -> bool:
        """Whether a column holds strings."""
        return bool(self.blocks[self._find(index)[0]].dtype.name == "string")

    def _find(self, index: int) -> tuple[int, int]:
        for number, block in enumerate(self.blocks):
            if index < block.shape[1]:
                return number, index
            index -= int(block.shape[1])
        raise IndexError(index)

    def _cut(self, tf: Any, block: int, places: list[int]) -> Any:
        tensor = self.blocks[block]
        if places == list(range(int(tensor.shape[1]))):
            return tensor
        return tf.gather(tensor, places, axis=1)


def joined(tables: Sequence[Table]) -> Table:
    """Tables side by side."""
    return Table(tuple(block for table in tables for block in table.blocks))
