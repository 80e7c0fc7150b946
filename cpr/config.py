"""Settings: what can be configured, and where each value comes from.

Precedence: flag > ``CPR_<TABLE>_<KEY>`` > the platform's own variables >
file > default. The file is ``cpr.toml``, or ``[tool.cpr]`` in
``pyproject.toml``; both at once is an error, as is an unknown key.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from cpr.errors import ConfigError, UsageError, shorten
from cpr.platform_variables import routine_variables, server_variables
from cpr.quantities import Quantity
from cpr.settings_tables import (
    TABLES,
    Assignments,
    BatchingSettings,
    LimitsSettings,
    PackageSettings,
    PredictorSettings,
    ProjectSettings,
    ServeSettings,
    Settings,
)
from cpr.suggest import did_you_mean

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "TABLES",
    "BatchingSettings",
    "LimitsSettings",
    "PackageSettings",
    "PredictorSettings",
    "ProjectSettings",
    "ServeSettings",
    "Settings",
    "load_settings",
    "model_dir_of",
    "settings_file",
    "with_defaults",
]

# "table.key" → (value, where it stands).
_Layer = Mapping[str, tuple[Any, str]]

_BOOLEANS = {
    **dict.fromkeys(["1", "true", "yes"], True),
    **dict.fromkeys(["0", "false", "no"], False),
}
# Commas part a list, but not within numpy>=1.26,<3 nor pandas[gcp,excel].
_SEPARATOR = re.compile(r",(?!\s*[<>=!~])(?![^\[]*\])")


def load_settings(
    folder: Path | None = None,
    *,
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    is_server: bool = False,
) -> Settings:
    """Resolve every setting, in one place.

    Args:
        folder: The project directory whose file is read; None reads no file.
        flags: Values given on the command line as ``{"table.key": value}``;
            None and empty tuples count as not given.
        environ: Environment variables; the process's own by default.
        is_server: Whether to heed what platforms say to servers alone, such
            as PORT, which other programs' environments hold too.

    Raises:
        ConfigError: Both files configure the project, a file is not valid
            TOML, or a key or value is wrong, naming where it stands.
    """
    environ = os.environ if environ is None else environ
    given = {k: v for k, v in (flags or {}).items() if v is not None and v != ()}
    layers = [
        {} if folder is None else _from_file(folder),
        routine_variables(environ),
        server_variables(environ) if is_server else {},
        _from_environment(environ),
        {key: (value, "flag") for key, value in given.items()},
    ]
    return _merge(layers)


def with_defaults(settings: Settings, values: Mapping[str, Any], origin: str) -> Settings:
    """Fill what was left at its default from a further, weakest source.

    Raises:
        ConfigError: A key or value is wrong, naming `origin`.
    """
    weak = {key: (value, origin) for key, value in values.items() if key not in settings.origins}
    given = {key: (value, source) for key, value, source in settings.explain()}
    return _merge([weak, {key: given[key] for key in settings.origins}])


def model_dir_of(model_dir: str | None, settings: Settings) -> str:
    """The model directory that is given, or else configured, as a path or URL.

    Raises:
        UsageError: There is none.
    """
    if model_dir:
        return model_dir
    configured = settings.project.model_dir
    if not configured:
        raise UsageError(
            "no model directory is given.",
            hint="Give --model-dir, or set model_dir in [project]. A class that reads nothing "
            "from it can be given an empty directory.",
        )
    origin = Path(settings.origins.get("project.model_dir", ""))
    if "://" not in configured and origin.suffix == ".toml":
        return str(origin.parent / Path(configured).expanduser())
    return configured


def settings_file(folder: Path) -> Path | None:
    """The file that configures a project directory, if there is one.

    Raises:
        ConfigError: ``cpr.toml`` and ``[tool.cpr]`` are both there.
    """
    own, shared = folder / "cpr.toml", folder / "pyproject.toml"
    has_shared = shared.is_file() and _shared_tables(shared) is not None
    if own.is_file() and has_shared:
        raise ConfigError(
            f"{own} and [tool.cpr] in {shared} both configure this project.",
            hint="Keep one of the two.",
        )
    if own.is_file():
        return own
    return shared if has_shared else None


def _from_file(folder: Path) -> _Layer:
    path = settings_file(folder)
    if path is None:
        return {}
    tables = _shared_tables(path) if path.name == "pyproject.toml" else read_toml(path)
    if not isinstance(tables, Mapping):
        raise ConfigError(f"{path}: [tool.cpr] must be a table, not {shorten(tables)}.")
    values = {}
    for table, content in tables.items():
        _kinds(table, str(path))
        if not isinstance(content, Mapping):
            raise ConfigError(f"{path}: {table!r} must be a table, not {shorten(content)}.")
        values.update({f"{table}.{key}": (value, str(path)) for key, value in content.items()})
    return values


def _shared_tables(path: Path) -> Any:
    tool = read_toml(path).get("tool")
    return tool.get("cpr") if isinstance(tool, Mapping) else None


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        ConfigError: It is not valid TOML, or cannot be read.
    """
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error


