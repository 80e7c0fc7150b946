"""Remarks about a package that could be built all the same."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One remark; `id` is stable, so that scripts can look for it."""

    id: str
    message: str
    file: str = ""
    line: int = 0
    fix: str = ""
    severity: str = "warning"

    def to_json(self) -> dict[str, Any]:
        """The finding as a JSON object."""
        return asdict(self)


LOOSE_FILE = "CPR201"
UNPACKED_IMPORT = "CPR202"
SKIPPED_OPTION = "CPR203"
SKIPPED_LINK = "CPR204"
NOT_A_MODULE = "CPR205"
