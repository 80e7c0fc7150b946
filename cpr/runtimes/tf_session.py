"""One SavedModel in one TensorFlow session: every signature of TF1 and TF2 exports.

The session's callables are what TensorFlow Serving runs too: the declared
shapes are not enforced, reference variables and scalar signatures work, and
a call costs a fraction of ``tf.saved_model.load(…).signatures``.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cpr.errors import BadInput, EnvironmentProblem, LoadError
from cpr.extras import import_extra
from cpr.runtimes.least_ranks import check_ranks, least_ranks
from cpr.runtimes.saved_model_files import choose_tags, read_signatures, size_bytes
from cpr.runtimes.signatures import Signature
from cpr.savedmodel.tensorflow_library import (
    EXPORT_AGAIN,
    first_line,
    run_error,
    without_deprecations,
)
from cpr.wire.tensors import Array

# Up to this size a model is quickest on the thread that calls it.
SMALL_MODEL_BYTES = 64 << 20

_Run = Callable[[Mapping[str, Array]], dict[str, Array]]


class TfSession:
    """A loaded MetaGraph.

    Attributes:
        signatures: The signatures that can be called, by name.
        tags: The tags of the MetaGraph.
        least_ranks: What images need, by signature.
        unrestored: Variables that signatures read but that got no value.
    """

    def __init__(self, tf: Any, folder: Path, tags: tuple[str, ...]) -> None:
        """Load the MetaGraph with exactly these tags; none means ``serve``.

        Raises:
            LoadError: The files are damaged or incomplete, no MetaGraph has
                these tags, or TensorFlow does not know an op.
        """
        self._tf = tf
        self._folder = folder
        self.tags = choose_tags(folder, tags)
        self._is_small = size_bytes(folder) <= SMALL_MODEL_BYTES
        self._graph = tf.Graph()
        self._session = tf.compat.v1.Session(
            graph=self._graph, config=session_config(tf, is_small=self._is_small)
        )
        self._runs: dict[str, _Run] = {}
        self._lock = threading.Lock()
        loaded = self._load()
        try:
            self.signatures: Mapping[str, Signature] = read_signatures(self._graph, loaded)
            self.least_ranks = least_ranks(self._graph, loaded, self.signatures)
        except (KeyError, ValueError, TypeError) as error:  # a name that is no tensor's
            raise self._cannot_load(error) from error
        is_tf2 = bool(loaded.object_graph_def.nodes)
        self.unrestored = self._find_unrestored() if is_tf2 else []
        if not hasattr(self._session, "_make_callable_from_options"):
            raise EnvironmentProblem(
                f"TensorFlow {tf.__version__} no longer has session callables, "
                "which the SavedModel predictor runs on.",
                hint="pip install 'tensorflow<2.22'",
            )

    def run(self, signature: Signature, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run one signature; may be called from several threads.

        Raises:
            BadInput: TensorFlow says that shapes or values do not fit, or would
                end the process.
            PredictionFailed: The model failed in another way.
        """
        run = self._runs.get(signature.name) or self.prepare(signature)
        try:
            return run(feeds)
        except (self._tf.errors.OpError, UnicodeDecodeError) as error:
            raise run_error(self._tf, error, self._folder) from error

    def prepare(self, signature: Signature) -> _Run:
        """Prune and optimise the graph for one signature, without running it."""
        with self._lock:
            if signature.name not in self._runs:
                try:
                    self._runs[signature.name] = self._make_run(signature)
                except self._tf.errors.OpError as error:
                    raise run_error(self._tf, error, self._folder) from error
            return self._runs[signature.name]

    def graph(self) -> tuple[Any, Any]:
        """The session and its graph, for who turns them into another form."""
        return self._session, self._graph

    def close(self) -> None:
        """Free the session; `run` must not be called afterwards."""
        self._runs.clear()
        self._session.close()

    def _load(self) -> Any:
        tf = self._tf
        try:
            with self._graph.as_default(), without_deprecations(tf):
                return tf.compat.v1.saved_model.load(
                    self._session, list(self.tags), str(self._folder)
                )
        except Exception as error:
            raise self._cannot_load(error) from error

    def _cannot_load(self, error: Exception) -> LoadError:
        self._session.close()
        message = first_line(error, self._folder)
        hint = EXPORT_AGAIN
        if "Op type not registered" in message:
            hint = "A library defines that op; import it in a predictor class of your own."
        return LoadError(
            f"TensorFlow {self._tf.__version__} cannot load {self._folder}: {message}", hint=hint
        )

    def _find_unrestored(self) -> list[str]:
        tensors = [s.name for sig in self.signatures.values() for s in sig.outputs.values()]
        pending = [self._graph.get_tensor_by_name(name).op for name in tensors if name]
        seen = set(pending)
        while pending:
            op = pending.pop()
            before = [t.op for t in op.inputs] + list(op.control_inputs)
            pending += [o for o in before if o not in seen]
            seen.update(before)
        handles = [op for op in seen if op.type == "VarHandleOp"]
        with self._graph.as_default():
            checks = [self._tf.raw_ops.VarIsInitializedOp(resource=op.outputs[0]) for op in handles]
        done = self._session.run(checks) if checks else []
        return [op.name for op, is_done in zip(handles, done, strict=True) if not is_done]

    def _make_run(self, signature: Signature) -> _Run:
        inputs = {alias: spec.name for alias, spec in signature.inputs.items()}
        outputs = {alias: spec.name for alias, spec in signature.outputs.items()}
        for alias, name in (inputs | outputs).items():
            if not name:
                raise BadInput(
                    f"Signature {signature.name!r} cannot be called with JSON: "
                    f"{alias!r} is not a dense tensor."
                )
        # TensorFlow feeds and fetches a tensor once, and not both.
        feeds = {name: alias for alias, name in inputs.items()}
        fetches = list(dict.fromkeys(name for name in outputs.values() if name not in feeds))
        call = make_callable(self._session, list(feeds), fetches, is_small=self._is_small)

        # By tensor, since a Keras model's signature has names of its own for them.
        declared = self.signatures[signature.name].inputs
        least = {
            feeds[declared[alias].name]: rank
            for alias, rank in self.least_ranks.get(signature.name, {}).items()
        }

        def run(values: Mapping[str, Array]) -> dict[str, Array]:
            if least:
                check_ranks(values, least)
            given = [values[alias] for alias in feeds.values()]
            found = dict(zip(fetches, call(*given) if fetches else (), strict=True))
            found.update(zip(feeds, given, strict=True))
            return {alias: _plain(found[name]) for alias, name in outputs.items()}

        return run


