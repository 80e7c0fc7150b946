"""What of a SavedModel TensorFlow must not be given: it would hang, end the process or read on.

A SavedModel is a program, and TensorFlow runs it as it is; but nobody exports
one like these, and where one is refused it can be said why.
"""

from __future__ import annotations

from pathlib import Path

from cpr.errors import LoadError, shorten
from cpr.savedmodel import protos
from cpr.savedmodel.calls import refuse_endless_calls
from cpr.savedmodel.meta_graph import assets, leads_out


def refuse_unloadable(model: protos.Message, folder: Path) -> None:
    """Refuse a SavedModel that TensorFlow cannot take, or should not.

    Its functions call themselves, or an asset leads out of its directory.

    Args:
        model: The ``SavedModel`` message, of our classes.
        folder: Where it was read from, which has refused what is no file there.

    Raises:
        LoadError: It is such a one.
    """
    for graph in model.meta_graphs:
        for asset in assets(graph):
            refuse_asset_outside(asset.filename, folder)
    refuse_endless_calls(model, folder)


def refuse_asset_outside(filename: str, folder: Path) -> None:
    """Refuse an asset that a SavedModel names outside of its ``assets/``.

    Raises:
        LoadError: It leads out.
    """
    if leads_out(filename):
        raise LoadError(
            f"{folder} names the asset {shorten(filename)}, which is not in its assets/.",
            hint="Do not use this model unless you know where it comes from.",
        )
