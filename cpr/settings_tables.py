"""The settings as frozen tables: every key, its type and its default.

How they are resolved is the business of `cpr.config`, which reads the types
given here: a new key is a new field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal

from cpr.quantities import DURATIONS, MILLISECONDS, SIZES, Quantity

_COUNT = Quantity("a whole number", 0, 10_000_000)
_SIZE = Quantity("a number of bytes", 1, 1e12, units=SIZES)
_SECONDS = Quantity("a number of seconds", 0.001, 86_400, units=DURATIONS, is_whole=False)
_WINDOW = Quantity("a number of milliseconds", 0, 60_000, units=MILLISECONDS, is_whole=False)

Count = Annotated[int, _COUNT]
Processes = Annotated[int, Quantity("a number of processes", 1, 1024)]
Port = Annotated[int, Quantity("a port", 0, 65_535)]
Status = Annotated[int, Quantity("an HTTP status", 200, 599, also=(0,))]
Size = Annotated[int, _SIZE]
Seconds = Annotated[float, _SECONDS]
Milliseconds = Annotated[float, _WINDOW]
Positive = Annotated[int, Quantity("a whole number", 1, 10_000_000)]


@dataclass(frozen=True)
class ProjectSettings:
    """The table ``[project]``: what the package is and which class it serves."""

    name: str = ""
    version: str = ""
    prediction_class: str = ""
    model_dir: str = ""
    python: str = ""
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class PackageSettings:
    """The table ``[package]``: what is packed, and what a package must be signed by.

    `include` and `exclude` are glob patterns of files of the project,
    `model_keep` of files of the model directory that are staged whatever they
    look like. `extra_packages` are package files that the package needs.
    `require_signature` is the file of a public key.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    extra_packages: tuple[str, ...] = ()
    model_keep: tuple[str, ...] = ()
    require_signature: str = ""


@dataclass(frozen=True)
class PredictorSettings:
    """The table ``[predictor]``: how instances reach a predictor and how answers leave it.

    `signature_name`, `tags`, `output`, `labels` and `preprocessor` are for
    ready-made predictors. `b64` says whether ``{"b64": …}`` objects become
    bytes before predict: ``auto`` decodes for ready-made predictors that take
    bytes and leaves a custom routine's instances alone, as the late AI
    Platform did. `strict` encodes and passes parameters exactly as AI
    Platform did. `nonfinite` is what NaN and infinities become in an answer.
    `trust` says which pickles are loaded: none (``data``), those that need
    nothing but listed names and the package's own (``listed``), or any
    (``full``); `trusted` are names to add to the list, ``module.Name``.
    `batchable` says whether requests may share a predict: what the class says
    (``auto``), or else ``always`` or ``never``; a Vertex AI class never can.
    `runtime` is what runs the model of a ready-made predictor: what ``cpr
    compile`` wrote where that fits (``auto``), such a model for one runtime,
    or the library that the model was made with (``native``; of a SavedModel,
    ``tensorflow`` says the same).
    """

    signature_name: str = ""
    tags: tuple[str, ...] = ()
    output: str = ""
    labels: str = ""
    preprocessor: str = ""
    b64: Literal["auto", "never", "always"] = "auto"
    batchable: Literal["auto", "never", "always"] = "auto"
    strict: bool = False
    nonfinite: Literal["error", "null", "literal"] = "error"
    trust: Literal["data", "listed", "full"] = "listed"
    trusted: tuple[str, ...] = ()
    runtime: Literal["auto", "native", "tensorflow", "litert", "onnx", "xla"] = "auto"


@dataclass(frozen=True)
class CheckSettings:
    """The table ``[check]``: ids of findings to silence, and the platform to check for."""

    ignore: tuple[str, ...] = ()
    profile: str = ""


class Assignments(tuple[str, ...]):
    """A table of keys of any name, kept as ``key=value`` texts in their order."""

    __slots__ = ()


