"""What one run of the server is told: resolved, checked, and the same in every process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal


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
    meant, and "" that something is not used.

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
    version_policy: str = "latest"
    samples: str = ""
    watch: bool = False

    # Where.
    host: str = "127.0.0.1"
    port: int = 8080
    fronts: int = 1
    workers: int = 1
    backlog: int = 2048
    admin: str = ""
    aip_predict_route: str = ""
    aip_health_route: str = ""

    # Who may ask.
    token_file: str = ""
    allow_hosts: tuple[str, ...] = ()
    insecure: bool = False
    tls_cert: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""

    # What is said.
    access_log: str = ""
    access_log_format: Literal["json", "text"] = "json"
    log_level: str = "warning"
    log_format: Literal["text", "json"] = "text"
    error_status: int = 0
    debug_errors: bool = False
    tracing: bool = False

    # How calls share a predict, and what becomes of those whose worker died.
    batch_window_ms: float = 0.0
    max_batch_size: int = 0
    retry: bool = True

    # Limits.
    body_bytes: int = 8_000_000
    header_bytes: int = 32_768
    header_count: int = 100
    url_bytes: int = 8_192
    buffer_bytes: int = 512_000_000
    json_depth: int = 200
    header_timeout_s: float = 5.0
    body_timeout_s: float = 9.0
    write_timeout_s: float = 9.0
    keep_alive_s: float = 75.0
    request_timeout_s: float = 60.0
    load_timeout_s: float = 300.0
    drain_timeout_s: float = 30.0
    max_pending: int = 512
    max_connections: int = 16_384

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
