"""Good and broken versions of the fault predictor, put where a server reloads from."""

from __future__ import annotations

import shutil
from pathlib import Path

from running_server import FAULTS

KINDS_OF_BREAKAGE = ("import", "load", "output", "warmup", "hang")
"""Import error, load error, wrong output, crash in warm-up, hang in load."""


class Version:
    """The file of a predictor that is edited in place, as a developer does it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "predictor.py"
        self.revision = 1
        (folder / "model").mkdir()
        shutil.copy(FAULTS, self.path)

    def next_good(self) -> int:
        """Write a version that works; its revision."""
        self.revision += 1
        self._write("", "")
        return self.revision

    def broken(self, kind: str) -> None:
        """Write a version that must not be served."""
        if kind == "import":
            self._write("", "import no_module_of_this_name\n")
        else:
            self._write(kind, "")

    def repair(self) -> None:
        """Write the last good version again."""
        self._write("", "")

    def _write(self, breakage: str, more: str) -> None:
        text = FAULTS.read_text(encoding="utf-8")
        text = text.replace("REVISION = 1\n", f"REVISION = {self.revision}\n")
        text = text.replace('BROKEN = ""\n', f'BROKEN = "{breakage}"\n')
        beside = self.path.with_suffix(".new")
        beside.write_text(text + more, encoding="utf-8")
        beside.replace(self.path)
