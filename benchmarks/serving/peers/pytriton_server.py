"""NVIDIA PyTriton: Triton's server with a Python callable in this process, V2 protocol as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import work
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

Infer = Callable[..., dict[str, np.ndarray]]
Bound = tuple[Infer, list[Tensor], list[Tensor]]


def sklearn() -> Bound:
    """Four numbers to a class."""
    model = work.pipeline()
    infer = batch(lambda x: {"y": model.predict(x).reshape(-1, 1)})
    return infer, [_tensor("x", np.float64, 4)], [_tensor("y", np.int64, 1)]


def savedmodel() -> Bound:
    """Thirteen numbers to three."""
    run = work.signature()
    infer = batch(lambda x: {"y": run(x)})
    return infer, [_tensor("x", np.float32, 13)], [_tensor("y", np.float32, 3)]


def echo() -> Bound:
    """What came in."""
    infer = batch(lambda x: {"y": x})
    return infer, [_tensor("x", np.float64, 1024)], [_tensor("y", np.float64, 1024)]


def picture() -> Bound:
    """What came in, text."""
    infer = batch(lambda x: {"y": x})
    return infer, [_tensor("x", bytes, 1)], [_tensor("y", bytes, 1)]


def one_hot() -> Bound:
    """A column for each key of the objects."""
    predict = work.forest().predict
    numbers = [_tensor(name, np.float64, 1) for name in ("age", "balance", "duration", "visits")]
    words = [_tensor(name, bytes, 1) for name in ("job", "marital", "education", "city")]

    @batch
    def infer(**columns: np.ndarray) -> dict[str, np.ndarray]:
        lists = [_plain(column.ravel()) for column in columns.values()]
        objects = [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]
        return {"y": np.asarray(predict(objects), dtype=np.int64).reshape(-1, 1)}

    return infer, [*numbers, *words], [_tensor("y", np.int64, 1)]


def _plain(column: np.ndarray) -> list[Any]:
    return [v.decode() for v in column] if column.dtype == object else column.tolist()


def _tensor(name: str, dtype: Any, width: int) -> Tensor:
    return Tensor(name=name, dtype=dtype, shape=(width,))


BINDINGS = {
    "sklearn": sklearn,
    "savedmodel": savedmodel,
    "echo": echo,
    "picture": picture,
    "one-hot": one_hot,
}

if __name__ == "__main__":
    config = TritonConfig(
        http_address="127.0.0.1",
        http_port=work.PORT,
        grpc_address="127.0.0.1",
        grpc_port=work.PORT + 2000,
        allow_metrics=False,
        log_verbose=0,
    )
    with Triton(config=config) as triton:
        infer, inputs, outputs = BINDINGS[work.WORK]()
        batcher = DynamicBatcher(max_queue_delay_microseconds=0)
        model = ModelConfig(batching=True, max_batch_size=1024, batcher=batcher)
        triton.bind("m", infer, inputs, outputs, config=model, strict=True)
        triton.serve()
