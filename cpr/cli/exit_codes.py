"""The exit codes of the command line: stable, and documented from this table."""

from __future__ import annotations

FINDINGS = 1
USAGE = 2
BUG = 70
INTERRUPTED = 130
# What a shell reports for a process that SIGPIPE ended.
OUTPUT_CLOSED = 141
TERMINATED = 143

EXIT_CODES: dict[int, str] = {
    0: "Fine.",
    FINDINGS: "Findings: a check or a request failed, or a value is beyond tolerance.",
    USAGE: "Usage: an unknown command or flag, flags that contradict each other, no such target.",
    3: "Configuration: a configuration file, environment variable or project file is invalid.",
    10: "Load: the predictor could not be built from its package and model directory.",
    11: "Input: the instances or parameters cannot be used.",
    12: "Run: a ready-made predictor's model failed on the request.",
    13: "Output: what predict returned cannot be written as a response.",
    14: "User code: the predictor's own class is wrong or raised.",
    20: "Environment: an extra is missing, the disk is full, there is no network.",
    BUG: "A bug in cpr itself: the traceback is saved to a file whose path is printed.",
    INTERRUPTED: "Interrupted by Ctrl-C.",
    OUTPUT_CLOSED: "The reader of standard output went away, as in `cpr … | head`.",
    TERMINATED: "Ended by SIGTERM, after cleaning up.",
}
