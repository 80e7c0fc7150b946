"""Progress: drawn late, for a person only."""

import os
import pty
import subprocess
import sys

import pytest

SCRIPT = """
import sys
from cpr.cli import output
output.PROGRESS_AFTER_S = float(sys.argv[1])
with output.progress("working", 3, is_quiet=sys.argv[2] == "quiet") as advance:
    for _ in range(3):
        advance()
print("rich" in sys.modules, flush=True)
"""


SHARES = """
from cpr.cli import output
output.PROGRESS_AFTER_S = -1
with output.shares("fetching") as show:
    show(0, 0)
    for done in (100, 500, 400, 2_000):
        show(done, 1_000)
"""


def run(after_s, mode="", *, script=SCRIPT, **environ):
    """What the script draws on a terminal as standard error, and whether it imported rich."""
    master, slave = pty.openpty()
    clean = {key: value for key, value in os.environ.items() if key not in ("CI", "NO_COLOR")}
    done = subprocess.run(
        [sys.executable, "-c", script, str(after_s), mode],
        stdout=subprocess.PIPE,
        stderr=slave,
        text=True,
        env={**clean, "TERM": "xterm", **environ},
        check=True,
    )
    os.close(slave)
    drawn = b""
    while True:
        try:
            chunk = os.read(master, 4096)
        except OSError:
            break
        if not chunk:
            break
        drawn += chunk
    os.close(master)
    return drawn.decode(), done.stdout.strip() == "True"


def test_slow_work_has_a_bar():
    drawn, has_rich = run(after_s=-1)
    assert has_rich
    assert "working" in drawn
    assert "3/3" in drawn


def test_work_without_steps_is_drawn_in_hundredths():
    drawn, _ = run(-1, script=SHARES)
    assert "fetching" in drawn
    assert "100/100" in drawn


def test_no_color_draws_without_colour():
    assert "\x1b[3" in run(after_s=-1)[0].replace("\x1b[?25", "")
    assert "\x1b[38" not in run(after_s=-1, NO_COLOR="1")[0]


@pytest.mark.parametrize(
    ("after_s", "mode", "environ"),
    [(1000, "", {}), (-1, "quiet", {}), (-1, "", {"CI": "true"}), (-1, "", {"TERM": "dumb"})],
    ids=["fast", "quiet", "ci", "dumb-terminal"],
)
def test_otherwise_nothing_is_drawn_and_rich_is_not_imported(after_s, mode, environ):
    assert run(after_s, mode, **environ) == ("", False)


def test_without_a_terminal_nothing_is_drawn():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "-1", ""], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("False\n", "")