@dataclass(frozen=True)
class ReplaySettings:
    """The table ``[replay]``: how far answers may be from what is expected.

    `ignore` are patterns of what is not compared, `tolerance` how far a number
    may be off: ``atol``, ``rtol``, or a pattern of paths.
    """

    ignore: tuple[str, ...] = ()
    tolerance: Assignments = field(default_factory=Assignments)


@dataclass(frozen=True)
class ServeSettings:
    """The table ``[serve]``: what a server serves, where, to whom, and what it says.

    `versions` says which numbered versions of a model directory are served:
    ``latest``, ``all``, or a list of numbers. `samples` are requests that each
    new version must answer before it serves. `token_file` holds the hashes of
    bearer tokens. `error_status` is sent with every error in
    place of its own status; 0 for none. `retry` says whether a request whose
    worker died is sent to another one, once. `admin` is the socket that
    ``cpr reload`` talks to.
    """

    host: str = "127.0.0.1"
    port: Port = 8080
    fronts: Processes = 1
    workers: Processes = 1
    backlog: Positive = 2048
    model_name: str = ""
    versions: str = "latest"
    samples: str = ""
    watch: bool = False
    admin: str = ""
    predict_route: str = ""
    health_route: str = ""
    token_file: str = ""
    allow_hosts: tuple[str, ...] = ()
    insecure: bool = False
    tls_cert: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""
    access_log: str = ""
    access_log_format: Literal["json", "text"] = "json"
    log_format: Literal["text", "json"] = "text"
    tracing: bool = False
    error_status: Status = 0
    debug_errors: bool = False
    retry: bool = True


@dataclass(frozen=True)
class BatchingSettings:
    """The table ``[batching]``: when calls that arrive together share one predict.

    `window_ms` is how long to wait for more of them; 0 takes those that are
    there. `max_batch_size` bounds the instances of one predict; 0 for none.
    """

    window_ms: Milliseconds = 0.0
    max_batch_size: Count = 0


@dataclass(frozen=True)
class LimitsSettings:
    """The table ``[limits]``: what a server takes from clients and spends on them.

    Sizes are in bytes, durations in seconds; both may be texts with a unit.
    `body_bytes` bounds a body as it was sent, and what it is when unpacked.
    """

    body_bytes: Size = 8_000_000
    header_bytes: Size = 32_768
    header_count: Positive = 100
    url_bytes: Size = 8_192
    buffer_bytes: Size = 512_000_000
    json_depth: Positive = 200
    header_timeout_s: Seconds = 5.0
    body_timeout_s: Seconds = 9.0
    write_timeout_s: Seconds = 9.0
    keep_alive_s: Seconds = 75.0
    request_timeout_s: Seconds = 60.0
    load_timeout_s: Seconds = 300.0
    drain_timeout_s: Seconds = 30.0
    max_pending: Positive = 512
    max_connections: Positive = 16_384


@dataclass(frozen=True)
class Settings:
    """All settings, resolved; `origins` says where each value came from."""

    project: ProjectSettings = field(default_factory=ProjectSettings)
    package: PackageSettings = field(default_factory=PackageSettings)
    predictor: PredictorSettings = field(default_factory=PredictorSettings)
    check: CheckSettings = field(default_factory=CheckSettings)
    replay: ReplaySettings = field(default_factory=ReplaySettings)
    serve: ServeSettings = field(default_factory=ServeSettings)
    batching: BatchingSettings = field(default_factory=BatchingSettings)
    limits: LimitsSettings = field(default_factory=LimitsSettings)
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    def explain(self) -> list[tuple[str, Any, str]]:
        """Rows of (``table.key``, value, origin) for every setting."""
        return [
            (f"{table}.{item.name}", getattr(getattr(self, table), item.name), origin)
            for table, kind in TABLES.items()
            for item in fields(kind)
            for origin in [self.origins.get(f"{table}.{item.name}", "default")]
        ]


TABLES: dict[str, type] = {
    "project": ProjectSettings,
    "package": PackageSettings,
    "predictor": PredictorSettings,
    "check": CheckSettings,
    "replay": ReplaySettings,
    "serve": ServeSettings,
    "batching": BatchingSettings,
    "limits": LimitsSettings,
}
