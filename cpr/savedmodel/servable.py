"""What every source of an export is opened as: functions over named tensors.

A source of any kind, a Keras model or a TF1 checkpoint, becomes a `Servable`;
what is done afterwards (receivers, heads, preprocessing, tags, versions,
verification) is the same for all and lies in `cpr.savedmodel.exporting`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cpr.wire.tensors import Array

PREDICT = "tensorflow/serving/predict"
CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
SUPERVISED = "tensorflow/supervised/"
"""What the methods of signatures for training and evaluation begin with."""
METHODS: dict[str, str] = {"predict": PREDICT, "classify": CLASSIFY, "regress": REGRESS}

# Tensors of TensorFlow, which must not be imported to name them.
Tensors = Mapping[str, Any]


@dataclass(frozen=True)
class ServableFunction:
    """One function that a signature may be made of.

    Attributes:
        call: Builds the graph: tensors by input name to tensors by output
            name. Called under `tf.function`, more than once.
        inputs: A `tf.TensorSpec` for each input.
        method: The signature's method name, one of the values of `METHODS`.
        reference: What the source itself answers to arrays, computed without
            `call` where that is possible: the export is compared with it.
            None where the source cannot be called.
        examples: Arrays that the inputs surely accept, if the source has some.
        has_own_examples: Whether they are the caller's: the source must take them.
    """

    call: Callable[[Tensors], Tensors]
    inputs: Mapping[str, Any]
    method: str = PREDICT
    reference: Callable[[Mapping[str, Array]], Mapping[str, Array]] | None = None
    examples: Mapping[str, Array] | None = None
    has_own_examples: bool = False


@dataclass(frozen=True)
class Servable:
    """A source, opened.

    Attributes:
        source: What it is, for messages and reports: ``Keras model 'iris'``.
        functions: Its functions by the names of the signatures they would be.
        holders: Objects whose trackable children own the tables and assets
            that the functions use; only what is used is exported.
        whole: Objects to export entire, where what is used cannot be told.
        release: Gives back what `call` and `reference` use.
    """

    source: str
    functions: Mapping[str, ServableFunction]
    holders: tuple[Any, ...] = ()
    whole: tuple[Any, ...] = ()
    release: Callable[[], None] = lambda: None

    def close(self) -> None:
        """Give back what the functions use; none is called from then on."""
        self.release()


@dataclass(frozen=True)
class SourceOptions:
    """What the caller says about a source, beyond the source itself.

    Attributes:
        build: The function that builds a TF1 graph, for a checkpoint. Called
            in an empty graph; returns what to serve, as ``(inputs, outputs)``
            by name, or a mapping of signature names to such pairs.
        tags: Which MetaGraph of several is meant.
        inputs: `tf.TensorSpec` by name for a plain function; names of tensors
            by alias for a frozen graph.
        outputs: Names of tensors by alias, for a frozen graph.
    """

    build: Callable[..., Any] | None = None
    tags: tuple[str, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
