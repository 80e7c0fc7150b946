"""What a child that imports one package can be asked: import it, and check its class."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cpr.contract import contract_of
from cpr.importing import importable, locate
from cpr.isolated.channel import Message
from cpr.sources import open_sources


def operations() -> Mapping[str, Callable[[Message], Message]]:
    """The one operation."""
    return {"import": _import}


def _import(message: Message) -> Message:
    sources = open_sources(message.header["target"], message.header["packages"])
    try:
        with importable(sources):
            assert sources.manifest is not None
            name = sources.manifest.prediction_class
            contract_of(locate(name, sources), name)
    finally:
        sources.close()
    return Message({})
