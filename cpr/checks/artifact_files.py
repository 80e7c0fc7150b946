"""What lies in the model directory and need not be uploaded, and how much it all is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from cpr.artifacts.leftovers import Leftover, leftovers
from cpr.checks.content import content_of
from cpr.checks.profiles import profile_named
from cpr.checks.subject import Subject
from cpr.findings import Finding, rule
from cpr.savedmodel.bundle import read_index
from cpr.savedmodel.optimizer_state import is_optimizer_state
from cpr.savedmodel.sorted_table import DamagedIndex

CHECKPOINTS = rule(
    "CPR330",
    "warning",
    "Training checkpoints are in the model directory",
    cause="The exported model beside them is all that serving reads. Every instance downloads the "
    "whole directory before its first request, so checkpoints cost start-up time and count "
    "towards the platform's limit.",
    cure="Leave them out: `cpr package --model-dir` stages a clean model directory, and "
    "`cpr clean` writes one from a training directory.",
    example="""
    model/saved_model.pb
    model/variables/…
    model/model.ckpt-10000.data-00000-of-00001    # not read
    """,
)
SLOTS = rule(
    "CPR331",
    "warning",
    "The variables hold the optimizer's state",
    cause="Adam and its like keep one or two further numbers for each weight. Saved with the "
    "model, they double or triple its size, and no prediction reads them.",
    cure="Export for inference only: `model.export(PATH)` in Keras 3, "
    "`tf.saved_model.save(model, PATH)` of a model that was not compiled, or "
    "`include_optimizer=False` in Keras 2. `cpr clean` takes it out of an export that is there.",
)
EVENTS = rule(
    "CPR332",
    "warning",
    "TensorBoard events and evaluation results are in the model directory",
    cause="They are logs of the training. No prediction reads them.",
    cure="Write logs to a directory of their own; `cpr package --model-dir` leaves them out.",
)
GRAPH = rule(
    "CPR333",
    "note",
    "Descriptions of the graph for people are in the model directory",
    cause="`graph.pbtxt` and `saved_model_debug_info.pb` are for TensorBoard and debuggers; the "
    "SavedModel holds its graph itself.",
    cure="Leave them out; `cpr package --model-dir` does.",
)
TRAINING = rule(
    "CPR334",
    "warning",
    "State of the training is in the model directory",
    cause="Optimizer, scheduler and random state are for going on with a training.",
    cure="Leave them out; `cpr package --model-dir` does.",
)
VERSION_CONTROL = rule(
    "CPR335",
    "warning",
    "Version control is in the model directory",
    cause="`.git` and its like hold every former version of the files, deleted secrets included.",
    cure="Export into a directory of its own; `cpr package --model-dir` leaves it out.",
)
LITTER = rule(
    "CPR336",
    "note",
    "Caches, editor files or notebooks are in the model directory",
    cause="Tools leave them behind. No prediction reads them, and notebooks show data.",
    cure="Leave them out; `cpr package --model-dir` does.",
)
TOO_LARGE = rule(
    "CPR350",
    "error",
    "The model directory is larger than the platform takes",
    cause="AI Platform took 500 MB on mls1 machines and 10 GB on others, and refused the version "
    "otherwise. The size counts every file in the directory, what serving never reads too.",
    cure="Leave out what serving does not need, export without the optimizer's state, or use a "
    "machine or platform with a higher limit.",
)
TOO_MANY = rule(
    "CPR351",
    "error",
    "The model directory has more files than the platform takes",
    cause="AI Platform took at most 1,000 files, those never read included.",
    cure="Leave out what serving does not need, or put many small files into one archive that "
    "from_path opens.",
)

_IDS: Mapping[Leftover, str] = {
    Leftover.CHECKPOINT: CHECKPOINTS,
    Leftover.EVENTS: EVENTS,
    Leftover.EVALUATION: EVENTS,
    Leftover.GRAPH: GRAPH,
    Leftover.DEBUG: GRAPH,
    Leftover.TRAINING: TRAINING,
    Leftover.VERSION_CONTROL: VERSION_CONTROL,
    Leftover.CACHE: LITTER,
    Leftover.EDITOR: LITTER,
    Leftover.SYSTEM: LITTER,
    Leftover.NOTEBOOK: LITTER,
    Leftover.HIDDEN: LITTER,
}
_NAMED = 4


def check(subject: Subject) -> Iterator[Finding]:
    """Look at the names and sizes of all files of the model directory."""
    if subject.model_dir is None:
        return
    sizes = {
        path.relative_to(subject.model_dir).as_posix(): path.stat().st_size
        for path in sorted(subject.model_dir.rglob("*"))
        if path.is_file()
    }
    yield from _leftovers(subject, sizes)
    yield from _optimizer_state(subject, subject.model_dir)
    yield from _limits(subject, sizes)


def package_files(subject: Subject) -> Iterator[Path]:
    """The files of the package, or those that would be in it; none of a bare class."""
    files = content_of(subject).files
    if files is not None:
        yield from files.values()
    elif subject.sources.is_unpacked:
        for root in subject.sources.roots:
            yield from (path for path in sorted(root.rglob("*")) if path.is_file())


def size_text(size: int) -> str:
    """A size for people, in decimal units as the platforms' limits are."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def _leftovers(subject: Subject, sizes: Mapping[str, int]) -> Iterator[Finding]:
    by_id: dict[str, list[str]] = {}
    for path, reason in leftovers(sizes).items():
        by_id.setdefault(_IDS[reason], []).append(path)
    for identity, paths in by_id.items():
        total = sum(sizes[path] for path in paths)
        files = "one file" if len(paths) == 1 else f"{len(paths)} files"
        listed = ", ".join(paths[:_NAMED]) + (
            f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
        )
        yield Finding(
            identity,
            f"{files} of {size_text(total)} that serving does not read: {listed}",
            file=_shown(subject, paths[0]),
            data={"files": paths, "bytes": total},
        )


