"""TF1's tables and other stateful resources, as objects that TensorFlow 2 saves and restores."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cpr.savedmodel.migrating.graph_cut import cut, full_name

# Models that are migrated in one process must not share their tables.
_NUMBERS: Iterator[int] = itertools.count(1)


def tracked_resource(
    tf: Any, graph: Any, node: Any, initialize: Callable[[], None], needs: list[Any]
) -> Any:
    """A tracked object that makes the resource of a node, and fills it when a model is loaded.

    Args:
        tf: TensorFlow.
        graph: The GraphDef that the node is in.
        node: The node whose only output is the resource's handle.
        initialize: Builds the ops that fill it; called under a function.
        needs: What these ops read, tracked with it.
    """
    own = cut(graph, [f"{node.name}:0"])
    for copy in own.node:
        if copy.name == node.name:
            copy.attr["shared_name"].s = f"{node.name}_{next(_NUMBERS)}".encode()

    # TensorFlow is imported only by what runs a graph, so its classes are made when it is.
    class GraphResource(tf.saved_model.experimental.TrackableResource):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            # An asset that nothing tracks would be saved as the path that it has here.
            for index, item in enumerate(needs):
                self._track_trackable(item, name=f"need_{index}")

        def _create_resource(self) -> Any:
            return importing(tf, own, [f"{node.name}:0"], {})()[0]

        def _initialize(self) -> None:
            initialize()

    return GraphResource()


def importing(
    tf: Any, graph: Any, outputs: list[str], resources: Mapping[str, Any], *specs: tuple[str, Any]
) -> Any:
    """A function that runs a graph: values of the fed tensors to the list of the outputs.

    TensorFlow adds no order of its own to it, which loops of TF1 would not survive.

    Args:
        tf: TensorFlow.
        graph: What `cut` made.
        outputs: Names of tensors.
        resources: By name of tensor, what the function captures in its place.
        specs: The fed tensors, as pairs of a name and a `tf.TensorSpec`.
    """
    names = [name for name, _ in specs]

    def body(*values: Any) -> list[Any]:
        given = {**resources, **dict(zip(names, values, strict=True))}
        wanted = [name for name in outputs if name not in given]
        made = dict(zip(wanted, _import(tf, graph, wanted, given), strict=True))
        # What is fed must not be returned as it is.
        return [made[name] if name in made else tf.identity(given[name]) for name in outputs]

    return tf.compat.v1.wrap_function(body, [spec for _, spec in specs])


def running(tf: Any, graph: Any, operation: str, resources: Mapping[str, Any]) -> Any:
    """A function that runs one operation of a graph, for its effect."""

    # An ordinary function, which runs what has effects though nothing of it is returned.
    def body() -> None:
        _import(tf, graph, [operation], resources)

    # Traced here: calling one function after another would look like retracing to TensorFlow.
    return tf.function(body, autograph=False).get_concrete_function()


def _import(tf: Any, graph: Any, wanted: list[str], given: Mapping[str, Any]) -> list[Any]:
    read = {full_name(source) for node in graph.node for source in node.input if source[0] != "^"}
    # TensorFlow refuses a replacement of what is not there.
    replaced = {name: tf.convert_to_tensor(given[name]) for name in given if name in read}
    found: list[Any] = tf.graph_util.import_graph_def(
        graph, input_map=replaced, return_elements=wanted, name=""
    )
    return found
