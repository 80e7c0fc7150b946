"""The work that every server is given: items, their instances, and how a request carries them."""

from __future__ import annotations

import base64
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Protocol = Literal["instances", "bare-list", "tensors", "mlflow", "fixed"]
# Bodies that are checked; the first one is the one that is timed.
VARIANTS = 6

_JOBS = ("admin", "tech", "Services ", "student", "pilot")
_CITIES = ("Paris", "tokyo", "lima", "bern")


@dataclass(frozen=True)
class Item:
    """A request of one kind: `work` names the predictor that answers it."""

    name: str
    work: str
    rows: int
    title: str
    connections: tuple[int, ...]


ITEMS = {
    item.name: item
    for item in (
        Item("sklearn-1", "sklearn", 1, "scikit-learn pipeline, 1 row", (1, 8, 64)),
        Item("savedmodel-1", "savedmodel", 1, "SavedModel, 1 row", (1, 8, 64)),
        Item("sklearn-256", "sklearn", 256, "scikit-learn pipeline, 256 rows", (8,)),
        Item("savedmodel-64", "savedmodel", 64, "SavedModel, 64 rows", (8,)),
        Item("one-hot-8", "one-hot", 8, "objects, one-hot, RandomForest, 8 rows", (8,)),
        Item("echo-1mb", "echo", 64, "echo of 64 x 1024 numbers, 1 MB", (8,)),
        Item("picture-1mb", "picture", 1, "echo of a picture in base64, 1 MB", (8,)),
    )
}


def instances(item: Item, variant: int) -> list[Any]:
    """The instances of one body; the same on every machine."""
    pick = random.Random(f"{item.name}-{variant}")
    return [_ROWS[item.work](pick) for _ in range(item.rows)]


def request(protocol: Protocol, item: Item, rows: list[Any]) -> dict[str, Any]:
    """The JSON document that carries these instances to a server that speaks `protocol`."""
    if protocol == "mlflow":
        return {"dataframe_records": rows} if item.work == "one-hot" else {"inputs": rows}
    if protocol != "tensors":
        return {"instances": rows}
    if item.work == "one-hot":
        return {"inputs": [_column(name, [row[name] for row in rows]) for name in rows[0]]}
    if item.work == "picture":
        return {"inputs": [_tensor("x", "BYTES", [len(rows), 1], rows)]}
    kind = "FP32" if item.work == "savedmodel" else "FP64"
    flat = [value for row in rows for value in row]
    return {"inputs": [_tensor("x", kind, [len(rows), len(rows[0])], flat)]}


def agrees(protocol: Protocol, document: Any, expected: list[Any]) -> bool:
    """Whether a server's answer holds the expected predictions, within float32's rounding."""
    if protocol == "fixed":
        return True
    found = list(_flat(_predictions(protocol, document)))
    wanted = list(_flat(expected))
    return len(found) == len(wanted) and all(map(_same, found, wanted))


def _predictions(protocol: Protocol, document: Any) -> Any:
    if protocol == "bare-list":
        return document
    return document["outputs"][0]["data"] if protocol == "tensors" else document["predictions"]


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, float) and isinstance(found, (int, float)):
        return math.isclose(found, wanted, rel_tol=1e-4, abs_tol=1e-5)
    return bool(found == wanted)


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for part in value:
            yield from _flat(part)
    else:
        yield value


def _column(name: str, values: list[Any]) -> dict[str, Any]:
    if isinstance(values[0], str):
        return _tensor(name, "BYTES", [len(values), 1], values)
    return _tensor(name, "FP64", [len(values), 1], [float(value) for value in values])


def _tensor(name: str, datatype: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def _flower(pick: random.Random) -> list[float]:
    sizes = ((4, 8), (2, 4.4), (1, 7), (0.1, 2.5))
    return [round(pick.uniform(low, high), 2) for low, high in sizes]


def _customer(pick: random.Random) -> dict[str, Any]:
    return {
        "age": pick.randint(18, 90),
        "balance": round(pick.gauss(1500, 900), 2),
        "duration": pick.randint(1, 900),
        "visits": pick.randint(0, 9),
        "job": pick.choice(_JOBS),
        "marital": pick.choice(("single", "married")),
        "education": pick.choice(("primary", "tertiary")),
        "city": pick.choice(_CITIES),
    }


_ROWS = {
    "sklearn": _flower,
    "savedmodel": lambda pick: [round(pick.gauss(0, 1), 4) for _ in range(13)],
    "one-hot": _customer,
    "echo": lambda pick: [round(pick.uniform(-1, 1), 12) for _ in range(1024)],
    "picture": lambda pick: base64.b64encode(pick.randbytes(768 << 10)).decode(),
}
