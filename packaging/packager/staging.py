"""A clean copy of a model directory: what serving needs, and nothing else."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cpr.artifacts.leftovers import Leftover, leftovers
from cpr.errors import ConfigError, EnvironmentProblem, UsageError
from cpr.manifest import MemberRecord
from cpr.packager.tree import matches
from cpr.publishing import publish, unfinished_folder

_CHUNK = 1 << 20
_ANOTHER_PLACE = "Free some space, or choose another place with --stage-dir."


@dataclass(frozen=True)
class Omission:
    """Files of one kind that were left behind: how many bytes, and which."""

    reason: Leftover
    size: int
    files: tuple[str, ...]


@dataclass(frozen=True)
class StagedModel:
    """A clean copy of a model directory.

    Attributes:
        path: Where it is, or will be once it is published.
        files: What is in it.
        omissions: What was left behind, the largest first.
    """

    path: Path
    files: Mapping[str, MemberRecord]
    omissions: tuple[Omission, ...]

    @property
    def size(self) -> int:
        """The bytes of all its files."""
        return sum(record.size for record in self.files.values())


@contextmanager
def staged(
    model_dir: Path, target: Path, *, keep: Collection[str] = (), is_own: bool, epoch: int
) -> Iterator[tuple[StagedModel, Path]]:
    """Copy what serving needs of a model directory to a hidden folder beside its place.

    The caller gives the copy its name by `publish_staged`; else it is gone at the end.

    The copy holds nothing but model files. Contents, modes and times depend on
    the model's content and on `epoch` alone.

    Args:
        model_dir: The model directory; it is only read.
        target: Where the copy is to be.
        keep: Glob patterns of files that are copied whatever they look like.
        is_own: Whether `target` is a name that only `cpr` writes to; else it
            must be new, or hold nothing that the copy does not.
        epoch: The time of files and folders.

    Raises:
        ConfigError: The directory holds a broken link, a name that is no
            text, nothing that serving needs, or a pattern names no file.
        UsageError: `target` cannot be written to without loss.
        EnvironmentProblem: A file cannot be read or written.
    """
    files = _files(model_dir)
    left = _leftovers(files, keep, model_dir)
    chosen = {name: path for name, path in files.items() if name not in left}
    if not chosen:
        raise ConfigError(f"{model_dir} holds nothing that serving needs.", hint=_keep_hint(left))
    _refuse_loss(model_dir, target, set(chosen), is_own=is_own)
    omissions = _omissions(files, left)
    with unfinished_folder(target, hint=_ANOTHER_PLACE) as folder:
        records = {name: _copy(path, folder / name) for name, path in chosen.items()}
        _settle(folder, epoch)
        yield StagedModel(target, records, omissions), folder


def publish_staged(model: StagedModel, folder: Path) -> None:
    """Give the copy of a model directory its name.

    Raises:
        EnvironmentProblem: It cannot be; an older copy is whole then.
    """
    publish(folder, model.path, hint=_ANOTHER_PLACE)


def _files(model_dir: Path) -> dict[str, Path]:
    """Every file below a directory, links followed, by its path with ``/``, sorted."""
    found: dict[str, Path] = {}
    pending: list[tuple[Path, str, tuple[Path, ...]]] = [(model_dir, "", (model_dir.resolve(),))]
    while pending:
        folder, prefix, above = pending.pop()
        for path in _listed(folder):
            name = f"{prefix}{path.name}"
            if not name.isprintable() or "\\" in name:
                raise ConfigError(f"{model_dir}: the name {name!r} cannot be staged; rename it.")
            if path.is_dir():
                real = path.resolve()
                if real not in above:
                    pending.append((path, f"{name}/", (*above, real)))
            elif path.is_file():
                found[name] = path
            elif path.is_symlink():
                raise ConfigError(f"{path} is a link to {path.readlink()}, which is not there.")
    return dict(sorted(found.items()))


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise EnvironmentProblem(f"{folder} cannot be listed: {error.strerror}") from error


def _leftovers(
    files: Collection[str], keep: Collection[str], model_dir: Path
) -> dict[str, Leftover]:
    for pattern in keep:
        if not any(matches(name, pattern) for name in files):
            raise ConfigError(
                f"the pattern {pattern!r} of model files to keep names no file in {model_dir}.",
                hint="Patterns start at the model directory; ** crosses folders.",
            )
    return {
        name: reason
        for name, reason in leftovers(files).items()
        if not any(matches(name, pattern) for pattern in keep)
    }


def _keep_hint(left: Mapping[str, Leftover]) -> str:
    if not left:
        return "It is empty: train and save a model first."
    return f"Left behind: {', '.join(list(left)[:5])}. Keep files with --model-keep GLOB."


def _omissions(files: Mapping[str, Path], left: Mapping[str, Leftover]) -> tuple[Omission, ...]:
    groups: dict[Leftover, list[str]] = {}
    for name, reason in left.items():
        groups.setdefault(reason, []).append(name)
    found = [
        Omission(reason, sum(files[name].stat().st_size for name in names), tuple(sorted(names)))
        for reason, names in groups.items()
    ]
    return tuple(sorted(found, key=lambda item: (-item.size, item.reason.value)))


def _refuse_loss(model_dir: Path, target: Path, names: set[str], *, is_own: bool) -> None:
    """See that publishing the copy destroys nothing that somebody else wrote."""
    source, place = model_dir.resolve(), target.resolve()
    if source.is_relative_to(place) or place.is_relative_to(source):
        raise UsageError(
            f"the model directory {model_dir} and its copy {target} lie within each other.",
            hint="Name another place with --stage-dir.",
        )
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise UsageError(f"{target} is there and is no directory.", hint="Remove it first.")
    if is_own or not target.is_dir():
        return
    foreign = sorted(set(_files(target)) - names)
    if foreign:
        raise UsageError(
            f"{target} holds {foreign[0]}, which is none of the model's files.",
            hint="It would be lost: name a new directory with --stage-dir, or empty this one.",
        )


def _copy(source: Path, target: Path) -> MemberRecord:
    """Copy one file, and record what was written."""
    digest, size = hashlib.sha256(), 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as reader, target.open("xb") as writer:
            while piece := reader.read(_CHUNK):
                digest.update(piece)
                size += len(piece)
                writer.write(piece)
            os.fchmod(writer.fileno(), 0o644)
    except OSError as error:
        raise EnvironmentProblem(
            f"{source} cannot be copied to {target}: {error.strerror}",
            hint=_ANOTHER_PLACE,
        ) from error
    return MemberRecord(digest.hexdigest(), size)


def _settle(folder: Path, epoch: int) -> None:
    """Give files and folders their modes and times, the innermost first."""
    for top, _, names in os.walk(folder, topdown=False):
        for name in names:
            os.utime(Path(top, name), (epoch, epoch))
        Path(top).chmod(0o755)
        os.utime(top, (epoch, epoch))
