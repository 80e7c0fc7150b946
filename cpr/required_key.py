"""Which signature, if any, the packages of a target must have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpr.config import load_settings
from cpr.signatures import PublicKey


@dataclass(frozen=True)
class RequiredKey:
    """The key that package files must be signed by.

    `covers_target` is false where a project's own file asks for it: the
    project directory is trusted then, its further packages are not.
    """

    key: PublicKey
    covers_target: bool = True


def required_key(
    given: str | Path | None, target: str | None, flags: Mapping[str, Any] | None
) -> RequiredKey | None:
    """The key that the caller names, else the setting ``package.require_signature``.

    Raises:
        UsageError: The key cannot be read, or is none.
    """
    if given:
        return RequiredKey(PublicKey.read(Path(given).expanduser()))
    folder = Path(target) if target and Path(target).is_dir() else None
    settings = load_settings(folder, flags=flags)
    named = settings.package.require_signature
    if not named:
        return None
    origin = Path(settings.origins["package.require_signature"])
    if origin.suffix == ".toml":
        path = origin.parent / Path(named).expanduser()
        return RequiredKey(PublicKey.read(path), covers_target=False)
    return RequiredKey(PublicKey.read(Path(named).expanduser()))
