"""The two sides of a diff, as their flags say."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import click

from cpr.cli.options import OPENING_OPTIONS, settings_of_flags
from cpr.errors import CprError, UsageError
from cpr.replay.endpoint import Destination
from cpr.replay.sending import Endpoint
from cpr.replay.url_endpoint import public_url

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Sides:
    """Both targets; a flag without a side's letter is for both."""

    a: str
    b: str
    model_dir: str | None
    model_dir_a: str | None
    model_dir_b: str | None
    prediction_class: str | None
    prediction_class_a: str | None
    prediction_class_b: str | None
    package: tuple[str, ...]
    package_a: tuple[str, ...]
    package_b: tuple[str, ...]
    framework: str | None
    shim: tuple[str, ...]
    strict: bool
    trust: str | None
    require_signature: str | None
    header: tuple[str, ...]
    timeout: float | None

    def names(self) -> tuple[str, str]:
        """What to call the sides: the targets as given, with their model directories."""
        a = _named(self.a, self.model_dir_a or self.model_dir)
        b = _named(self.b, self.model_dir_b or self.model_dir)
        return a, b

    def destinations(self) -> tuple[Destination, Destination]:
        """Where the requests go.

        Raises:
            UsageError: A flag is for routines, and both sides are URLs, or the
                other way round.
        """
        a = self._side(self.a, self.model_dir_a, self.prediction_class_a, self.package_a)
        b = self._side(self.b, self.model_dir_b, self.prediction_class_b, self.package_b)
        if self.header and not (a.is_url or b.is_url):
            raise UsageError("--header is for a URL, and neither side is one.")
        return a, b

    def _side(
        self,
        target: str,
        model_dir: str | None,
        prediction_class: str | None,
        packages: tuple[str, ...],
    ) -> Destination:
        alone = Destination(
            target,
            model_dir,
            prediction_class=prediction_class,
            packages=packages,
            timeout_s=self.timeout,
        )
        are_urls = Destination(self.a).is_url and Destination(self.b).is_url
        if alone.is_url and not are_urls:
            # What is given for both is meant for the other side, which is no URL.
            return replace(alone, headers=self.header)
        return replace(
            alone,
            model_dir=model_dir or self.model_dir,
            prediction_class=prediction_class or self.prediction_class,
            packages=(*self.package, *packages),
            framework=self.framework,
            shims=self.shim,
            flags=settings_of_flags(strict=self.strict, trust=self.trust),
            require_signature=self.require_signature,
            headers=self.header if alone.is_url else (),
        )


def side_options(command: Command) -> Command:
    """Give a command the flags of both sides, as one `Sides` named ``sides``."""

    @functools.wraps(command)
    def gathered(**flags: Any) -> Any:
        names = Sides.__dataclass_fields__
        own = {key: value for key, value in flags.items() if key not in names}
        sides = Sides(**{key: value for key, value in flags.items() if key in names})
        return command(sides=sides, **own)

    result: Any = gathered
    for option in reversed(_OPTIONS):
        result = option(result)
    final: Command = result
    return final


def open_side(letter: str, destination: Destination) -> Endpoint:
    """Open one side in a process of its own, if it is no URL.

    Raises:
        CprError: What is wrong, and with which side.
    """
    try:
        return destination.open(isolated=True)
    except CprError as error:
        error.problem = f"{letter}: {error.problem}"
        raise


def _named(target: str, model_dir: str | None) -> str:
    name = public_url(target) if Destination(target).is_url else target
    return f"{name} ({model_dir})" if model_dir else name


def _for_each(flag: str, metavar: str, text: str, *, multiple: bool = False) -> list[Any]:
    """A flag for both sides, and one for each."""
    more = "; repeatable" if multiple else ""
    return [
        click.option(flag, metavar=metavar, multiple=multiple, help=f"{text}, for both{more}."),
        *(
            click.option(
                f"{flag}-{side}",
                metavar=metavar,
                multiple=multiple,
                help=f"The same for {side.upper()} alone{more}.",
            )
            for side in ("a", "b")
        ),
    ]


_OPTIONS = [
    *_for_each("--model-dir", "DIR", "The model directory, a folder or a URL"),
    *_for_each("--prediction-class", "NAME", "The predictor class, as module.Class"),
    *_for_each("--package", "PATH", "A further package file", multiple=True),
    *OPENING_OPTIONS,
]
