"""The flags of ``cpr serve``: one for each setting of the server, in groups.

Kind, range and default are those of the setting, so that a flag, a variable
and a line of the file take the same values.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import click

from cpr.cli.option_groups import Decorator, OptionGroup, grouped
from cpr.cli.options import ROUTINE_OPTIONS
from cpr.config import TABLES
from cpr.errors import ConfigError
from cpr.quantities import DURATIONS, SIZES, Quantity

_Row = tuple[str, str, str]  # "table.key", metavar, help

_WHAT: list[_Row] = [
    ("serve.versions", "WHICH", "Of numbered directories in the model directory, serve the "
     "latest, all, or those of a list such as 1,3."),
    ("serve.model_name", "NAME", "The model's name in paths. Default: that of the project, "
     "package, class or model directory."),
    ("serve.samples", "PATH", "Requests that each version must answer before it serves, as "
     "cpr replay reads them. Default: requests/ of the project or package."),
    ("serve.watch", "", "Reload when a file of the project or model changes."),
]  # fmt: skip
_WHERE: list[_Row] = [
    ("serve.host", "ADDRESS", "The address to listen on. One that others can reach needs "
     "--token-file, --tls-client-ca or --insecure."),
    ("serve.port", "PORT", "The port; 0 takes a free one."),
    ("serve.workers", "N", "Processes that predict, for each version."),
    ("serve.fronts", "N", "Processes that own the sockets."),
    ("serve.backlog", "N", "Connections that the kernel holds until they are accepted."),
    ("serve.admin", "PATH", "The socket that cpr reload talks to. Default: one of the port, in a "
     "folder of yours."),
    ("serve.predict_route", "PATH", "A further path to predict on, as Vertex AI calls it."),
    ("serve.health_route", "PATH", "A further path that says whether the server is ready."),
]  # fmt: skip
_WHO: list[_Row] = [
    ("serve.token_file", "FILE", "Ask for one of the bearer tokens whose hashes are in the "
     "file; see cpr token."),
    ("serve.allow_hosts", "NAME", "A name in the Host header that is answered besides the "
     "server's own; repeatable."),
    ("serve.tls_cert", "FILE", "The server's certificate chain, PEM."),
    ("serve.tls_key", "FILE", "The private key of the certificate, PEM."),
    ("serve.tls_client_ca", "FILE", "Ask clients for a certificate signed by one of these, PEM."),
    ("serve.insecure", "", "Let others reach the server with neither tokens nor certificates."),
]  # fmt: skip
_BATCHING: list[_Row] = [
    ("batching.window_ms", "MS", "Wait so many milliseconds for more requests to predict "
     "together, for accelerators. 0 takes those that are there."),
    ("batching.max_batch_size", "N", "The most instances of one predict; 0 for no bound."),
    ("serve.retry", "", "Whether a request whose worker died is sent to another one, once."),
]  # fmt: skip
_LIMITS: list[_Row] = [
    ("limits.body_bytes", "SIZE", "The size of a body, as sent and unpacked, such as 8MB."),
    ("limits.header_bytes", "SIZE", "The size of all headers."),
    ("limits.header_count", "N", "The number of headers."),
    ("limits.url_bytes", "SIZE", "The length of path and query."),
    ("limits.buffer_bytes", "SIZE", "The memory of a front for large bodies without an answer."),
    ("limits.json_depth", "N", "How deep lists and objects may be nested."),
    ("limits.header_timeout_s", "SECONDS", "The time for the headers to arrive."),
    ("limits.body_timeout_s", "SECONDS", "The time for the body to arrive."),
    ("limits.write_timeout_s", "SECONDS", "The time for a client to take its answer."),
    ("limits.keep_alive_s", "SECONDS", "The time that an idle connection is kept."),
    ("limits.request_timeout_s", "SECONDS", "The time for an answer; the worker is replaced "
     "when it is over."),
    ("limits.load_timeout_s", "SECONDS", "The time for a version to load and warm up."),
    ("limits.drain_timeout_s", "SECONDS", "The time for requests in flight when the server stops."),
    ("limits.max_pending", "N", "Requests that wait or are being answered."),
    ("limits.max_connections", "N", "Open connections."),
]  # fmt: skip
_SAID: list[_Row] = [
    ("serve.access_log", "FILE", "Log requests to a file; - is standard error."),
    ("serve.access_log_format", "", "How they are logged."),
    ("serve.log_format", "", "How the server's own log on standard error is written."),
    ("serve.tracing", "", "Send traces through OpenTelemetry, which OTEL_… variables configure."),
    ("serve.error_status", "STATUS", "Send all errors of predictions with this status; 200 is "
     "AI Platform's, 0 sends each with its own."),
    ("serve.debug_errors", "", "Show clients the traceback of user code."),
]  # fmt: skip

_SHORT = {"serve.port": ["-p"], "serve.workers": ["-w"]}
_ALSO = {"serve.watch": ["--reload"]}
_NAMES = {
    "limits.body_bytes": "body-limit",
    "limits.header_bytes": "header-limit",
    "limits.url_bytes": "url-limit",
    "limits.buffer_bytes": "buffer-limit",
    "batching.window_ms": "batch-window",
    "serve.allow_hosts": "allow-host",
}


def serve_flags(command: Any) -> Any:
    """Give a command every flag; it is called with `flags`, by key, and with `opening`."""
    keys = {_variable(key): key for rows in _ROWS.values() for key, _, _ in rows}

    @functools.wraps(command)
    def gathered(**given: Any) -> Any:
        flags = {key: given.pop(name) for name, key in keys.items()}
        opening = {name: given.pop(name) for name in OPENING.names}
        return command(flags=flags, opening=opening, **given)

    return grouped(GROUPS)(gathered)


def _option(key: str, metavar: str, text: str) -> Decorator:
    table, _, name = key.partition(".")
    kind = get_type_hints(TABLES[table], include_extras=True)[name]
    flag = _NAMES.get(key) or name.removesuffix("_s").replace("_", "-")
    flags = [*_SHORT.get(key, []), f"--{flag}", *_ALSO.get(key, [])]
    default = _default(table, name)
    more: Mapping[str, Any] = {}
    if kind is bool:
        flags = [f"--{flag}/--no-{flag}"] if default else flags
        more = {"is_flag": True, "default": None}
        default = flag if default else ""
    elif get_origin(kind) is Literal:
        more = {"type": click.Choice(get_args(kind))}
    elif get_origin(kind) is Annotated:
        more = {"type": _reader(get_args(kind)[1], f"--{flag}"), "metavar": metavar}
        default = _shown(get_args(kind)[1], default)
    else:
        more = {"metavar": metavar, "multiple": get_origin(kind) is tuple}
    if default not in ("", ()):
        text = f"{text}  [default: {default}]"
    return click.option(*flags, _variable(key), help=text, **more)


def _reader(quantity: Quantity, flag: str) -> Callable[[str], float]:
    """Reads a number with the range and the units of a setting."""

    def read(text: str) -> float:
        try:
            return quantity.read(text, flag)
        except ConfigError as error:
            raise click.UsageError(error.problem, click.get_current_context()) from error

    return read


def _variable(key: str) -> str:
    return key.replace(".", "_")


def _default(table: str, name: str) -> Any:
    (default,) = [item.default for item in fields(TABLES[table]) if item.name == name]
    return "" if default is MISSING else default


def _shown(quantity: Quantity, number: float) -> str:
    if quantity.units is SIZES:
        unit = next((u for u in ("GB", "MB", "KiB") if not number % SIZES[u.lower()]), "")
        return f"{number / SIZES.get(unit.lower(), 1):g}{unit}"
    return f"{number:g}" + ("s" if quantity.units is DURATIONS else "")


_ROWS = {
    "What is served": _WHAT,
    "Where": _WHERE,
    "Who may ask": _WHO,
    "Batching": _BATCHING,
    "Limits": _LIMITS,
    "What is said": _SAID,
}
OPENING = OptionGroup("The routine", ROUTINE_OPTIONS)
GROUPS = [
    OPENING,
    *(OptionGroup(title, [_option(*row) for row in rows]) for title, rows in _ROWS.items()),
]
