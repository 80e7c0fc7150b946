"""Words for samples: some that a model's vocabularies hold, and some that none does."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from cpr.savedmodel.meta_graph import assets, find_asset
from cpr.savedmodel.protos import Message
from cpr.savedmodel.samples.features import constant_texts

PLACEHOLDER = b"\x01"
"""What begins the word that stands for one that was pruned from a vocabulary."""
_MOST = 200


def words_for(meta_graph: Message, folder: Path) -> list[bytes]:
    """Some words that the tables of a graph know, and some that they cannot.

    Args:
        meta_graph: Of the SavedModel in `folder`, whose assets are read.
        folder: The directory of the SavedModel.
    """
    paths = [find_asset(folder, asset.filename) for asset in assets(meta_graph)]
    found = lines_of(path for path in paths if path is not None)
    graph = meta_graph.graph_def
    for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
        for name, values in constant_texts(nodes).items():
            # Names of variables are no words.
            if "Restore" in name or any(b"/" in one for one in values[:9]):
                continue
            if len(values) > 2:
                found.extend(values[:_MOST])
    return known_and_unknown(found)


def lines_of(files: Iterable[Path]) -> list[bytes]:
    """The first lines of vocabulary files."""
    found: list[bytes] = []
    for path in files:
        with path.open("rb") as file:
            found.extend(line.rstrip(b"\r\n") for line in islice(file, _MOST))
    return found


def known_and_unknown(known: Iterable[bytes]) -> list[bytes]:
    """Words that a model knows, each once, and then some that it surely does not."""
    words = (one for one in known if one and not one.startswith(PLACEHOLDER))
    return [*dict.fromkeys(words), b"", b"never seen"]
