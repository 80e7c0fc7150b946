"""From a command line, the environment and a project's file to `ServeOptions`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from cpr.archive import is_package_file
from cpr.artifacts.fetch import is_url
from cpr.artifacts.local_path import local_path
from cpr.config import Settings, load_settings, model_dir_of
from cpr.errors import UsageError, shorten
from cpr.server.access import Access
from cpr.server.options import ServeOptions
from cpr.server.tls import ssl_context
from cpr.server.version_sources import (
    ALL,
    LATEST,
    find_versions,
    fitted,
    numbered,
    version_of_package,
)
from cpr.sources import open_sources

NAME = "default"

# Settings of the server itself; the others go to the routines too.
_OWN_TABLES = ("serve", "check", "replay")
# Fields of ServeOptions that have another name, or another form, as settings.
_RENAMED = {
    "versions": "version_policy",
    "predict_route": "aip_predict_route",
    "health_route": "aip_health_route",
}


def serve_options(
    targets: Sequence[str] = (),
    model_dir: str | None = None,
    *,
    opening: Mapping[str, Any] | None = None,
    flags: Mapping[str, Any] | None = None,
    log_level: str = "warning",
    environ: Mapping[str, str] | None = None,
) -> ServeOptions:
    """Resolve and check everything that a run of the server needs; imports no user code.

    Args:
        targets: As `cpr.serving.open_routine` takes one; several must be
            package files, each a version. None, with nothing else that says
            what to serve, is the current directory.
        model_dir: A model directory or a directory of numbered ones; else the
            project's own.
        opening: The other keywords of `open_routine`, for every version.
        flags: Settings that win over all others: ``{"serve.port": 0}``.
        log_level: Of the processes.
        environ: Environment variables; the process's own by default.

    Raises:
        UsageError: The flags do not go together, or a target is none.
        ConfigError: A setting, a token file or a TLS file is wrong.
        LoadError: The model directory is not there.
    """
    opening = _opening(opening or {}, flags or {})
    if not (targets or model_dir or opening.keys() & {"prediction_class", "packages"}):
        targets = ["."]
    targets = [_absolute_target(target) for target in targets]
    folder = _project(targets)
    settings = load_settings(folder, flags=flags, environ=environ, is_server=True)
    base_dir = _model_dir(model_dir, settings)
    policy = _policy(settings.serve.versions, targets, base_dir, opening)
    versions = find_versions(targets, base_dir, opening=opening, policy=policy)
    options = ServeOptions(
        **_values(settings),
        model_name=_model_name(settings, targets, base_dir, opening),
        versions=versions,
        default_version=versions[-1].name,
        targets=tuple(targets),
        base_dir=base_dir,
        opening=opening,
        version_policy=policy,
        samples=_absolute(settings.serve.samples),
        log_level=log_level,
    )
    _check_access(options, settings)
    _check_routes(options)
    return options


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _absolute_target(target: str) -> str:
    if is_url(target):
        return target
    location, colon, name = target.rpartition(":")
    if colon and location.endswith(".py"):
        return f"{Path(location).expanduser().absolute()}:{name}"
    path = Path(target).expanduser()
    return str(path.absolute()) if path.exists() else target


def _project(targets: Sequence[str]) -> Path | None:
    """The project directory whose settings apply; checks that the targets are some."""
    folder = None
    for target in targets:
        if not (is_package_file(Path(target)) and (is_url(target) or Path(target).is_file())):
            with open_sources(target) as sources:
                folder = sources.folder
    return folder if len(targets) == 1 else None


def _opening(given: Mapping[str, Any], flags: Mapping[str, Any]) -> dict[str, Any]:
    """Keywords of `open_routine` as JSON values, paths in them absolute; none that are empty."""
    keywords = {key: _plain(value) for key, value in given.items()}
    packages = [_absolute_target(package) for package in given.get("packages", ())]
    key = given.get("require_signature")
    own = {name: _plain(v) for name, v in flags.items() if _is_of_routine(name, v)}
    keywords |= {"packages": packages, "require_signature": _absolute(key or ""), "flags": own}
    return {key: value for key, value in keywords.items() if value}


def _is_of_routine(key: str, value: Any) -> bool:
    return value is not None and value != () and key.partition(".")[0] not in _OWN_TABLES


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _absolute(path: str) -> str:
    return path and str(Path(path).expanduser().absolute())


def _model_dir(model_dir: str | None, settings: Settings) -> str:
    """The model directory, absolute or a URL; "" leaves it to the routine to ask for one."""
    if not (model_dir or settings.project.model_dir):
        return ""
    found = model_dir_of(model_dir, settings)
    return found if is_url(found) else str(local_path(found))


def _policy(given: str, targets: Sequence[str], base_dir: str, opening: Mapping[str, Any]) -> str:
    """Which numbered directories to serve; "" where the model directory is one itself."""
    has_class = bool(targets or opening.get("prediction_class") or opening.get("packages"))
    is_numbered = bool(base_dir and len(targets) < 2 and numbered(base_dir, has_class=has_class))
    if not is_numbered and given not in (LATEST, ALL):
        raise UsageError(
            f"versions are named ({given}), but "
            + (f"{base_dir} holds no numbered directories." if base_dir else "nothing has any."),
            hint="Put each model into a folder of its number, such as model/1/ and model/2/.",
        )
    return given if is_numbered else ""


def _values(settings: Settings) -> dict[str, Any]:
    """The options that are settings, under the names that they have there."""
    tables = {**vars(settings.serve), **vars(settings.limits)}
    taken = {item.name for item in fields(ServeOptions)} - {"model_name", "versions", "samples"}
    values = {_RENAMED.get(key, key): value for key, value in tables.items()}
    values["batch_window_ms"] = settings.batching.window_ms
    values["max_batch_size"] = settings.batching.max_batch_size
    del values["version_policy"]
    for key in ("token_file", "tls_cert", "tls_key", "tls_client_ca", "admin"):
        values[key] = _absolute(values[key])
    if values["access_log"] != "-":
        values["access_log"] = _absolute(values["access_log"])
    return {key: value for key, value in values.items() if key in taken}


def _model_name(
    settings: Settings, targets: Sequence[str], base_dir: str, opening: Mapping[str, Any]
) -> str:
    """What the model is called in paths, unless a setting says it: the nearest name there is."""
    given = settings.serve.model_name
    if given:
        if given != fitted(given, ""):
            raise UsageError(
                f"the model name {given!r} cannot stand in a path.",
                hint="Use letters, digits, dots, underscores and hyphens.",
            )
        return given
    target = targets[-1] if targets else ""
    candidates = [
        settings.project.name,
        _name_of_target(target),
        opening.get("prediction_class", "").rpartition(".")[2],
        _name_of_directory(base_dir),
    ]
    return next((fitted(name, "") for name in candidates if fitted(name, "")), NAME)


def _name_of_target(target: str) -> str:
    if not target:
        return ""
    if is_package_file(Path(target)):
        return version_of_package(target)[0]
    if Path(target).is_dir():
        return Path(target).name
    return Path(target).stem if target.endswith(".py") else re.split(r"[:.]", target)[-1]


def _name_of_directory(base_dir: str) -> str:
    parts = [part for part in PurePosixPath(urlsplit(base_dir).path).parts if part.strip("/")]
    while parts and parts[-1].isdigit():
        parts.pop()
    return parts[-1] if parts else ""


def _check_access(options: ServeOptions, settings: Settings) -> None:
    """Refuse to be open to others by accident, and files that cannot be used."""
    origin = settings.origins.get("serve.host", "")
    is_guarded = options.token_file or options.tls_client_ca or options.insecure
    if not (is_loopback(options.host) or is_guarded or origin == "AIP_HTTP_PORT"):
        raise UsageError(
            f"others could reach {options.host}, and anybody who does may predict.",
            hint="Give --token-file FILE (see cpr token), or --tls-client-ca FILE, or say "
            "--insecure where a proxy or a closed network guards it.",
        )
    ssl_context(options)
    Access.from_options(options)


def _check_routes(options: ServeOptions) -> None:
    """Refuse paths of the user's own that no request could have."""
    for what, path in (
        ("predict", options.aip_predict_route),
        ("health", options.aip_health_route),
    ):
        if path and not path.startswith("/"):
            raise UsageError(
                f"the {what} route {shorten(path)} is not a path.",
                hint=f"Begin it with a slash: /{path}",
            )
