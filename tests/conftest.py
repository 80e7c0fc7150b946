"""Lets the tests import the checkout, whether or not `cpr` is installed."""

import signal
from pathlib import Path

import cpr

ROOT = Path(__file__).resolve().parent.parent

# A checkout keeps cpr.predictors and cpr.packager in root folders of their own
# (setup.py maps them); `python -m pytest` puts the checkout first on sys.path.
if Path(cpr.__file__).parent.parent == ROOT:
    for folder in (ROOT, ROOT / "packaging"):
        if str(folder) not in cpr.__path__:
            cpr.__path__.append(str(folder))

# A shell starts its background jobs with Ctrl-C ignored, and children inherit
# that: what is tested is a command that can be interrupted.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
