"""Runs the command line as ``python -m cpr``."""

import os
import sys

if __name__ == "__main__":
    # `python -m` puts the current directory first on sys.path, where a
    # predictor.py that happens to lie there would hide the package's own.
    is_safe = getattr(sys.flags, "safe_path", False)  # Python 3.11
    if not is_safe and sys.path[0] in ("", os.getcwd()):  # noqa: PTH109 - start-up
        del sys.path[0]

    from cpr.cli import main

    sys.exit(main())
