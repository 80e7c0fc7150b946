"""Optional libraries: imported where needed, named clearly when missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from cpr.errors import EnvironmentProblem


def import_extra(module: str, extra: str) -> ModuleType:
    """Import a library that only the named extra of `cpr` installs.

    Raises:
        EnvironmentProblem: The library is not installed, or is installed and
            cannot be imported; the two are told apart.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        if missing.partition(".")[0] == module.partition(".")[0]:
            problem = f"this needs the library {missing!r}, which is not installed"
        else:
            problem = f"the library {module!r} is installed, but needs {missing!r}, which is not"
        raise EnvironmentProblem(problem, hint=f"pip install 'cpr[{extra}]'") from error
    except Exception as error:
        # A missing shared library is an OSError, one built for another numpy a ValueError.
        raise EnvironmentProblem(
            f"the library {module!r} is installed but cannot be imported: "
            f"{type(error).__name__}: {error}",
            hint=f"Reinstall it: pip install --force-reinstall 'cpr[{extra}]'",
        ) from error
