"""A real server for the tests: `cpr serve` in processes of its own, on a free port.

The modules of benchmarks/robustness are importable here: the scripts and the
tests show the same promises with the same tools.
"""

import sys
from pathlib import Path

import pytest

ROBUSTNESS = Path(__file__).resolve().parents[2] / "benchmarks" / "robustness"
if str(ROBUSTNESS) not in sys.path:
    sys.path.append(str(ROBUSTNESS))


@pytest.fixture
def serve():
    """Start `cpr serve` with the given arguments; all of its processes end with the test.

    Returns a `running_server.RunningServer`: its url, host, port and pid, its ready
    document, and post, get, predict, workers, fronts, stop and kill.
    """
    from running_server import RunningServer

    started = []

    def start(*arguments, **options):
        server = RunningServer(*(str(argument) for argument in arguments), **options)
        started.append(server)
        return server

    yield start
    for server in started:
        server.__exit__(None, None, None)


@pytest.fixture
def faults():
    """The path of the predictor that does what an instance says, as a target."""
    return f"{ROBUSTNESS / 'fault_predictor.py'}:FaultPredictor"
