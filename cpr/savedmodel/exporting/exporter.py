"""One function from every kind of source to a servable SavedModel."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from cpr.errors import UsageError
from cpr.savedmodel.exporting.dispatch import open_source
from cpr.savedmodel.exporting.exported import Exported, describe
from cpr.savedmodel.exporting.plan import Plan
from cpr.savedmodel.exporting.surroundings import full_disks_told, look_around
from cpr.savedmodel.exporting.verifying import Proof, Tolerance, prove
from cpr.savedmodel.exporting.versions import Retention, Version, collect, publish, staged
from cpr.savedmodel.exporting.warmup import write_warmup
from cpr.savedmodel.exporting.writing import write
from cpr.savedmodel.fresh import Run, run_fresh, run_here
from cpr.savedmodel.servable import SourceOptions
from cpr.savedmodel.tensorflow_library import import_tensorflow, version_2, without_deprecations


def export(
    source: Any,
    out_dir: str | Path,
    *,
    signatures: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
    outputs: Mapping[str, Any] | None = None,
    preprocess: Any = None,
    postprocess: Callable[..., Any] | None = None,
    examples: Mapping[str, Any] | None = None,
    any_batch: bool = True,
    tags: Sequence[str] = ("serve",),
    more_graphs: Mapping[Any, Mapping[str, Any]] | None = None,
    build: Callable[..., Any] | None = None,
    source_tags: Sequence[str] = (),
    assets: Sequence[str | Path] = (),
    extra_files: Sequence[str | Path] = (),
    warmup: Sequence[Mapping[str, Any]] = (),
    samples: Sequence[Any] | Mapping[str, Sequence[Any]] | None = None,
    version: Version = "next",
    keep: int | Retention | None = None,
    tolerance: Tolerance = Tolerance(),  # noqa: B008 - it cannot be changed
    fresh: bool = False,
) -> Exported:
    """Export a source of any kind as a SavedModel, and publish it once it is proven.

    The finished directory is loaded again, `fresh` says in a process of its
    own, and every signature run on `samples` and compared with the source;
    then it gets its name, at once. ``docs/export-model.md`` has the whole story.

    Args:
        source: A Keras model, `tf.Module` or `tf.function`; or the path of a Keras
            file, SavedModel, checkpoint, frozen graph or Estimator directory.
        out_dir: Where the numbered versions are; the SavedModel itself if `version` is None.
        signatures: A `Head`, function, function's name or list of outputs by signature.
        inputs: `tf.TensorSpec` by name, of `preprocess` or of the source; see `build`.
        outputs: Names of tensors by alias, for a frozen graph, as `inputs` then.
        preprocess: A function of tensors, or a fitted scikit-learn transformer.
        examples: A feature spec: every signature takes serialized `tf.Example`s.
        more_graphs: Signatures by tags, of further MetaGraphs over the same variables.
        build: The function that builds a TF1 graph, for a checkpoint.
        source_tags: Which MetaGraph of the source is meant.
        extra_files: Files for ``assets.extra/``; `assets` are for ``assets/``.
        warmup: Request bodies that TensorFlow Serving runs before it serves the version.
        keep: How many exports to keep, or which; None removes none.

    Raises:
        CprError: A subclass that says whose fault it is; nothing has appeared then.
    """
    plan = Plan(preprocess, postprocess, inputs or {}, examples, any_batch, samples)
    files = _Files(_existing(assets), _existing(extra_files), warmup)
    own_inputs = {} if preprocess is not None else inputs or {}
    options = SourceOptions(build, tuple(source_tags), own_inputs, outputs or {})
    wanted = _graphs(tuple(tags), signatures, more_graphs or {})
    place = _Place(Path(out_dir).expanduser(), version, _retention(keep, version))
    runner = run_fresh if fresh else run_here
    return _export(source, options, wanted, plan, files, place, partial(prove, runner, tolerance))


@dataclass(frozen=True)
class _Files:
    """What travels with the graph."""

    assets: Sequence[Path]
    extra: Sequence[Path]
    warmup: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class _Place:
    """Where the export goes."""

    target: Path
    version: Version
    retention: Retention | None


def _export(
    source: Any,
    options: SourceOptions,
    wanted: Mapping[tuple[str, ...], Mapping[str, Any] | None],
    plan: Plan,
    files: _Files,
    place: _Place,
    prove_it: Callable[..., list[Proof]],
) -> Exported:
    beside = look_around(source, options, place.target)
    tf = import_tensorflow()
    with (
        without_deprecations(tf),
        version_2(tf),
        full_disks_told(tf, place.target),
        staged(place.target, place.version) as folder,
        closing(open_source(tf, source, options)) as opened,
    ):
        plan = plan.with_graphs(tf)
        servable = replace(opened, holders=(*opened.holders, *plan.holders(wanted.values())))
        graphs = [(tags, plan.signatures_of(tf, servable, own)) for tags, own in wanted.items()]
        notes = write(tf, graphs, servable, folder, assets=files.assets)
        for path in files.extra:
            (folder / "assets.extra").mkdir(exist_ok=True)
            shutil.copyfile(path, folder / "assets.extra" / path.name)
        warm = write_warmup(tf, files.warmup, graphs[0][1], folder) if files.warmup else []
        runs = [Run(name, arrays, graphs[0][0]) for name, arrays in warm]
        proofs = prove_it(folder, graphs, must_run=runs)
        # Before it is published: another export may collect it at once.
        report = describe(folder, servable.source, proofs)
        path = publish(folder, place.target, place.version)
    removed, left = (
        collect(place.target, place.retention, sparing=path) if place.retention else ([], [])
    )
    notes = [*beside, *notes, *left]
    return replace(report, path=path, removed=tuple(removed), notes=tuple(notes))


def _retention(keep: int | Retention | None, version: Version) -> Retention | None:
    if keep is not None and version is None:
        raise UsageError("keep is for numbered versions, and version is None.")
    return Retention(keep) if isinstance(keep, int) else keep


def _graphs(
    tags: tuple[str, ...],
    signatures: Mapping[str, Any] | None,
    more: Mapping[Any, Mapping[str, Any]],
) -> dict[tuple[str, ...], Mapping[str, Any] | None]:
    """What each MetaGraph serves, by its tags."""
    sets = [tags, *map(_tags, more)]
    for one in sets:
        if not all(one) or not one:
            raise UsageError(
                "a graph would have no tags: nothing that serves would find it.",
                hint="Leave the tags out, or name them; servers look for the tag serve.",
            )
    if len(set(map(frozenset, sets))) < len(sets):
        raise UsageError("two graphs have the same tags.", hint="Give each tags of its own.")
    return dict(zip(sets, [signatures, *more.values()], strict=True))


def _tags(tags: Any) -> tuple[str, ...]:
    return tuple(tags.split(",")) if isinstance(tags, str) else tuple(tags)


def _existing(paths: Sequence[str | Path]) -> list[Path]:
    files = [Path(path) for path in paths]
    for path in files:
        if not path.is_file():
            raise UsageError(f"{path} is not a file.", hint="Name the files to bring along.")
    names = [path.name for path in files]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two of the files are called {name}.", hint="Rename one.")
    return files
