"""The contract of a predictor, and the optional base class that spells it out.

A predictor is any class with two members: ``from_path(model_dir)`` and
``predict(instances, **kwargs)``. That is the contract of AI Platform
Prediction's custom prediction routines; nothing else is needed, and a class
written for that platform runs as it is. `Predictor` adds hooks for those who
subclass it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Predictor:
    """The base class of a predictor; subclassing it is optional.

    A plain class with `from_path` and `predict` serves equally well. The
    hooks below are called on subclasses of `Predictor` only: classes written
    for AI Platform have helper methods of those names, which must not run
    twice.

    One object serves a whole process. `predict` is called by one thread at a
    time.
    """

    batchable: bool = False
    """Whether several requests may share one `predict`.

    True promises that the prediction of an instance does not depend on its
    neighbours, that `predict` returns one prediction for each instance, in
    order, and that `instances` is a list.
    """

    decodes_b64: bool = False
    """Whether ``{"b64": …}`` objects become bytes before `predict`, unless configured."""

    @classmethod
    def from_path(cls, model_dir: str) -> Any:
        """Build the predictor from an unpacked model directory.

        Called once, positionally, before the first request. `model_dir` is an
        absolute local path without a trailing slash. Raise to refuse to
        serve. A subclass that names a keyword-only parameter `settings` gets
        the `cpr.config.PredictorSettings` too.
        """
        raise TypeError(f"{cls.__qualname__} must define the classmethod from_path(cls, model_dir)")

    def predict(self, instances: Any, **kwargs: Any) -> Any:
        """Return the predictions for `instances`.

        Called once for each request, or once for several when `batchable`.

        Args:
            instances: The request's ``instances``, decoded from JSON; the
                output of `preprocess` where that is defined.
            **kwargs: Every other top-level key of the request that this
                signature takes.

        Returns:
            Anything that JSON can hold, and numpy arrays and scalars,
            tensors, DataFrames, tuples and bytes.

        Raises:
            cpr.BadInput: The request is at fault; the client gets the message
                with status 400. Any other exception is status 500.
        """
        raise TypeError(f"{type(self).__qualname__} must define predict(self, instances, **kwargs)")

    def preprocess(self, instances: Any) -> Any:
        """Turn instances as they came into what `predict` takes."""
        return instances

    def postprocess(self, predictions: Any) -> Any:
        """Turn what `predict` returned into what the client gets."""
        return predictions

    def warmup(self) -> None:
        """Run once after `from_path` and before the first request."""

    def close(self) -> None:
        """Release what `from_path` took; called once when the process ends its work."""


class Stats(dict[str, float]):
    """The timings that AI Platform handed to predict as its keyword `stats`.

    A routine measures a stage with ``with stats.time("lookup"): …``; the
    stage's microseconds are then stored under that name.
    """

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Store the microseconds that the block takes under `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self[name] = (time.perf_counter() - start) * 1e6