def make_callable(
    session: Any, feeds: Sequence[str], fetches: Sequence[str], *, is_small: bool
) -> Callable[..., Any]:
    """What runs a session's graph from these tensors to those, at the least cost."""
    config_pb2 = import_extra("tensorflow.core.protobuf.config_pb2", "tensorflow")
    options = config_pb2.RunOptions()
    if is_small and not os.environ.get("TF_NUM_INTEROP_THREADS"):
        # The thread that calls: handing over to a pool and back makes 9 µs 60.
        options.inter_op_thread_pool = -1
    made: Callable[..., Any] = session._make_callable_from_options(
        config_pb2.CallableOptions(feed=list(feeds), fetch=list(fetches), run_options=options)
    )
    return made


def session_config(tf: Any, *, is_small: bool) -> Any:
    """Threads as measured: one each is quickest for small models, a process a core."""
    config = tf.compat.v1.ConfigProto(allow_soft_placement=True)
    if is_small:
        # 0 lets TensorFlow read the variable itself.
        given = os.environ.get
        config.intra_op_parallelism_threads = 0 if given("TF_NUM_INTRAOP_THREADS") else 1
        config.inter_op_parallelism_threads = 0 if given("TF_NUM_INTEROP_THREADS") else 1
    return config


def _plain(value: Any) -> Array:
    """An output as numpy knows it; bfloat16 and its like become float32."""
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype.kind == "V" else array
