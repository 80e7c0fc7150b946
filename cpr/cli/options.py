"""The options that commands share, and what they become."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cpr.errors import UsageError

if TYPE_CHECKING:
    from cpr.routine import Routine

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Target:
    """Which predictor a command works with, as its flags say."""

    target: str | None
    model_dir: str | None
    prediction_class: str | None
    package: tuple[str, ...]
    package_uris: tuple[str, ...]
    framework: str | None
    shim: tuple[str, ...]
    strict: bool
    trust: str | None
    require_signature: str | None

    @property
    def flags(self) -> dict[str, Any]:
        """The settings that the flags give, by dotted key."""
        return settings_of_flags(strict=self.strict, trust=self.trust)

    @property
    def packages(self) -> tuple[str, ...]:
        """Every package file, however it was named."""
        listed = (uri.strip() for uris in self.package_uris for uri in uris.split(","))
        return (*self.package, *(uri for uri in listed if uri))

    def open(self) -> Routine:
        """Load the predictor; the caller closes it."""
        # CLI start-up time: serving imports numpy.
        from cpr.serving import open_routine

        target = self.target
        if not (target or self.model_dir or self.prediction_class or self.packages):
            target = "."
        return open_routine(
            target,
            self.model_dir,
            prediction_class=self.prediction_class,
            packages=self.packages,
            framework=self.framework,
            shims=self.shim,
            flags=self.flags,
            require_signature=self.require_signature,
        )


def tags_of(text: str) -> tuple[str, ...]:
    """The tags of a graph that a flag lists with commas; none is empty."""
    return tuple(tag.strip() for tag in text.split(",") if tag.strip())


def settings_of_flags(*, strict: bool, trust: str | None) -> dict[str, Any]:
    """The settings that the flags of predictors give; none that is not given."""
    return {
        **({"predictor.strict": True} if strict else {}),
        **({"predictor.trust": trust} if trust else {}),
    }


TRUST = click.option(
    "--trust",
    type=click.Choice(["data", "listed", "full"]),
    help="Which pickles cpr loads: none, those that need listed names only, or any.  "
    "[default: listed, or the setting]",
)

# How a predictor is opened, whichever it is: what `predict` and both sides of `diff` share.
OPENING_OPTIONS = [
    click.option(
        "--framework",
        metavar="NAME",
        help="tensorflow, scikit-learn, xgboost, keras, onnx or litert. "
        "Default: what the files in the model directory are.",
    ),
    click.option(
        "--shim",
        multiple=True,
        metavar="NAME",
        help="Let old code import a library that has moved since, such as "
        "sklearn-externals; repeatable.",
    ),
    click.option(
        "--strict",
        is_flag=True,
        help="Pass parameters and encode predictions exactly as AI Platform did.",
    ),
    TRUST,
    click.option(
        "--require-signature",
        metavar="PUBKEY",
        help="Refuse package files that this public key did not sign, before anything "
        "is unpacked; see package --sign.",
    ),
]

# What is opened besides TARGET, and how: what `serve` shares with the other commands.
ROUTINE_OPTIONS = [
    click.option(
        "--model-dir",
        metavar="DIR",
        help="The model directory: a folder, or a URL such as gs://bucket/model.",
    ),
    click.option(
        "--prediction-class",
        metavar="NAME",
        help="The predictor class, as module.Class; a package that cpr built names its own.",
    ),
    click.option(
        "--package",
        multiple=True,
        metavar="PATH",
        help="A package file to put on the import path besides TARGET; repeatable.",
    ),
    click.option(
        "--package-uris",
        multiple=True,
        metavar="PATH[,PATH...]",
        help="The same as --package, as a comma-separated list: gcloud's flag.",
    ),
    *OPENING_OPTIONS,
]

_TARGET_OPTIONS = [click.argument("target", required=False), *ROUTINE_OPTIONS]


def target_options(command: Command) -> Command:
    """Give a command TARGET and the flags that go with it, as one `Target` named ``target``."""

    @functools.wraps(command)
    def gathered(**flags: Any) -> Any:
        names = Target.__dataclass_fields__
        own = {key: value for key, value in flags.items() if key not in names}
        target = Target(**{key: value for key, value in flags.items() if key in names})
        return command(target=target, **own)

    result: Command = _apply(_TARGET_OPTIONS, gathered)
    return result


_COMMON_OPTIONS = [
    click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print exactly one JSON document on standard output.",
    ),
    click.option("-v", "--verbose", count=True, help="Log to standard error; -vv logs more."),
    click.option("-q", "--quiet", is_flag=True, help="No progress and no warnings."),
]


def common_options(command: Command) -> Command:
    """Give a command the flags that all have; it is called with `as_json` and `is_quiet`."""

    @functools.wraps(command)
    def prepared(*, verbose: int, quiet: bool, **flags: Any) -> Any:
        if verbose and quiet:
            raise UsageError("--verbose and --quiet exclude each other.", hint="Give one of them.")
        _set_up_logging(verbose, is_quiet=quiet)
        return command(is_quiet=quiet, **flags)

    result: Command = _apply(_COMMON_OPTIONS, prepared)
    return result


def _set_up_logging(verbose: int, *, is_quiet: bool) -> None:
    # Without -v the root logger stays as Python starts it, so that a routine's
    # own logging.basicConfig works.
    if verbose:
        level = logging.INFO if verbose == 1 else logging.DEBUG
        logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
        return
    ours = logging.getLogger("cpr")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("cpr: %(message)s"))
    ours.handlers, ours.propagate = [handler], False
    ours.setLevel(logging.ERROR if is_quiet else logging.WARNING)


def _apply(options: list[Callable[[Any], Any]], command: Any) -> Any:
    for option in reversed(options):
        command = option(command)
    return command
