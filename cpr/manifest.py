"""The manifest of a package: what it is, what it needs, what each member must be.

It lies at the root of every source distribution that `cpr package` builds, as
``cpr-manifest.json``. Together with the seal in the archive's header it makes
any change visible; it says nothing about who made the package.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cpr.errors import PackageRefused, shorten

MANIFEST_NAME = "cpr-manifest.json"
SCHEMA = "cpr.manifest/1"

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class MemberRecord:
    """What one file of the package must be."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """Everything that a package says about itself.

    `python` and `libraries` are the versions that were installed where the
    package was built; `requires_python` is a version specifier or empty.
    `predictor` holds the settings of the table ``[predictor]`` that differ
    from the defaults. `members` names every file but the manifest itself, by
    its path below the package's root. `extra_packages` names the package files
    that belong beside this one, `model` the files of the model directory that
    it was built with; both are empty where there are none. `lock` is the
    member that pins every library by hash, or empty.
    """

    name: str
    version: str
    prediction_class: str
    requirements: tuple[str, ...] = ()
    requires_python: str = ""
    python: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)
    predictor: Mapping[str, Any] = field(default_factory=dict)
    members: Mapping[str, MemberRecord] = field(default_factory=dict)
    extra_packages: Mapping[str, MemberRecord] = field(default_factory=dict)
    model: Mapping[str, MemberRecord] = field(default_factory=dict)
    lock: str = ""

    def to_bytes(self) -> bytes:
        """The manifest as canonical JSON: equal manifests give equal bytes."""
        document: dict[str, Any] = {
            "schema": SCHEMA,
            "name": self.name,
            "version": self.version,
            "prediction_class": self.prediction_class,
            "requirements": list(self.requirements),
            "requires_python": self.requires_python,
            "python": self.python,
            "libraries": dict(self.libraries),
            "predictor": dict(self.predictor),
            "members": _to_json(self.members),
        }
        given = {
            "extra_packages": _to_json(self.extra_packages),
            "model": _to_json(self.model),
            "lock": self.lock,
        }
        document |= {key: value for key, value in given.items() if value}
        text = json.dumps(document, sort_keys=True, indent=1, ensure_ascii=True, allow_nan=False)
        return text.encode("ascii") + b"\n"

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """Read and check a manifest.

        Raises:
            PackageRefused: It is not JSON, is of another schema, or a field is
                missing, unknown or of the wrong kind.
        """
        document = _load(data)
        if document.get("schema") != SCHEMA:
            raise PackageRefused(
                f"{MANIFEST_NAME} has the schema {shorten(document.get('schema'))}; "
                f"this version of cpr reads {SCHEMA!r}.",
                hint="It may come from a newer cpr: pip install --upgrade cpr",
            )
        _check_fields(document)
        return cls(
            name=document["name"],
            version=document["version"],
            prediction_class=document["prediction_class"],
            requirements=tuple(document["requirements"]),
            requires_python=document["requires_python"],
            python=document["python"],
            libraries=document["libraries"],
            predictor=document["predictor"],
            members=_records(document["members"]),
            extra_packages=_records(document.get("extra_packages", {})),
            model=_records(document.get("model", {})),
            lock=document.get("lock", ""),
        )


_KINDS: dict[str, type] = {
    "schema": str,
    "name": str,
    "version": str,
    "prediction_class": str,
    "requirements": list,
    "requires_python": str,
    "python": str,
    "libraries": dict,
    "predictor": dict,
    "members": dict,
}
_OPTIONAL_KINDS: dict[str, type] = {"extra_packages": dict, "model": dict, "lock": str}


def _load(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise PackageRefused(f"{MANIFEST_NAME} is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise PackageRefused(f"{MANIFEST_NAME} must hold a JSON object, not {shorten(document)}.")
    return document


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shorten(key)} stands there twice")
        found[key] = value
    return found


def _check_fields(document: Mapping[str, Any]) -> None:
    for key in _KINDS:
        if key not in document:
            raise PackageRefused(f"{MANIFEST_NAME} lacks the field {key!r}.")
    for key, value in document.items():
        kind = _KINDS.get(key) or _OPTIONAL_KINDS.get(key)
        if kind is None:
            raise PackageRefused(f"{MANIFEST_NAME} has an unknown field {shorten(key)}.")
        if not isinstance(value, kind):
            raise PackageRefused(
                f"{MANIFEST_NAME}: {key!r} is {shorten(value)}; expected a {kind.__name__}."
            )
    texts = [*document["requirements"], *document["libraries"].values()]
    for text in texts:
        if not isinstance(text, str):
            raise PackageRefused(f"{MANIFEST_NAME}: {shorten(text)} should be a string.")


def _to_json(records: Mapping[str, MemberRecord]) -> dict[str, Any]:
    return {name: {"sha256": one.sha256, "size": one.size} for name, one in records.items()}


def _records(entries: Mapping[str, Any]) -> dict[str, MemberRecord]:
    return {path: _member(path, entry) for path, entry in entries.items()}


def _member(path: str, entry: Any) -> MemberRecord:
    is_shaped = isinstance(entry, dict) and set(entry) == {"sha256", "size"}
    if is_shaped:
        sha256, size = entry["sha256"], entry["size"]
        is_sha256 = isinstance(sha256, str) and _SHA256.fullmatch(sha256) is not None
        if is_sha256 and type(size) is int and size >= 0:
            return MemberRecord(sha256, size)
    raise PackageRefused(
        f"{MANIFEST_NAME}: the member {shorten(path)} is described by {shorten(entry)}; "
        'expected {"sha256": "<64 hexadecimal digits>", "size": <bytes>}.'
    )