def _shown(subject: Subject, path: str) -> str:
    return subject.relative(subject.model_dir / path) if subject.model_dir else path


def _optimizer_state(subject: Subject, model_dir: Path) -> Iterator[Finding]:
    for index in sorted(model_dir.rglob("variables/variables.index")):
        try:
            variables = read_index(index)
        except DamagedIndex:
            continue  # told by the check for damage
        slots = {
            name: item.total_size for name, item in variables.items() if is_optimizer_state(name)
        }
        total, whole = sum(slots.values()), sum(item.total_size for item in variables.values())
        # A counter alone, as of a model that was never trained, is not worth a word.
        if total * 100 > whole:
            yield Finding(
                SLOTS,
                f"{size_text(total)} of {size_text(whole)} are the state of an optimizer, in "
                f"{len(slots)} of {len(variables)} variables, such as {next(iter(slots))!r}",
                file=subject.relative(index),
                data={"bytes": total, "variables": len(slots)},
            )


def _limits(subject: Subject, sizes: Mapping[str, int]) -> Iterator[Finding]:
    profile = profile_named(subject.profile)
    total = sum(sizes.values())
    if profile.model_dir_bytes and total > profile.model_dir_bytes:
        largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[:_NAMED]
        listed = ", ".join(f"{path} ({size_text(sizes[path])})" for path in largest)
        yield Finding(
            TOO_LARGE,
            f"the model directory has {size_text(total)}; {profile.name} takes "
            f"{size_text(profile.model_dir_bytes)}. The largest: {listed}",
            data={"bytes": total, "limit": profile.model_dir_bytes},
        )
    if profile.model_dir_files and len(sizes) > profile.model_dir_files:
        yield Finding(
            TOO_MANY,
            f"the model directory has {len(sizes)} files; {profile.name} takes "
            f"{profile.model_dir_files}",
            data={"files": len(sizes), "limit": profile.model_dir_files},
        )
