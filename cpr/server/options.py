"""What one run of the server is told: resolved, checked, and the same in every process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from cpr.settings_tables import BatchingSettings, LimitsSettings, ServeSettings


@dataclass(frozen=True)
class VersionSource:
    """One version of the model: its name, and how a worker opens it.

    `open_with` holds keywords of `cpr.serving.open_routine`, JSON values only,
    local paths in them absolute. `watch` are the files and folders that
    change when the version does.
    """

    name: str
    open_with: Mapping[str, Any] = field(default_factory=dict)
    watch: tuple[str, ...] = ()


@dataclass(frozen=True)
class ServeOptions:
    """Everything that the supervisor, its fronts and its workers need.

    Made once by `cpr.server.resolving` from flags, environment and file, and
    passed to child processes as JSON. 0 means "no bound" where a bound is
    meant, and "" that something is not used. The defaults are those of the
    settings tables.

    `versions` are the versions to serve, the default one named by
    `default_version`. `targets`, `base_dir`, `opening` and `version_policy`
    say where they came from, for `cpr.server.version_sources.rescan` to look again.
    `samples` is a file or directory of requests, "" for those of the project.
    `admin` is the path of the admin socket, "" for `admin_path` of the port.
    `workers` counts processes for each version. `b64`, `nonfinite` and the
    like are not here: they are settings of the predictor, which
    `open_routine` resolves.
    """

    # What is served.
    model_name: str = "default"
    versions: tuple[VersionSource, ...] = ()
    default_version: str = ""
    targets: tuple[str, ...] = ()
    base_dir: str = ""
    opening: Mapping[str, Any] = field(default_factory=dict)
    version_policy: str = ServeSettings.versions
    samples: str = ServeSettings.samples
    watch: bool = ServeSettings.watch

    # Where.
    host: str = ServeSettings.host
    port: int = ServeSettings.port
    fronts: int = ServeSettings.fronts
    workers: int = ServeSettings.workers
    backlog: int = ServeSettings.backlog
    admin: str = ServeSettings.admin
    aip_predict_route: str = ""
    aip_health_route: str = ""

    # Who may ask.
    token_file: str = ServeSettings.token_file
    allow_hosts: tuple[str, ...] = ServeSettings.allow_hosts
    insecure: bool = ServeSettings.insecure
    tls_cert: str = ServeSettings.tls_cert
    tls_key: str = ServeSettings.tls_key
    tls_client_ca: str = ServeSettings.tls_client_ca

    # What is said.
    access_log: str = ServeSettings.access_log
    access_log_format: Literal["json", "text"] = ServeSettings.access_log_format
    log_level: str = "warning"
    log_format: Literal["text", "json"] = ServeSettings.log_format
    error_status: int = ServeSettings.error_status
    debug_errors: bool = ServeSettings.debug_errors
    tracing: bool = ServeSettings.tracing

    # How calls share a predict, and what becomes of those whose worker died.
    batch_window_ms: float = BatchingSettings.window_ms
    max_batch_size: int = BatchingSettings.max_batch_size
    retry: bool = ServeSettings.retry

    # Limits.
    body_bytes: int = LimitsSettings.body_bytes
    header_bytes: int = LimitsSettings.header_bytes
    header_count: int = LimitsSettings.header_count
    url_bytes: int = LimitsSettings.url_bytes
    buffer_bytes: int = LimitsSettings.buffer_bytes
    json_depth: int = LimitsSettings.json_depth
    header_timeout_s: float = LimitsSettings.header_timeout_s
    body_timeout_s: float = LimitsSettings.body_timeout_s
    write_timeout_s: float = LimitsSettings.write_timeout_s
    keep_alive_s: float = LimitsSettings.keep_alive_s
    request_timeout_s: float = LimitsSettings.request_timeout_s
    load_timeout_s: float = LimitsSettings.load_timeout_s
    drain_timeout_s: float = LimitsSettings.drain_timeout_s
    max_pending: int = LimitsSettings.max_pending
    max_connections: int = LimitsSettings.max_connections

    def to_json(self) -> dict[str, Any]:
        """The options as JSON values; `from_json` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ServeOptions:
        """The options that `to_json` wrote, also after a round trip through JSON text."""
        tuples = {item.name for item in fields(cls) if str(item.type).startswith("tuple")}
        made: dict[str, Any] = {key: tuple(v) if key in tuples else v for key, v in values.items()}
        made["versions"] = tuple(
            VersionSource(**{**source, "watch": tuple(source["watch"])})
            for source in values.get("versions", ())
        )
        return cls(**made)


def admin_path(port: int) -> Path:
    """Where the admin socket of the server on a port lies: for its own user alone."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    folder = Path(runtime) / "cpr" if runtime else Path(f"/tmp/cpr-{os.getuid()}")  # noqa: S108
    return folder / f"serve-{port}.sock"
