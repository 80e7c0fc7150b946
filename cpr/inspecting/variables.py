"""The variables of a SavedModel: their names, which are stored twice, which are for training."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cpr.errors import shorten
from cpr.inspecting.inspection import Problem, Role, Variable
from cpr.inspecting.objects import full_names, read_objects, slot_keys
from cpr.savedmodel import protos
from cpr.savedmodel.bundle import Entry, read_index
from cpr.savedmodel.sorted_table import DamagedIndex
from cpr.savedmodel.trackables import OBJECT_GRAPH_KEY, DamagedTrackables

_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
VARIABLES = "variables/variables"
"""What the names of a SavedModel's files of variables begin with."""
# Of TensorFlow 1: what its optimizers call their variables, after the variable's own name.
_SLOT = re.compile(
    r"(.+)/(Adam|Adam_1|AdaMax(_1)?|Adadelta(_1)?|Adagrad|AdagradDA.*|Ftrl(_1)?|Momentum"
    r"|RMSProp(_1|_2)?|Nadam(_1)?|[mv]hat|[mvu])"
)
_STEP = re.compile(r"(.*/)?(beta[12]_power|global_step|learning_rate|iterations?|decay)")
_OPTIMIZER = re.compile(
    r"(.*/)?_?optimizer(_\w+)?/.+|.*/\.OPTIMIZER_SLOT/.+"
    r"|training(_\d+)?/(Ada(m|max|grad|delta)|Ftrl|Nadam|RMSprop|SGD)(_\d+)?/.+"
)
_TRAINING = re.compile(r"(.*/)?(keras_api/metrics|_?metrics|save_counter)(/.+)?|save_counter")
_AGAIN = "Copy the model again, whole and in binary mode, or export it again."


@dataclass(frozen=True)
class Stored:
    """What ``variables/`` holds.

    Attributes:
        entries: By key; empty where the index is missing or damaged.
        objects: The ``TrackableObjectGraph`` among them, if there is one.
        problems: What is wrong with the files.
    """

    entries: Mapping[str, Entry]
    objects: protos.Message | None = None
    problems: tuple[Problem, ...] = ()


def read_stored(folder: Path, name: str = VARIABLES) -> Stored:
    """Read the index of variables, and compare it with the files beside it.

    Args:
        folder: Of a SavedModel or a checkpoint.
        name: What their names in the folder begin with.
    """
    prefix = folder / name
    index = prefix.with_name(f"{prefix.name}.index")
    if not index.is_file():
        return Stored({}, problems=tuple(_without_index(prefix, name)))
    try:
        entries = read_index(index)
    except DamagedIndex as error:
        message = f"{name}.index is damaged: {error}."
        return Stored({}, problems=(Problem("error", "index-damaged", message, _AGAIN),))
    except OSError as error:
        message = f"{name}.index cannot be read: {error.strerror}."
        return Stored({}, problems=(Problem("error", "index-damaged", message, _AGAIN),))
    shards = shards_of(prefix)
    problems = list(_shard_problems(shards, entries, name))
    try:
        return Stored(entries, read_objects(shards, entries), tuple(problems))
    except DamagedTrackables:
        problems.append(
            Problem(
                "warning",
                "objects-damaged",
                f"{OBJECT_GRAPH_KEY} among the variables is damaged.",
                _AGAIN,
            )
        )
        return Stored(entries, problems=tuple(problems))


def variables_of(stored: Stored, reached: Collection[str] | None) -> tuple[Variable, ...]:
    """Every variable; `reached` are the keys that signatures reach, None where unknown."""
    slots = set(slot_keys(stored.objects))
    names = full_names(stored.objects)
    firsts: dict[tuple[object, ...], Entry] = {}
    made = []
    for entry in stored.entries.values():
        first = firsts.setdefault(_content(entry), entry)
        is_copy = first is not entry and _places(first) != _places(entry)
        is_reached = None if reached is None else entry.name in reached
        # An optimizer of Keras 3 holds the weights themselves too, under names of its own.
        role = "optimizer" if entry.name in slots else role_of(entry.name, stored.entries)
        made.append(
            Variable(
                names.get(entry.name) or entry.name.removesuffix(_SUFFIX),
                entry.dtype,
                entry.shape,
                entry.total_size,
                key=entry.name,
                role="weight" if is_reached else role,
                duplicate_of=first.name if is_copy and entry.total_size else "",
                is_reached=is_reached,
            )
        )
    return tuple(made)


def role_of(key: str, others: Collection[str]) -> Role:
    """What a variable is for, told from its name among the others'."""
    if key == OBJECT_GRAPH_KEY:
        return "bookkeeping"
    path = key.removesuffix(_SUFFIX)
    slot = _SLOT.fullmatch(path)
    if _OPTIMIZER.fullmatch(path) or (slot and slot[1] in others):
        return "optimizer"
    return "training" if _STEP.fullmatch(path) or _TRAINING.fullmatch(path) else "weight"


def shards_of(prefix: Path) -> dict[int, Path]:
    """The files of variables whose names begin with a prefix, by their numbers."""
    form = re.compile(rf"{re.escape(prefix.name)}\.data-(\d{{5}})-of-\d{{5}}")
    names = prefix.parent.iterdir() if prefix.parent.is_dir() else ()
    return {int(match[1]): path for path in names if (match := form.fullmatch(path.name))}


def _without_index(prefix: Path, name: str) -> Iterator[Problem]:
    if shards_of(prefix):
        yield Problem("error", "index-missing", f"{name}.index is missing.", _AGAIN)


def _content(entry: Entry) -> tuple[object, ...]:
    """What two variables with the same bytes have in common, without reading them."""
    checksums = tuple(piece.crc32c for piece in entry.pieces)
    return entry.dtype, entry.shape, entry.total_size, checksums


def _places(entry: Entry) -> tuple[tuple[int, int], ...]:
    return tuple((piece.shard, piece.offset) for piece in entry.pieces)


def _shard_problems(
    shards: Mapping[int, Path], entries: Mapping[str, Entry], name: str
) -> Iterator[Problem]:
    needed: dict[int, Entry] = {}
    for entry in entries.values():
        for piece in entry.pieces:
            last = needed.setdefault(piece.shard, piece)
            if piece.offset + piece.size > last.offset + last.size:
                needed[piece.shard] = piece
    for number, last in sorted(needed.items()):
        if number not in shards:
            yield Problem(
                "error",
                "shard-missing",
                f"{name}.data-{number:05d}-of-… is missing; {shorten(last.name)} "
                "and others are in it.",
                _AGAIN,
            )
        elif (size := shards[number].stat().st_size) < last.offset + last.size:
            yield Problem(
                "error",
                "shard-too-short",
                f"{PurePosixPath(name).with_name(shards[number].name)} has {size:,} bytes and "
                f"ends before {shorten(last.name)} does.",
                _AGAIN,
            )
