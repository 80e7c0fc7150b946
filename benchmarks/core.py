"""What the framework itself costs, in CPU time: `make bench-core`.

Three tables: one serving call around a predictor that does nothing; each
ready-made predictor beside its model called directly; the command line's
start. Cases of a table are interleaved round by round, and the minimum over
the rounds is shown: the machine is noisy, so read the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from models import CASES, DirectCase

import cpr
from cpr.messages import Call

ECHO = """
class Echo:
    @classmethod
    def from_path(cls, model_dir):
        return cls()

    def predict(self, instances, **kwargs):
        return instances


class Joined(Echo):
    batchable = True
"""
JOINED = "1 x 4, of 64 joined"
ECHO_SHAPES = {"1 x 4": (1, 4), "64 x 4": (64, 4), "64 x 784": (64, 784)}
GOALS_US = {"1 x 4": 15.0, JOINED: 4.0}
GOAL_START_MS = 150.0


def main() -> int:
    """Run all tables; exit 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of tables")
    parser.add_argument("--only", choices=sorted(CASES), action="append")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = {
            "call": bench_call(Path(folder), arguments.rounds),
            "predictors": [
                bench_predictor(case, Path(folder), arguments.rounds)
                for name, case in CASES.items()
                if not arguments.only or name in arguments.only
            ],
            "start": bench_start(min(arguments.rounds, 7)),
        }
    print(json.dumps(report, indent=1) if arguments.json else text(report))
    met = all(report["call"][shape] <= goal for shape, goal in GOALS_US.items())
    return 0 if met and report["start"]["cpr --help"] <= GOAL_START_MS else 1


def bench_call(folder: Path, rounds: int) -> dict[str, float]:
    """Microseconds of decode, dispatch and encode for one call, by request shape."""
    (folder / "echo.py").write_text(ECHO)
    calls = {}
    for name, (rows, width) in ECHO_SHAPES.items():
        values = [[(i * width + j) / 7 for j in range(width)] for i in range(rows)]
        calls[name] = [Call(orjson.dumps({"instances": values}))]
    target, model_dir = f"{folder / 'echo.py'}:", str(folder)
    with (
        cpr.open_routine(f"{target}Echo", model_dir) as alone,
        cpr.open_routine(f"{target}Joined", model_dir) as joined,
    ):
        company = calls["1 x 4"] * 64
        for reply in [alone.answer(call)[0] for call in calls.values()] + joined.answer(company):
            assert reply.is_ok, reply.body
        work = {name: lambda call=call: alone.answer(call) for name, call in calls.items()}
        us = interleaved(work | {JOINED: lambda: joined.answer(company)}, rounds)
    return us | {JOINED: us[JOINED] / 64}


def bench_predictor(case: DirectCase, folder: Path, rounds: int) -> dict[str, Any]:
    """Microseconds of the model called directly, and through predictor and serving."""
    model_dir = folder / case.name
    model_dir.mkdir()
    rows = case.build(model_dir)
    result: dict[str, Any] = {"name": case.name, "rows": {}}
    with cpr.open_routine(None, str(model_dir)) as routine:
        direct = case.load(model_dir)
        for count in (1, 64):
            part = rows[:count]
            instances = part.tolist()
            call = [Call(orjson.dumps({"instances": instances}))]
            agree(direct(part), routine.answer(call)[0].body, case.name)
            work: dict[str, Callable[[], Any]] = {
                "direct": lambda part=part: direct(part),
                "predictor": lambda instances=instances: routine.predictor.predict(instances),
                "serving": lambda call=call: routine.answer(call),
            }
            result["rows"][str(count)] = interleaved(work, rounds)
    return result


def bench_start(rounds: int) -> dict[str, float]:
    """Milliseconds of CPU, of the whole process, until the command line has answered."""
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "cpr --version": [sys.executable, "-m", "cpr", "--version"],
        "cpr --help": [sys.executable, "-m", "cpr", "--help"],
    }
    best = dict.fromkeys(commands, float("inf"))
    for _ in range(rounds):
        for name, command in commands.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            best[name] = min(best[name], spent * 1e3)
    return best


def interleaved(work: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """The least CPU microseconds per call of each piece of work, over interleaved rounds."""
    repeats = {name: _repeats(call) for name, call in work.items()}
    best = dict.fromkeys(work, float("inf"))
    for _ in range(rounds):
        for name, call in work.items():
            start = time.process_time_ns()
            for _ in range(repeats[name]):
                call()
            best[name] = min(best[name], (time.process_time_ns() - start) / repeats[name] / 1e3)
    return best


def _repeats(call: Callable[[], Any], target_s: float = 0.05) -> int:
    """How often to call, so that one round takes about `target_s`."""
    call()
    start = time.perf_counter()
    call()
    return max(1, min(20_000, int(target_s / max(time.perf_counter() - start, 1e-7))))


def agree(direct: Any, body: bytes, name: str) -> None:
    """Correctness before speed: both ways must give the same predictions."""
    import numpy as np

    document = orjson.loads(body)
    assert "predictions" in document, (name, body)
    ours = np.asarray(document["predictions"], dtype=float)
    np.testing.assert_allclose(
        ours.reshape(-1), np.asarray(direct).reshape(-1), rtol=1e-4, atol=1e-5, err_msg=name
    )


def text(report: dict[str, Any]) -> str:
    """The report as aligned tables."""
    lines = [
        f"CPU time, minimum over rounds; Python {sys.version.split()[0]}, {os.cpu_count()} cores"
    ]
    lines += ["", "one serving call, echo predictor        µs"]
    for shape, us in report["call"].items():
        goal = f"   goal {GOALS_US[shape]:g}" if shape in GOALS_US else ""
        lines.append(f"  {shape:<32} {us:>9.1f}{goal}")
    lines += [
        "",
        f"{'predictor, µs (ratio)':<24} rows {'direct':>9} {'predictor':>16} {'serving':>16}",
    ]
    for case in report["predictors"]:
        for rows, us in case["rows"].items():
            ratios = [
                f"{us[k]:>9.1f} ({us[k] / us['direct']:.2f})" for k in ("predictor", "serving")
            ]
            start = f"  {case['name']:<22} {rows:>4} {us['direct']:>9.1f}"
            lines.append(f"{start} {ratios[0]:>16} {ratios[1]:>16}")
    lines += ["", "command line                            ms"]
    for name, ms in report["start"].items():
        goal = f"   goal {GOAL_START_MS:g}" if name == "cpr --help" else ""
        lines.append(f"  {name:<32} {ms:>9.0f}{goal}")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
