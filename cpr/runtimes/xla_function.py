"""A frozen graph that TensorFlow's XLA has compiled, for the batch sizes that were listed.

XLA compiles anew for every shape, which takes longer than any request may. So
it does so for each size when the graph is loaded, and never after: a request
is filled up to the next size with its last instance, and a longer one is
answered in parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cpr.artifacts.quiet import without_noise
from cpr.errors import LoadError
from cpr.extras import import_extra
from cpr.runtimes.signatures import TensorSpec
from cpr.runtimes.tf_session import make_callable, session_config
from cpr.savedmodel.tensorflow_library import first_line, import_tensorflow
from cpr.wire.tensors import Array


class XlaFunction:
    """A graph of constants, by the names of its tensors; instances run along the first size."""

    def __init__(
        self,
        path: Path,
        inputs: Mapping[str, TensorSpec],
        outputs: Sequence[str],
        batch_sizes: Sequence[int],
    ) -> None:
        """Load a GraphDef and compile it for each batch size.

        Args:
            path: Of the GraphDef.
            inputs: The tensors that are fed, by name; all sizes but the first are known.
            outputs: The names of those that are fetched.
            batch_sizes: In rising order.

        Raises:
            LoadError: The file is damaged, or XLA cannot compile it.
        """
        tf = import_tensorflow()
        self._errors = tf.errors.OpError
        self._names = list(inputs)
        self._outputs = list(outputs)
        self._sizes = list(batch_sizes)
        protobuf = import_extra("google.protobuf.message", "tensorflow")
        try:
            with without_noise():
                self._session, fed, fetched = _open(tf, path, inputs, self._outputs)
                self._run = make_callable(self._session, fed, fetched, is_small=True)
                for size in self._sizes:
                    self._run(*(_zeros(spec, size) for spec in inputs.values()))
        except (protobuf.DecodeError, KeyError, ValueError, self._errors) as error:
            message = first_line(error, path.parent)
            raise LoadError(f"XLA cannot compile {path}: {message}") from error

    def __call__(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run it; raises RuntimeError where XLA fails."""
        count = len(feeds[self._names[0]])
        try:
            parts = [self._of_part(feeds, start, size) for start, size in self._parts(count)]
        except self._errors as error:
            raise RuntimeError(error.message) from error
        columns = zip(*parts, strict=True)
        whole = [np.concatenate(column) if len(column) > 1 else column[0] for column in columns]
        return dict(zip(self._outputs, whole, strict=True))

    def close(self) -> None:
        """Free the session."""
        self._session.close()

    def _parts(self, count: int) -> Iterator[tuple[int, int]]:
        """Where each part begins, and the batch size that it is run with."""
        largest = self._sizes[-1]
        for start in range(0, count, largest):
            yield start, next(size for size in self._sizes if size >= min(count - start, largest))

    def _of_part(self, feeds: Mapping[str, Array], start: int, size: int) -> list[Array]:
        given = [feeds[name][start : start + size] for name in self._names]
        count = len(given[0])
        if count < size:
            given = [np.concatenate([one, one[-1:].repeat(size - count, 0)]) for one in given]
        return [found[:count] for found in self._run(*given)]


def _open(
    tf: Any, path: Path, inputs: Mapping[str, TensorSpec], outputs: Sequence[str]
) -> tuple[Any, list[str], list[str]]:
    """A session of the graph inside a function for XLA, and what it is fed and fetched by."""
    definition = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    graph = tf.Graph()
    with graph.as_default():
        fed = [
            tf.compat.v1.placeholder(spec.dtype, (None, *(spec.shape or ())[1:]))
            for spec in inputs.values()
        ]

        @tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
        def compiled(*tensors: Any) -> Any:
            return tf.graph_util.import_graph_def(
                definition,
                input_map=dict(zip(inputs, tensors, strict=True)),
                return_elements=list(outputs),
                name="",
            )

        fetched = compiled(*fed)
    session = tf.compat.v1.Session(graph=graph, config=session_config(tf, is_small=True))
    return session, [one.name for one in fed], [one.name for one in fetched]


def _zeros(spec: TensorSpec, count: int) -> Array:
    return np.zeros((count, *(size or 0 for size in (spec.shape or ())[1:])), spec.dtype)
