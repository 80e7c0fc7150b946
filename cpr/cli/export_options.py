"""What the flags of ``cpr export-model`` say, as arguments of `cpr.savedmodel.export`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cpr.cli.options import tags_of
from cpr.errors import CprError, UsageError, UserCodeError, shorten
from cpr.replay.lines import decode, numbered_lines, parse_json, read_file

if TYPE_CHECKING:
    from cpr.savedmodel import Head
    from cpr.savedmodel.exporting.versions import Version

Trust = Literal["data", "listed", "full"]
_SPEC = re.compile(r"(?P<dtype>[a-z]+\d*)\[(?P<sizes>[^\]]*)\]")
_PICKLES = (".joblib", ".pkl", ".pickle")


def find_object(reference: str, held: ExitStack) -> Any:
    """The object that ``module:name`` or ``path/to/file.py:name`` leads to.

    Its module stays importable until `held` is closed.

    Raises:
        CprError: There is none, or the user's module raised.
    """
    # CLI start-up time: only what is written in Python needs them.
    from cpr.importing import importable, locate
    from cpr.sources import open_sources

    sources = held.enter_context(open_sources(reference))
    held.enter_context(importable(sources))
    if not sources.class_name:
        raise UsageError(
            f"{shorten(reference)} names no object.",
            hint="Write module:name, or path/to/file.py:name.",
        )
    return locate(sources.class_name, sources)


def refuse_wrong_path(source: str) -> None:
    """Refuse a path that holds nothing to export, before TensorFlow takes its seconds.

    Raises:
        CprError: It does not exist, or is of no known kind.
    """
    # CLI start-up time: numpy.
    from cpr.savedmodel.exporting.dispatch import kind_of
    from cpr.savedmodel.servable import SourceOptions

    if _is_path(source):
        kind_of(source, SourceOptions())


def find_source(source: str, held: ExitStack) -> Any:
    """A path as it is; else the object that is meant, or what a function without parameters makes.

    Raises:
        CprError: There is no such object, or the user's code raised.
    """
    if _is_path(source):
        return source
    found = find_object(source, held)
    if not callable(found) or hasattr(found, "get_concrete_function") or _takes_something(found):
        return found
    # CLI start-up time: as above.
    from cpr.user_errors import describe, explained

    try:
        return found()
    except CprError:
        raise
    except Exception as error:
        problem = f"{source} was called and raised {describe(error)}"
        raise explained(UserCodeError, problem, error) from error


def find_preprocessing(named: str | None, trust: Trust | None, held: ExitStack) -> Any:
    """The function or pickled transformer that ``--preprocess`` names.

    Raises:
        CprError: There is none, or the pickle is refused.
    """
    if named is None:
        return None
    if named.endswith(_PICKLES):
        # CLI start-up time: numpy.
        from cpr.artifacts.pickles import load_pickle
        from cpr.config import PredictorSettings

        settings = PredictorSettings(trust=trust) if trust else PredictorSettings()
        return load_pickle(Path(named), settings)
    if Path(named).is_file():
        raise UsageError(
            f"--preprocess {shorten(named)} is no pickle of a transformer, by its name.",
            hint=f"Give a {', '.join(_PICKLES)} file, or a function as path/to/file.py:name.",
        )
    return find_object(named, held)


def heads_of(
    signatures: Sequence[str],
    outputs: Sequence[str],
    methods: Sequence[str],
    labels: Sequence[str],
) -> dict[str, Head] | None:
    """The heads that ``--signature``, ``--head``, ``--method`` and ``--labels`` describe.

    Raises:
        UsageError: One of them is not ``NAME=…``.
    """
    # CLI start-up time: numpy.
    from cpr.savedmodel import Head

    named = (pair.partition("=") for pair in signatures)
    functions = {name: function or name for name, _, function in named}
    kept = {name: _renamed(text) for name, text in _pairs("--head", outputs)}
    method_of = dict(_pairs("--method", methods))
    labels_of = {name: _lines(path) for name, path in _pairs("--labels", labels)}
    names = list(dict.fromkeys([*functions, *kept, *method_of, *labels_of]))
    return {
        name: Head(
            functions.get(name),
            outputs=kept.get(name, ()),
            method=method_of.get(name, ""),
            labels=labels_of.get(name, ()),
        )
        for name in names
    } or None


def graphs_of(pairs: Sequence[str]) -> dict[tuple[str, ...], dict[str, str]]:
    """The further MetaGraphs of ``--graph TAGS=FUNCTION``.

    Raises:
        UsageError: One of them is something else, or names no tags.
    """
    return {
        some_tags("--graph", tags): {"serving_default": name}
        for tags, name in _pairs("--graph", pairs)
    }


def some_tags(flag: str, text: str) -> tuple[str, ...]:
    """The tags of a graph that is written.

    Raises:
        UsageError: There are none.
    """
    tags = tags_of(text)
    if not tags:
        raise UsageError(
            f"{flag} names no tags: nothing that serves would find the graph.",
            hint="Servers look for the tag serve.",
        )
    return tags


def tensors_of(tf: Any, flag: str, pairs: Sequence[str]) -> dict[str, Any]:
    """The specs, or names of tensors, that ``--input`` or ``--output`` gives.

    Raises:
        UsageError: One of them is neither.
    """
    return {name: _tensor(tf, f"{flag} {name}", text) for name, text in _pairs(flag, pairs)}


def version_of(text: str) -> Version:
    """The version that ``--version`` says.

    Raises:
        UsageError: It is no number and none of the words.
    """
    if text == "none":
        return None
    if text == "next":
        return "next"
    if text == "time":
        return "time"
    if text.isascii() and text.isdigit():
        return int(text)
    raise UsageError(
        f"--version is {text!r}.", hint="Expected a number, or one of next, time and none."
    )


def read_lines_of_json(path: str | None) -> list[Any]:
    """The JSON values of a file, one a line; bytes where they are ``{"b64": …}``.

    Raises:
        BadFile: The file cannot be read, or a line is not JSON.
    """
    if path is None:
        return []
    # CLI start-up time: numpy.
    from cpr.wire.b64 import decode_b64

    content, name = read_file(path)
    return [
        decode_b64(parse_json(text, name, number, hint="Write one JSON value a line."))
        for number, text in numbered_lines(content, name)
    ]


def read_json(path: str) -> Any:
    """The one JSON value of a file.

    Raises:
        BadFile: The file cannot be read, or is not JSON.
    """
    content, name = read_file(path)
    return parse_json(decode(content, name, 1), name, 1, hint="Write one JSON object.")


def _pairs(flag: str, pairs: Iterable[str]) -> Iterable[tuple[str, str]]:
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator or not name or not text:
            raise UsageError(f"{flag} takes NAME=…, not {shorten(pair)}.")
        yield name, text


def _renamed(text: str) -> Mapping[str, str]:
    parts = [part.partition(":") for part in text.split(",")]
    return {new: old or new for new, _, old in parts}


def _lines(path: str) -> list[str]:
    content, name = read_file(path)
    return [text for _, text in numbered_lines(content, name)]


def _tensor(tf: Any, what: str, text: str) -> Any:
    found = _SPEC.fullmatch(text)
    if found is None:
        return text
    try:
        dtype = tf.as_dtype(found["dtype"])
        listed = [size.strip() for size in found["sizes"].split(",") if size.strip()]
        sizes = [None if size == "any" else int(size) for size in listed]
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{what} is {shorten(text)}.",
            hint="Write a type and sizes, such as float32[any,4]; or the name of a tensor.",
        ) from error
    return tf.TensorSpec(sizes, dtype)


def _is_path(source: str) -> bool:
    return ":" not in source or Path(source).exists()


def _takes_something(function: Any) -> bool:
    # CLI start-up time: inspect.
    import inspect

    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(parameter.default is parameter.empty for parameter in parameters)
