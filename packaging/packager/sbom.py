"""A software bill of materials: what a package consists of and needs, as CycloneDX."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion

from cpr.extras import import_extra
from cpr.manifest import Manifest, MemberRecord
from cpr.packager.lock import Pin

SUFFIX = ".cdx.json"

# The namespace of serial numbers, which are derived from the package's bytes.
_NAMESPACE = uuid.UUID("fb7cf8df-3646-5c36-b158-2758b9ae33a1")


def bill_of_materials(
    manifest: Manifest, package: bytes, *, pins: Sequence[Pin], epoch: int
) -> bytes:
    """A CycloneDX 1.6 document as JSON, the same for the same package.

    It lists the libraries of the lock; without one, what the package requires
    and what was installed of it where the package was built. The extra
    packages and the files of the model directory are listed with their hashes.

    Args:
        manifest: The package's.
        package: The bytes of the package file.
        pins: The libraries of its lock; empty without one.
        epoch: The document's time, in seconds since 1970.

    Raises:
        EnvironmentProblem: The extra ``sbom`` is not installed.
    """
    bom_module = import_extra("cyclonedx.model.bom", "sbom")
    output = import_extra("cyclonedx.output.json", "sbom")
    digest = hashlib.sha256(package).hexdigest()
    root = _component(
        manifest.name,
        manifest.version,
        kind="APPLICATION",
        reference="package",
        description=f"Custom prediction routine {manifest.prediction_class}",
        hashes=_hashes([digest]),
    )
    parts = [
        *(_pinned(pin) for pin in pins),
        *([] if pins else _required(manifest)),
        *(_extra(name, record) for name, record in manifest.extra_packages.items()),
        *_model(manifest),
    ]
    bom = bom_module.Bom(
        components=parts,
        serial_number=uuid.uuid5(_NAMESPACE, digest),
        metadata=bom_module.BomMetaData(
            component=root, timestamp=datetime.fromtimestamp(epoch, tz=timezone.utc)
        ),
    )
    bom.register_dependency(root, parts)
    text: str = output.JsonV1Dot6(bom).output_as_string(indent=1)
    return text.encode("utf-8") + b"\n"


def _pinned(pin: Pin) -> Any:
    model = import_extra("cyclonedx.model", "sbom")
    found_at = model.ExternalReference(
        type=model.ExternalReferenceType.DISTRIBUTION,
        url=model.XsUri(str(_purl(pin.name, pin.version or None))),
        comment="the files that may be installed, by hash",
        hashes=_hashes(pin.sha256),
    )
    return _component(pin.name, pin.version or None, purl=True, external_references=[found_at])


def _required(manifest: Manifest) -> Iterable[Any]:
    """Without a lock: the requirements, and what was there of them and of other imports."""
    wanted: dict[str, str] = {}
    for line in manifest.requirements:
        requirement = Requirement(line)
        wanted[str(canonicalize_name(requirement.name))] = str(requirement.specifier)
    for name in sorted({*wanted, *manifest.libraries}):
        version = manifest.libraries.get(name)
        properties = {"cpr:requirement": wanted[name] or "any"} if name in wanted else {}
        yield _component(name, version, purl=True, properties=_properties(properties))


def _extra(name: str, record: MemberRecord) -> Any:
    try:
        parsed: tuple[Any, ...] = (
            parse_wheel_filename(name) if name.endswith(".whl") else parse_sdist_filename(name)
        )
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        parsed = (name, None)
    return _component(
        str(parsed[0]),
        parsed[1] and str(parsed[1]),
        reference=f"extra:{name}",
        hashes=_hashes([record.sha256]),
        properties=_properties({"cpr:file": name}),
    )


def _model(manifest: Manifest) -> list[Any]:
    if not manifest.model:
        return []
    files = [
        _component(path, None, kind="FILE", reference=f"model:{path}", hashes=_hashes([one.sha256]))
        for path, one in manifest.model.items()
    ]
    return [
        _component(
            f"{manifest.name}-model",
            manifest.version,
            kind="MACHINE_LEARNING_MODEL",
            reference="model",
            components=files,
        )
    ]


def _component(
    name: str,
    version: str | None,
    *,
    kind: str = "LIBRARY",
    reference: str = "",
    purl: bool = False,
    **more: Any,
) -> Any:
    module = import_extra("cyclonedx.model.component", "sbom")
    return module.Component(
        name=name,
        version=version,
        type=module.ComponentType[kind],
        bom_ref=reference or f"library:{name}",
        purl=_purl(name, version) if purl else None,
        **more,
    )


def _purl(name: str, version: str | None) -> Any:
    package_url = import_extra("packageurl", "sbom").PackageURL
    return package_url("pypi", name=str(canonicalize_name(name)), version=version)


def _hashes(digests: Iterable[str]) -> list[Any]:
    model = import_extra("cyclonedx.model", "sbom")
    algorithm = model.HashAlgorithm.SHA_256
    return [model.HashType(alg=algorithm, content=digest) for digest in digests]


def _properties(values: Mapping[str, str]) -> list[Any]:
    model = import_extra("cyclonedx.model", "sbom")
    return [model.Property(name=name, value=value) for name, value in values.items()]
