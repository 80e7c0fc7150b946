"""How the functions of a graph call one another: TensorFlow puts each into its caller.

Where they call themselves it ends the process by a segmentation fault; a
thousand deep, it takes minutes. So it does where each calls the next twice,
and that twice the next: ten such functions are a thousand in the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from cpr.errors import LoadError, shorten
from cpr.savedmodel import protos

_MOST_DEEP = 200
# Eight functions that each call the next twice take 8 s, ten more than 100 s.
_MANY = 1000
_MOST_REPEATED = 50


def refuse_endless_calls(model: protos.Message, folder: Path) -> None:
    """Refuse a SavedModel whose functions call themselves, or one another without end in sight.

    Args:
        model: The ``SavedModel`` message, of our classes or TensorFlow's.
        folder: Where it is from.

    Raises:
        LoadError: They do.
    """
    for graph in model.meta_graphs:
        calls = _calls(graph.graph_def.library)
        depths: dict[str, int] = {}
        for name in calls:
            if _depth(name, calls, depths) > _MOST_DEEP:
                raise LoadError(
                    f"{folder} has functions that call themselves, or one another more than "
                    f"{_MOST_DEEP} deep, such as {shorten(name)}.",
                    hint="TensorFlow cannot load such a graph; use models of sources that you "
                    "trust only, or export it again.",
                )
        _refuse_many(calls, graph.graph_def.library, folder)


def _refuse_many(calls: Mapping[str, set[str]], library: protos.Message, folder: Path) -> None:
    """Refuse functions that are put into one another many times as often as they are called."""
    counts = {
        function.signature.name: Counter(
            called for node in function.node_def for called in _called(node) if called in calls
        )
        for function in library.function
    }
    written = sum(sum(some.values()) for some in counts.values())
    expanded: dict[str, int] = {}
    for name in _callees_first(calls):
        some = counts[name].items()
        expanded[name] = sum(times * (1 + expanded[called]) for called, times in some)
        if expanded[name] > max(_MANY, _MOST_REPEATED * written):
            raise LoadError(
                f"{folder} has functions that call one another so often that {shorten(name)} "
                f"becomes more than {max(_MANY, _MOST_REPEATED * written):,} calls, "
                f"of {written:,} that are written down.",
                hint="TensorFlow would not come to an end with it; use models of sources that "
                "you trust only, or export it again.",
            )


def _callees_first(calls: Mapping[str, set[str]]) -> Iterator[str]:
    """The functions, each after those that it calls; they must not call themselves."""
    done: set[str] = set()
    for start in calls:
        waiting = [start]
        while waiting:
            name = waiting[-1]
            missing = [called for called in calls[name] if called not in done]
            if missing and name not in done:
                waiting += missing
                continue
            waiting.pop()
            if name not in done:
                done.add(name)
                yield name


def _calls(library: protos.Message) -> dict[str, set[str]]:
    """The functions that each function calls."""
    names = {function.signature.name for function in library.function}
    return {
        function.signature.name: {
            called for node in function.node_def for called in _called(node) if called in names
        }
        for function in library.function
    }


def _called(node: protos.Message) -> Iterator[str]:
    yield node.op
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func.name
        elif value.HasField("list"):
            yield from (item.name for item in value.list.func)


def _depth(start: str, calls: Mapping[str, set[str]], depths: dict[str, int]) -> int:
    """How many functions deep a function calls; beyond the bound where it calls itself."""
    entered = {start}
    waiting = [(start, iter(calls[start]))]
    while waiting:
        name, below = waiting[-1]
        for called in below:
            if called in depths:
                continue
            if called in entered:
                return _MOST_DEEP + 1
            entered.add(called)
            waiting.append((called, iter(calls[called])))
            break
        else:
            depths[name] = 1 + max((depths[called] for called in calls[name]), default=0)
            entered.discard(name)
            waiting.pop()
    return depths[start]
