"""What this process has used so far: memory and processor time."""

from __future__ import annotations

import re
import resource
import sys
import time
from pathlib import Path


def peak_rss_bytes() -> int:
    """The most memory that the process has had at once.

    Where there is ``/proc`` it is read from there: what getrusage tells starts
    with the peak of the process that started this one.
    """
    try:
        status = Path("/proc/self/status").read_text("ascii", "replace")
    except OSError:
        status = ""
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    if found:
        return int(found[1]) * 1024
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def usage() -> dict[str, float]:
    """Peak memory and processor time, as every answer of a child carries them."""
    return {"peak_rss_bytes": peak_rss_bytes(), "cpu_s": time.process_time()}


def current_rss_bytes() -> int:
    """The memory that the process has now; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return 0
    return pages * resource.getpagesize()


def available_bytes() -> int:
    """The memory that the machine can still give; 0 where the system does not tell."""
    try:
        told = Path("/proc/meminfo").read_text("ascii")
    except OSError:
        return 0
    found = re.search(r"^MemAvailable:\s+(\d+) kB", told, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
