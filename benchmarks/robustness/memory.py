"""What processes hold: resident memory, its peak, and descriptors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_MB = 1e6


def resident_mb(pids: Sequence[int]) -> float:
    """Resident megabytes of the processes together."""
    return sum(_status_kb(pid, "VmRSS") for pid in pids) * 1024 / _MB


def peak_mb(pids: Sequence[int]) -> float:
    """The largest resident megabytes that each has had since `forget_peak`, added up."""
    return sum(_status_kb(pid, "VmHWM") for pid in pids) * 1024 / _MB


def forget_peak(pids: Sequence[int]) -> None:
    """Count the peak from now on."""
    for pid in pids:
        (Path("/proc") / str(pid) / "clear_refs").write_text("5")


def descriptors(pids: Sequence[int]) -> int:
    """Open descriptors of the processes together."""
    return sum(len(list((Path("/proc") / str(pid) / "fd").iterdir())) for pid in pids)


def threads(pids: Sequence[int]) -> int:
    """Threads of the processes together."""
    return sum(len(list((Path("/proc") / str(pid) / "task").iterdir())) for pid in pids)


def slope_per_minute(samples: Sequence[tuple[float, float]]) -> float:
    """Growth a minute of (seconds, value) samples, as a share of their mean: least squares."""
    count = len(samples)
    mean_s = sum(s for s, _ in samples) / count
    mean = sum(value for _, value in samples) / count
    spread = sum((s - mean_s) ** 2 for s, _ in samples)
    rise = sum((s - mean_s) * (value - mean) for s, value in samples)
    return 60 * rise / spread / mean if spread and mean else 0.0


def _status_kb(pid: int, name: str) -> int:
    for line in (Path("/proc") / str(pid) / "status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0