def _from_environment(environ: Mapping[str, str]) -> _Layer:
    values = {}
    for table, kind in TABLES.items():
        prefix = f"CPR_{table}_".upper()
        known = {f"{prefix}{item.name.upper()}": item.name for item in fields(kind)}
        for variable in sorted(name for name in environ if name.startswith(prefix)):
            if variable not in known:
                raise ConfigError(
                    f"unknown environment variable {variable}; known are {', '.join(known)}.",
                    hint=did_you_mean(variable, known),
                )
            key = known[variable]
            value = _from_text(_kinds(table, variable)[key], environ[variable])
            values[f"{table}.{key}"] = (value, variable)
    return values


def _from_text(kind: Any, text: str) -> Any:
    if kind is bool:
        return _BOOLEANS.get(text.strip().lower(), text)
    if get_origin(kind) is tuple or kind is Assignments:
        return tuple(part.strip() for part in _SEPARATOR.split(text) if part.strip())
    return text


def _merge(layers: Iterable[_Layer]) -> Settings:
    """Settings from layers, the weakest first; every value is checked, overridden or not."""
    origins: dict[str, str] = {}
    values: dict[str, dict[str, Any]] = {table: {} for table in TABLES}
    for layer in layers:
        for dotted, (value, origin) in layer.items():
            table, _, key = dotted.partition(".")
            kinds = _kinds(table, origin)
            if key not in kinds:
                raise ConfigError(
                    f"{origin}: unknown key {key!r} in [{table}]; known are {', '.join(kinds)}.",
                    hint=did_you_mean(key, kinds),
                )
            values[table][key] = _checked(kinds[key], value, f"{origin}: {dotted}")
            origins[dotted] = origin
    tables = {table: kind(**values[table]) for table, kind in TABLES.items()}
    return Settings(**tables, origins=origins)


def _kinds(table: str, origin: str) -> Mapping[str, Any]:
    """The keys of a table, with their types."""
    if table not in TABLES:
        raise ConfigError(
            f"{origin}: unknown table [{table}]; known are {', '.join(TABLES)}.",
            hint=did_you_mean(table, TABLES),
        )
    return get_type_hints(TABLES[table], include_extras=True)


def _checked(kind: Any, value: Any, where: str) -> Any:
    if get_origin(kind) is Literal:
        allowed = get_args(kind)
        if value not in allowed:
            hint = did_you_mean(value, allowed) if isinstance(value, str) else ""
            expected = ", ".join(allowed)
            raise ConfigError(
                f"{where} is {shorten(value)}; expected one of {expected}.", hint=hint
            )
        return value
    if get_origin(kind) is Annotated:
        quantity: Quantity = get_args(kind)[1]
        return quantity.read(value, where)
    if kind is Assignments:
        return _assignments(value, where)
    if get_origin(kind) is tuple:
        if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) for v in value):
            raise ConfigError(f"{where} is {shorten(value)}; expected a list of strings.")
        return tuple(value)
    if not isinstance(value, kind):
        expected = "true or false" if kind is bool else "a string"
        raise ConfigError(f"{where} is {shorten(value)}; expected {expected}.")
    return value


def _assignments(value: Any, where: str) -> Assignments:
    """A table as texts; lists of values are joined by colons."""
    if not isinstance(value, Mapping):
        return Assignments(_checked(tuple[str, ...], value, where))
    if any(isinstance(item, Mapping) for item in value.values()):
        raise ConfigError(
            f"{where} holds a table: {shorten(value)}; expected numbers by path.",
            hint='Quote a path that has dots in it: "predictions[*].score" = 1e-3.',
        )
    parts = {key: item if isinstance(item, list) else [item] for key, item in value.items()}
    return Assignments(f"{key}={':'.join(map(str, item))}" for key, item in parts.items())
