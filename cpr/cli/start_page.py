"""The page that ``cpr serve`` shows when it is ready: what, where, and how to ask."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from cpr.server.options import ServeOptions
from cpr.server.resolving import is_loopback
from cpr.server.screen import ReadyReport, VersionReport

_LABEL = 11
_LONGEST_BODY = 400
_BOLD, _DIM, _WARN, _OFF = "\x1b[1m", "\x1b[2m", "\x1b[33m", "\x1b[0m"


def start_page(report: ReadyReport, options: ServeOptions, *, in_colour: bool) -> str:
    """The page as text, ready to print."""
    rows = [
        *_model_rows(report, options),
        ("page", f"{_BOLD}{report.url}/{_OFF}"),
        *_labelled("predict", [f"POST {url}" for url in predict_urls(report, options)]),
        ("limits", _limits(options)),
        ("access", _access(options)),
    ]
    lines = [f"  {_DIM}{label:<{_LABEL}}{_OFF}{text}" for label, text in rows]
    page = "\n".join(["", *lines, "", *_curl(report, options), "", f"  {_ending(report, options)}"])
    if in_colour:
        return page
    for code in (_BOLD, _DIM, _WARN, _OFF):
        page = page.replace(code, "")
    return page


def predict_urls(report: ReadyReport, options: ServeOptions) -> list[str]:
    """Where predictions of the default version are asked for; the first is for the curl line."""
    named = f"models/{report.model_name}:predict"
    routes = [f"/v1/{named}", f"/v1/projects/P/{named}"]
    own = [options.aip_predict_route] if options.aip_predict_route else []
    return [f"{report.url}{route}" for route in (*routes, *own)]


def sample_body(report: ReadyReport) -> str:
    """A request with one real instance, as JSON text that fits on a line; "" for none."""
    version = _default(report)
    samples = version.description.get("samples") or [] if version else []
    for sample in samples:
        text = json.dumps(_first_instance(sample), ensure_ascii=False)
        if len(text) <= _LONGEST_BODY:
            return text
    return ""


def _model_rows(report: ReadyReport, options: ServeOptions) -> Iterator[tuple[str, str]]:
    yield "model", f"{_BOLD}{report.model_name}{_OFF}"
    several = len(report.versions) > 1
    for version in report.versions:
        is_default = several and version.name == report.default_version
        yield "version", " · ".join(_version(version, is_default=is_default))
    if options.base_dir:
        yield "directory", options.base_dir


def _version(version: VersionReport, *, is_default: bool) -> Iterator[str]:
    yield f"{version.name} (default)" if is_default else version.name
    yield _predictor(version.description)
    yield "batchable" if version.description.get("is_batchable") else "not batchable"
    workers = f"{version.workers} workers, " if version.workers > 1 else ""
    yield f"{workers}loaded in {version.load_s:.2f} s, {version.memory_bytes / 1e6:.0f} MB"


def _predictor(description: Mapping[str, Any]) -> str:
    name, kind = str(description.get("name", "")), str(description.get("kind", ""))
    is_ready_made = name.startswith("cpr.predictors.")
    return f"{name.rpartition('.')[2]} ({kind})" if is_ready_made else name


def _labelled(label: str, texts: list[str]) -> Iterator[tuple[str, str]]:
    for number, text in enumerate(texts):
        yield "" if number else label, text


def _limits(options: ServeOptions) -> str:
    parts = [
        f"bodies to {_size(options.body_bytes)}",
        f"answers within {options.request_timeout_s:g} s",
        f"{options.max_pending} requests at once",
    ]
    return " · ".join(parts)


def _size(count: int) -> str:
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= unit:
            return f"{count / unit:.4g} {name}"
    return f"{count} bytes"


def _access(options: ServeOptions) -> str:
    guards = [
        "a bearer token" if options.token_file else "",
        "a client certificate" if options.tls_client_ca else "",
    ]
    needed = " and ".join(guard for guard in guards if guard)
    if needed:
        is_open = not (options.tls_cert or is_loopback(options.host))
        clear = f" {_WARN}that travels in the clear without TLS{_OFF}" if is_open else ""
        return f"{options.host}, with {needed}{clear}"
    if is_loopback(options.host):
        return "this machine only"
    return f"{_WARN}everybody who reaches {options.host}{_OFF}"


def _curl(report: ReadyReport, options: ServeOptions) -> Iterator[str]:
    url = predict_urls(report, options)[0]
    body = sample_body(report)
    data = shlex.quote(body) if body else "@request.json"
    parts = ["curl", *_credentials(options), f"-d {data}", url]
    line = "  " + " ".join(parts)
    yield line if len(line) <= 100 else "  " + " \\\n    ".join([" ".join(parts[:-1]), url])


def _credentials(options: ServeOptions) -> list[str]:
    token = ['-H "Authorization: Bearer $TOKEN"'] if options.token_file else []
    client = ["--cert client.pem"] if options.tls_client_ca else []
    return [*token, *client]


def _ending(report: ReadyReport, options: ServeOptions) -> str:
    if options.watch:
        return "Ctrl-C stops; a file that changes reloads."
    port = report.url.rpartition(":")[2]
    server = f"--admin {shlex.quote(options.admin)}" if options.admin else f"--port {port}"
    return f"Ctrl-C stops; cpr reload {server} loads what is new."


def _default(report: ReadyReport) -> VersionReport | None:
    named = [version for version in report.versions if version.name == report.default_version]
    return next(iter(named), None)


def _first_instance(sample: Mapping[str, Any]) -> dict[str, Any]:
    """The request with its first instance only."""
    instances = sample.get("instances")
    if isinstance(instances, list) and len(instances) > 1:
        return {**sample, "instances": instances[:1]}
    return dict(sample)
