"""The promises of docs/reliability.md, in short form: the scripts themselves, with few requests.

Counts and behaviour are asserted here; figures of time are for `make robustness`,
on a machine that has nothing else to do.
"""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "benchmarks" / "robustness"
SHORT = {
    "faults": [],
    "losses": ["--requests=600", "--kills=2", "--restarts=1", "--good=1", "--broken=5"],
    "poison": ["--requests=100", "--poison=2", "--connections=8"],
    "recovery": ["--rounds=1", "--no-latency"],
    "deadlines": ["--hangs=1", "--request-timeout=1", "--no-latency"],
    "json_documents": ["--deep=3"],
    "malformed_http": ["--header-timeout=1", "--body-timeout=2", "--no-latency"],
    "fuzz_http": ["--streams=500", "--growth=100"],
    "large_bodies": ["--bytes=50000000", "--megabytes=40"],
    "slow_clients": ["--each=20", "--seconds=1", "--timeout=2", "--no-latency"],
    "idle_connections": ["--connections=500", "--seconds=1", "--no-latency"],
    "overload": ["--times=8", "--seconds=1", "--no-latency"],
}


@pytest.mark.parametrize("name", SHORT)
def test_promise_is_kept(name):
    ran = subprocess.run(
        [sys.executable, SCRIPTS / f"{name}.py", *SHORT[name]], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
