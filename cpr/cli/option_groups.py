"""Help of a command with many options: they stand in groups, each under a heading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

Decorator = Callable[[Any], Any]

_REST = "Output"


class OptionGroup:
    """Options under one heading, in the order in which help shows them.

    Args:
        title: The heading.
        decorators: What `click.option` returned for each.
    """

    def __init__(self, title: str, decorators: Sequence[Decorator]) -> None:
        self.title = title
        self.decorators = list(decorators)
        self.names = _names(self.decorators)


class GroupedCommand(click.Command):
    """A command whose help shows `groups`, and then the options of no group."""

    groups: Sequence[OptionGroup] = ()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, group by group."""
        records = {
            item.name: record
            for item in self.get_params(ctx)
            if item.param_type_name == "option" and (record := item.get_help_record(ctx))
        }
        for group in self.groups:
            with formatter.section(group.title):
                formatter.write_dl([records.pop(name) for name in group.names])
        with formatter.section(_REST):
            formatter.write_dl(list(records.values()))


def grouped(groups: Sequence[OptionGroup]) -> Callable[[Any], Any]:
    """Give a command the options of groups."""

    def decorate(command: Any) -> Any:
        for group in reversed(groups):
            for decorator in reversed(group.decorators):
                command = decorator(command)
        return command

    return decorate


def _names(decorators: Sequence[Decorator]) -> list[str]:
    """The parameters that decorators add, in their order."""

    def probe() -> None:
        """Take parameters, which click writes down on it."""

    for decorator in reversed(decorators):
        probe = decorator(probe)
    found = reversed(probe.__click_params__)  # type: ignore[attr-defined]
    return [str(item.name) for item in found]
