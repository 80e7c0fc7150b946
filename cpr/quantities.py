"""Numbers in settings: what they may be, and the units that may follow them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cpr.errors import ConfigError, shorten

_NUMBER = re.compile(r"\s*([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z]*)\s*")

SIZES = {"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
DURATIONS = {"ms": 1e-3, "s": 1, "m": 60, "h": 3600}
MILLISECONDS = {"us": 1e-3, "ms": 1, "s": 1e3}


@dataclass(frozen=True)
class Quantity:
    """What a number may be: from `low` to `high`, or one of `also`.

    `units` are the suffixes that text may end in, in lower case, with what
    they multiply by; `noun` is what a message calls the number.
    """

    noun: str
    low: float
    high: float
    also: tuple[float, ...] = ()
    units: Mapping[str, float] = field(default_factory=dict)
    is_whole: bool = True

    def read(self, value: object, where: str) -> int | float:
        """The number that a value stands for: itself, or text such as ``8MB``.

        Raises:
            ConfigError: It is no number, or out of range, naming `where`.
        """
        number = self._number(value)
        fits = number is not None and (self.low <= number <= self.high or number in self.also)
        if number is None or not fits or (self.is_whole and number != int(number)):
            raise ConfigError(f"{where} is {shorten(value)}; expected {self._expected()}.")
        return int(number) if self.is_whole else float(number)

    def _number(self, value: object) -> float | None:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return value if math.isfinite(value) else None
        found = _NUMBER.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            return None
        unit = found[2].lower()
        if unit and unit not in self.units:
            return None
        # Rounded: 16.1 * 1e6 is not whole, and was meant to be.
        return round(float(found[1]) * self.units.get(unit, 1), 6)

    def _expected(self) -> str:
        instead = "".join(f"{value:g} or " for value in self.also)
        bounds = f"{instead}{self.noun} from {_plain(self.low)} to {_plain(self.high)}"
        return f'{bounds}, such as 250, "16MB" or "2MiB"' if self.units is SIZES else bounds


def _plain(number: float) -> str:
    return f"{int(number):,}" if number == int(number) else f"{number:g}"
