"""Opens a routine: from a target and a model directory to a predictor that answers.

The one place that puts sources, settings, artifacts and the contract together.
"""

from __future__ import annotations

import importlib
import logging
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cpr.archive import is_package_file
from cpr.artifacts.detect import detect
from cpr.artifacts.fetch import fetch, fetch_file, is_url
from cpr.binding import Binding, load
from cpr.candidates import candidates, unfinished, unreadable
from cpr.closing import Closing
from cpr.config import Settings, load_settings, model_dir_of, with_defaults
from cpr.contract import Contract, contract_of
from cpr.errors import CprError, LoadError, UsageError
from cpr.importing import importable, locate
from cpr.model_record import check_model
from cpr.required_key import RequiredKey, required_key
from cpr.requirements import unmet
from cpr.routine import Routine
from cpr.shims import install_shims
from cpr.signatures import SUFFIX
from cpr.sources import Sources, open_sources
from cpr.translation import AnswerLimits
from cpr.user_errors import describe, explained
from cpr.workdir import WorkingDirectory

logger = logging.getLogger(__name__)


def open_routine(
    target: str | None = None,
    model_dir: str | None = None,
    *,
    prediction_class: str | None = None,
    packages: Sequence[str] = (),
    framework: str | None = None,
    shims: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
    require_signature: str | Path | None = None,
) -> Routine:
    """Load a predictor and return it ready to answer.

    Args:
        target: A package file, a project directory, ``module:Class``, ``module.Class`` or
            ``path/to/file.py:Class``. None, with `model_dir` alone, serves the model by the
            ready-made predictor that fits it.
        model_dir: A local directory or a URL; else the project's own.
        prediction_class: Its dotted name; else the one that the target or its settings name.
        packages: Further packages, as AI Platform's packageUris.
        framework: Which kind of artifact to serve, where there are several.
        shims: Names from `cpr.shims.SHIMS` to switch on first.
        flags: Settings that win over all others: ``{"predictor.strict": True}``.
        require_signature: The public key that package files must be signed by.

    Raises:
        CprError: What is wrong, before any request is answered.
    """
    install_shims(shims)
    with ExitStack() as resources:
        if target is None and not packages:
            target, prediction_class = _named_alone(prediction_class, flags), None
        required = required_key(require_signature, target, flags)
        target, packages = _downloaded(target, packages, resources)
        sources = resources.enter_context(open_sources(target, packages, required=required))
        settings = settings_of(flags, sources)
        resources.enter_context(importable(sources))
        name = class_name_of(prediction_class, sources, settings)
        _refuse_both(name, framework)
        _refuse_neither(name or model_dir, settings, sources)
        folder = resources.enter_context(fetch(model_dir_of(model_dir, settings)))
        _check_signed_model(folder, sources, required)
        if name:
            cls, served = locate(name, sources), str(folder)
        else:
            name, cls, served = _ready_made(folder, framework, sources)
        _warn_unmet(sources)
        workdir = WorkingDirectory(_private_folder(cls, name, settings, resources))
        binding = _load(cls, name, served, settings, sources, workdir, resources)
        return Routine(
            binding,
            name=name,
            settings=settings.predictor,
            is_ready_made=name.startswith("cpr.predictors."),
            roots=sources.roots,
            model_dir=folder,
            limits=_limits(settings),
            workdir=workdir,
            resources=resources.pop_all(),
        )


def _limits(settings: Settings) -> AnswerLimits:
    return AnswerLimits(
        max_batch_size=settings.batching.max_batch_size,
        body_bytes=settings.limits.body_bytes,
        json_depth=settings.limits.json_depth,
        error_status=settings.serve.error_status,
        debug_errors=settings.serve.debug_errors,
    )


def _downloaded(
    target: str | None, packages: Sequence[str], resources: ExitStack
) -> tuple[str | None, list[str]]:
    """Package files that are given by URL, copied here with their signatures."""
    folder = ""

    def local(location: str) -> str:
        nonlocal folder
        if not (is_url(location) and is_package_file(Path(location))):
            return location
        if not folder:
            made = tempfile.TemporaryDirectory(prefix="cpr-download-", ignore_cleanup_errors=True)
            folder = resources.enter_context(made)
        return str(fetch_file(location, Path(folder), beside=SUFFIX))

    return (target and local(target)), [local(package) for package in packages]


def _named_alone(prediction_class: str | None, flags: Mapping[str, Any] | None) -> str | None:
    """A class that is named without a target, looked up from the current directory."""
    return prediction_class or load_settings(flags=flags).project.prediction_class or None


def settings_of(flags: Mapping[str, Any] | None, sources: Sources) -> Settings:
    """The settings of what a target opened: its project's file, or its manifest.

    Raises:
        ConfigError: A key or value is wrong, naming where it stands.
    """
    settings = load_settings(sources.folder, flags=flags)
    manifest = sources.manifest
    if manifest is None:
        return settings
    values: dict[str, Any] = {f"predictor.{key}": v for key, v in manifest.predictor.items()}
    values["project.prediction_class"] = manifest.prediction_class
    return with_defaults(settings, values, f"manifest of {manifest.name}-{manifest.version}")


