"""Numbers as people read them, in text and on axes."""

from __future__ import annotations

import math
from dataclasses import dataclass


def figure(value: float) -> str:
    """A number to three significant digits: ``1,234`` ``12.3`` ``0.00123`` ``4.56e-07``."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "−∞"
    size = abs(value)
    if value == int(value) and size < 1e15:
        return f"{int(value):,}"
    if size >= 1e15 or size < 1e-4:
        return f"{value:.2e}"
    decimals = max(0, 2 - math.floor(math.log10(size)))
    return f"{value:,.{decimals}f}"


def duration(milliseconds: float) -> str:
    """A time in the unit that suits it: ``5.38 µs`` ``2.14 ms`` ``12.3 s``."""
    if 0 < milliseconds < 0.1:
        return f"{figure(milliseconds * 1000)} µs"
    if milliseconds >= 1000:
        return f"{figure(milliseconds / 1000)} s"
    return f"{figure(milliseconds)} ms"


def tick(value: float) -> str:
    """A round number, as short as it can be: ``0.005`` ``250`` ``20k`` ``1.5M``."""
    for power, letter in ((9, "G"), (6, "M"), (3, "k")):
        # 1,000 to 9,999 need no letter.
        if abs(value) >= max(10**power, 10_000):
            return f"{value / 10**power:.6g}{letter}"
    return f"{value:.6g}"


def share(part: int, whole: int) -> str:
    """A percentage that is 0 % or 100 % only when it is so exactly."""
    if part in (0, whole):
        return "100 %" if part and whole else "0 %"
    percent = 100 * part / whole
    return "< 0.1 %" if percent < 0.1 else "> 99.9 %" if percent > 99.9 else f"{percent:.1f} %"


def decimals(typical: float) -> int:
    """How many decimals show three digits of a typical value of a column."""
    return min(max(2 - math.floor(math.log10(typical)), 0), 6) if typical > 0 else 3


def count(number: int, noun: str) -> str:
    """A number and its noun: ``1 request``, ``2,000 requests``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@dataclass(frozen=True)
class Scale:
    """Maps values between `low` and `high` onto a drawing, evenly or by logarithm."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def at(self, value: float) -> float:
        """Where a value is drawn; what lies beyond the ends is drawn at the end."""
        part = (self._bend(value) - self._bend(self.low)) / (
            self._bend(self.high) - self._bend(self.low)
        )
        return round(self.start + min(max(part, 0.0), 1.0) * (self.end - self.start), 1)

    def _bend(self, value: float) -> float:
        return math.log(max(value, self.low)) if self.is_log else value

    def edges(self, bins: int) -> list[float]:
        """The `bins` + 1 values that cut the scale into bins of equal width as drawn."""
        low, high = self._bend(self.low), self._bend(self.high)
        cuts = (low + (high - low) * index / bins for index in range(bins + 1))
        return [math.exp(cut) if self.is_log else cut for cut in cuts]

    def ticks(self, wanted: int) -> list[float]:
        """Round values within the scale, about as many as wanted."""
        found = self._powers(wanted) if self.is_log else []
        return found if len(found) > 1 else self._even(wanted)

    def _even(self, wanted: int) -> list[float]:
        rough = (self.high - self.low) / wanted
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [float(f"{index * step:.10g}") for index in range(first, last + 1)]

    def _powers(self, wanted: int) -> list[float]:
        bottom, top = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        stride = max(1, -(-(top - bottom) // wanted))
        for factors in ((1, 2, 5), (1, 3), (1,)):
            marks = (
                float(f"{factor}e{power}")
                for power in range(bottom, top + 1, stride)
                for factor in factors
            )
            found = [mark for mark in marks if self.low <= mark <= self.high]
            if len(found) <= wanted + 1 and stride == 1:
                break
        return found


def spread(values: list[float]) -> tuple[float, float]:
    """The least and the greatest value, made different if they are one."""
    low, high = min(values), max(values)
    if high - low > 1e-9 * max(abs(high), abs(low)):
        return low, high
    room = abs(low) * 0.05 or 1.0
    return low - room, high + room