def class_name_of(prediction_class: str | None, sources: Sources, settings: Settings) -> str:
    """The dotted name of the class to serve; "" where a ready-made predictor is to.

    It is to where no class looks like a predictor: a package may hold no more
    than the modules that a pickle needs. A class that has from_path alone is
    taken for one all the same, so that what it lacks is said.

    Raises:
        UsageError: There are several classes, or none but in a file of a
            package that is not Python 3.
    """
    named = prediction_class or sources.class_name or settings.project.prediction_class
    if named:
        return named.replace(":", ".")
    if not sources.roots:
        return ""
    found = candidates(sources.roots)
    if len(found) == 1:
        logger.info("serving %s, the only predictor class in the package", found[0])
        return found[0]
    if found:
        raise UsageError(
            f"the package holds several classes that look like predictors: {', '.join(found)}.",
            hint="Name one with --prediction-class.",
        )
    named = next(iter(unfinished(sources.roots)), "")
    if not named and sources.folder is None and _not_python(sources):
        raise UsageError(f"{_without_class(sources)}.", hint=_naming(sources))
    return named


def _refuse_neither(given: str | None, settings: Settings, sources: Sources) -> None:
    if not sources.roots or given or settings.project.model_dir:
        return
    try:
        model = detect(sources.roots[0]).files[0].name
        hint = f"It holds the model {model}: give it as --model-dir {sources.folder}"
    except LoadError:
        hint = _naming(sources)
    raise UsageError(
        f"{_without_class(sources)}, and no model directory is given for a ready-made predictor.",
        hint=hint,
    )


def _naming(sources: Sources) -> str:
    return "\n".join(["Name the class with --prediction-class.", *_not_python(sources)])


def _without_class(sources: Sources) -> str:
    place = str(sources.folder) if sources.folder is not None else "the package"
    return f"{place} holds no class with from_path and predict"


def _not_python(sources: Sources) -> list[str]:
    """What to add to a message when no class was found."""
    bad = unreadable(sources.roots)
    return [f"Not looked into, since it is not Python 3: {'; '.join(bad)}"] if bad else []


def _refuse_both(name: str, framework: str | None) -> None:
    if name and framework:
        raise UsageError(
            f"both a prediction class ({name}) and a framework ({framework}) are given.",
            hint="Give one: a class brings its own way to load the model.",
        )


def _ready_made(folder: Path, framework: str | None, sources: Sources) -> tuple[str, Any, str]:
    try:
        artifact = detect(folder, framework)
    except LoadError as error:
        if not sources.roots:
            raise
        problem = f"{_without_class(sources)}, and no model can be served. {error.problem}"
        raise LoadError(problem, hint="\n".join([error.hint, *_not_python(sources)])) from error
    module, _, attribute = artifact.predictor.partition(":")
    cls = getattr(importlib.import_module(module), attribute)
    # The predictor finds the version directory again; labels may lie beside the versions.
    return f"{module}.{attribute}", cls, str(folder)


def _check_signed_model(folder: Path, sources: Sources, required: RequiredKey | None) -> None:
    """Refuse another model directory than the one that a signed package was built with."""
    manifest = sources.manifest
    if required is None:
        return
    if manifest is not None and manifest.model:
        check_model(folder, manifest.model, f"{manifest.name}-{manifest.version}")
    else:
        logger.warning("the signature covers the package, not the model directory %s", folder)


def _warn_unmet(sources: Sources) -> None:
    lacking = unmet(sources.requirements)
    if lacking:
        logger.warning("requirements of the package not met: %s", ", ".join(map(str, lacking)))


def _private_folder(cls: Any, name: str, settings: Settings, resources: ExitStack) -> str | None:
    """An empty current directory for a Vertex AI class, which copies the model into it."""
    if contract_of(cls, name, strict=settings.predictor.strict) is not Contract.VERTEX:
        return None
    folder = tempfile.TemporaryDirectory(prefix="cpr-vertex-", ignore_cleanup_errors=True)
    return resources.enter_context(folder)


def _load(
    cls: Any,
    name: str,
    model_dir: str,
    settings: Settings,
    sources: Sources,
    workdir: WorkingDirectory,
    resources: ExitStack,
) -> Binding:
    stage = "loading"
    try:
        with workdir:
            binding = load(cls, name, model_dir, settings.predictor)
            resources.push(Closing(binding, name, sources, workdir))
            stage = "warming up"
            binding.warmup()
    except (CprError, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        problem = f"{stage} {name!r} failed: {describe(error)}"
        raise explained(LoadError, problem, error, sources.roots) from error
    return binding
