"""A folder of registered meshes becomes a data set: every step of `gan data import` in order."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan.datasets.contract import SPLITS, STILL, UNLABELLED
from gan.datasets.importing.alignment import BLOCK, Alignment, Rules, align
from gan.datasets.importing.manifest import Entry, Manifest, classes_of
from gan.datasets.importing.outliers import Limit, Outlier, find_outliers, find_twins
from gan.datasets.importing.reading import Reference, read_reference, read_registered
from gan.datasets.importing.selection import EVERYTHING, Wanted, why_untrainable
from gan.datasets.importing.splitting import split_subjects
from gan.datasets.importing.vertex_list import LANDMARKS, read_vertex_list
from gan.datasets.importing.work import WorkFolder, recall, store
from gan.datasets.processes import Map, crew
from gan.datasets.store import write_dataset
from gan.errors import DatasetError
from gan.progress import Progress, counter, silent
from gan.provenance import software
from meshkit.errors import MeshError
from meshkit.sealed import is_whole

THRESHOLD = 5.0  # robust deviations above the median
MAX_BAD = 20  # unusable meshes after which reading stops, unless they are left out
MAX_NAMED = 4  # of them in one message
SHARES = (0.8, 0.1, 0.1)


@dataclasses.dataclass(frozen=True)
class ImportOptions:
    """What `gan data import` lets one choose; lengths in files are `unit`s.

    Attributes
    ----------
    template : gives the topology and holds the orientation; default the first mesh.
    up, front : the axes of the files.   align : False leaves the meshes where they are.
    align_on : file that lists the vertices which hold the alignment; default all.
    shares : of train, validation, test.   threshold : of outliers, in robust deviations.
    neutral : the expression whose mean becomes the template.
    wanted : the part of every mesh that is kept.
    skip_bad : leave out meshes that cannot be used instead of stopping.
    """

    template: Path | None = None
    unit: str = "auto"
    up: str = "+y"
    front: str = "+z"
    align: bool = True
    align_on: Path | None = None
    landmarks: Path | None = None
    shares: Sequence[float] = SHARES
    seed: int = 0
    threshold: float = THRESHOLD
    drop_outliers: bool = False
    wanted: Wanted = EVERYTHING
    skip_bad: bool = False
    neutral: str = "neutral"
    jobs: int = 1


@dataclasses.dataclass(frozen=True)
class Imported:
    """What an import did; entry k of `entries` and of the measures is mesh k of the data set."""

    entries: tuple[Entry, ...]
    unit: str
    unit_from: str
    split_from: str
    alignment: Alignment
    limits: dict[str, Limit]
    outliers: list[Outlier]  # indices into `entries`; of dropped ones into `dropped`
    dropped: tuple[Entry, ...]
    twins: list[tuple[int, ...]]
    bad: list[tuple[Entry, str]]
    notes: list[str]
    untrainable: MeshError | None  # what keeps the surface from being flattened


def import_dataset(
    folder: Path,
    manifest: Manifest,
    out: Path,
    options: ImportOptions,
    *,
    source: str = "manifest",
    progress: Progress = silent,
) -> Imported:
    """Read, check, align and write; equal files and options give equal bytes.

    Meshes that were read stay in a folder beside `out` until the data set is written, so that an
    interrupted import goes on where it stopped. The result does not depend on `options.jobs`.

    Parameters
    ----------
    source
        How the data set names where it comes from.

    Raises
    ------
    DatasetError
        Meshes cannot be used (the line of the manifest is named) and `skip_bad` is off; nothing is
        left; the unit cannot be inferred; subjects cannot be split.
    MeshError
        The template is damaged.
    ValueError
        An option is out of range.
    OSError
        A file cannot be read, or the data set not written.
    """
    if options.jobs < 1:
        raise ValueError(f"jobs must be 1 or more, got {options.jobs}")
    if not out.parent.is_dir():
        raise FileNotFoundError(2, "No such folder", str(out.parent))
    manifest.check()
    split, split_from = split_subjects(manifest, options.shares, seed=options.seed)
    reference, unit, unit_from = _find_reference(folder, manifest, options)
    landmarks = None
    if options.landmarks is not None:
        landmarks = _kept_list(options.landmarks, reference, count=LANDMARKS)
    rules = Rules(reference, _weights(options.align_on, reference), options.align)
    work = WorkFolder(out, _fingerprint(reference))
    with crew(options.jobs, rules) as run:
        places, bad = _read(folder, manifest, work, run, options.skip_bad, progress)
        kept = [entry for entry in manifest.entries if entry.line in places]
        aligned = _align(kept, places, split, options.neutral, rules, run, progress)
        limits, outliers = find_outliers(aligned.measures, options.threshold)
        dropped: tuple[Entry, ...] = ()
        if options.drop_outliers and outliers:
            out_of = {outlier.place for outlier in outliers}
            dropped = tuple(kept[outlier.place] for outlier in outliers)
            kept = [entry for k, entry in enumerate(kept) if k not in out_of]
            aligned = _align(kept, places, split, options.neutral, rules, run, progress)
    tables = _tables(manifest, kept, split)
    result = Imported(
        entries=tuple(kept),
        unit=unit,
        unit_from=unit_from,
        split_from=split_from,
        alignment=aligned,
        limits=limits,
        outliers=outliers,
        dropped=dropped,
        twins=find_twins(aligned.measures.digest),
        bad=bad,
        notes=tables.pop("notes"),
        untrainable=why_untrainable(*reference.chosen()),
    )
    write_dataset(
        out,
        faces=reference.chosen()[1],
        template=aligned.template,
        vertices=_vertices(kept, places, aligned, counter(progress, "writing", len(kept))),
        n=len(kept),
        landmarks=landmarks,
        provenance=_provenance(manifest, options, result, source),
        **tables,
    )
    work.remove()
    return result


def _find_reference(
    folder: Path, manifest: Manifest, options: ImportOptions
) -> tuple[Reference, str, str]:
    first = manifest.entries[0]
    path = options.template or folder / first.path
    try:
        return read_reference(
            path, unit=options.unit, up=options.up, front=options.front, wanted=options.wanted
        )
    except (MeshError, FileNotFoundError) as error:
        where = str(path) if options.template else manifest.name(first)
        reason = "does not exist" if isinstance(error, OSError) else _reason(error, path)
        raise DatasetError(f"{where}: {reason}") from error


def _read(
    folder: Path, manifest: Manifest, work: WorkFolder, run: Map, skip_bad: bool, progress: Progress
) -> tuple[dict[int, Path], list[tuple[Entry, str]]]:
    """Read what is not there yet; return where each line's vertices are, and what was refused."""
    places, bad, missing = dict[int, Path](), list[tuple[Entry, str]](), list[Entry]()

    def refuse(entry: Entry, reason: str) -> None:
        places.pop(entry.line, None)
        bad.append((entry, reason))
        if not skip_bad and len(bad) == MAX_BAD:
            raise _all_bad(manifest, bad, more=True)

    for entry in manifest.entries:
        try:
            places[entry.line] = work.place(folder / entry.path)
        except FileNotFoundError:
            refuse(entry, "does not exist")
            continue
        if not is_whole(places[entry.line]):
            missing.append(entry)
    advance = counter(progress, "reading", len(manifest.entries))
    advance(len(manifest.entries) - len(missing) - len(bad))
    jobs = [(folder / entry.path, places[entry.line]) for entry in missing]
    for entry, reason in zip(missing, run(read_mesh, jobs), strict=True):
        if reason is not None:
            refuse(entry, reason)
        advance(1)
    if bad and not skip_bad:
        raise _all_bad(manifest, bad)
    if not places:
        raise DatasetError(f"{manifest.source}: no mesh can be used; {bad[0][0].path}: {bad[0][1]}")
    return places, sorted(bad, key=lambda pair: pair[0].line)


def _all_bad(
    manifest: Manifest, bad: list[tuple[Entry, str]], *, more: bool = False
) -> DatasetError:
    """Return one error for all meshes that cannot be used."""
    (entry, reason), *others = sorted(bad, key=lambda pair: pair[0].line)
    said = f"{manifest.name(entry)}: {reason}"
    for entry, reason in others[: MAX_NAMED - 1]:
        said += f"; line {entry.line}: {entry.path}: {reason}"
    if len(bad) > MAX_NAMED or more:
        said += f"; and {len(bad) - MAX_NAMED}{' or more' if more else ''} others"
    return DatasetError(said, remedy="skip-bad")


def read_mesh(rules: Rules, job: tuple[Path, Path]) -> str | None:
    """Read one mesh and keep it; return why it cannot be used. A task of a crew."""
    path, place = job
    try:
        store(place, read_registered(path, rules.reference))
    except MeshError as error:
        return _reason(error, path)
    except PermissionError as error:
        return str(error.strerror)
    return None


def _reason(error: Exception, path: Path) -> str:
    return str(error).removeprefix(str(path)).lstrip(": ")


def _align(
    entries: list[Entry],
    places: dict[int, Path],
    split: dict[str, int],
    neutral: str,
    rules: Rules,
    run: Map,
    progress: Progress,
) -> Alignment:
    """Align the meshes; the template is the mean of the neutral training meshes, if any."""
    if not entries:
        raise DatasetError("every mesh is an outlier: nothing is left to write")
    train = np.array([split[entry.subject] == 0 for entry in entries])
    calm = np.array([entry.labels.get("expression") == neutral for entry in entries])
    chosen = next(c for c in (train & calm, train, np.ones_like(train)) if c.any())
    return align([places[entry.line] for entry in entries], chosen, rules, run, progress)


def _tables(manifest: Manifest, entries: list[Entry], split: dict[str, int]) -> dict[str, Any]:
    """Return the arrays of the data set beside the vertices, and notes on what was left out.

    Subjects are numbered train first, then by first appearance, so that the classes of "identity"
    that occur in training come first.
    """
    people = sorted(dict.fromkeys(e.subject for e in entries), key=lambda name: split[name])
    number = {name: k for k, name in enumerate(people)}
    sequences: dict[tuple[str, str], int] = {}
    stills: dict[str, int] = {}
    sequence, frame = [], []
    for entry in entries:
        if entry.sequence:
            key = (entry.subject, entry.sequence)
            sequence.append(sequences.setdefault(key, len(sequences)))
            frame.append(entry.frame)
        else:
            place = stills.get(entry.subject, 0)
            stills[entry.subject] = place + 1
            sequence.append(STILL)
            frame.append(place if entry.frame is None else entry.frame)
    labels, names, notes = {}, {}, list[str]()
    columns = {factor: classes_of(entries, factor) for factor in manifest.factors}
    if "identity" not in columns:
        columns["identity"] = people
        entries = [e._replace(labels={**e.labels, "identity": e.subject}) for e in entries]
    for factor, classes in columns.items():
        if len(classes) < 2:
            labelled = f"one class, {classes[0]!r}" if classes else "no label"
            notes.append(f"factor {factor} is left out: it has {labelled}")
            continue
        index = {name: c for c, name in enumerate(classes)}
        labels[factor] = np.array(
            [index[e.labels[factor]] if factor in e.labels else UNLABELLED for e in entries]
        )
        names[factor] = classes
    if not labels:
        raise DatasetError(f"{manifest.source}: no factor has two classes, not even the subject")
    return {
        "labels": labels,
        "names": names,
        "subject": np.array([number[e.subject] for e in entries]),
        "sequence": np.array(sequence),
        "frame": np.array(frame),
        "split": np.array([split[e.subject] for e in entries]),
        "notes": notes,
    }


def _vertices(
    entries: list[Entry],
    places: dict[int, Path],
    aligned: Alignment,
    advance: Callable[[int], None],
) -> Iterator[np.ndarray]:
    for start in range(0, len(entries), BLOCK):
        block = entries[start : start + BLOCK]
        motions = aligned.motions[start : start + BLOCK]
        yield np.stack(
            [
                motion.apply(recall(places[entry.line]).astype(np.float64))
                for entry, motion in zip(block, motions, strict=True)
            ]
        )
        advance(len(block))


def _kept_list(path: Path, reference: Reference, *, count: int | None = None) -> np.ndarray:
    """Read a list of vertices of the files' mesh; return their places among those kept."""
    listed = read_vertex_list(path, len(reference.V), count=count)
    if reference.selection is None:
        return listed
    return reference.selection.of(listed, str(path))


def _weights(path: Path | None, reference: Reference) -> np.ndarray | None:
    if path is None:
        return None
    weights = np.zeros(len(reference.chosen()[0]))
    weights[_kept_list(path, reference)] = 1.0
    return weights


def _fingerprint(reference: Reference) -> str:
    """Return a hash of all that decides how a file is read and whether it is accepted."""
    digest = hashlib.sha256(f"{software()} {reference.scale}".encode())
    kept = () if reference.selection is None else reference.selection
    for array in (reference.V, reference.F, reference.rotation, *kept):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _provenance(
    manifest: Manifest, options: ImportOptions, result: Imported, source: str
) -> dict[str, Any]:
    """Return what an import was told and found; no paths, no times."""
    listed = hashlib.sha256(repr([entry[1:] for entry in manifest.entries]).encode())
    return {
        "made_by": "gan data import",
        "software": software(),
        "source": {"name": source, "manifest_sha256": listed.hexdigest()},
        "parameters": {
            "unit": result.unit,
            "unit_from": result.unit_from,
            "up": options.up,
            "front": options.front,
            "aligned": options.align,
            "aligned_on_some_vertices": options.align_on is not None,
            "split": dict(zip(SPLITS, options.shares, strict=True)),
            "split_from": result.split_from,
            "outlier_threshold": options.threshold,
            "neutral": options.neutral,
            "kept": options.wanted.to_dict(),
        },
        "listed": len(manifest.entries),
        "refused": len(result.bad),
        "outliers": len(result.outliers),
        "outliers_dropped": len(result.dropped),
        "alignment_passes": result.alignment.passes,
        "alignment_rms_mm": round(float(np.median(result.alignment.measures.rms)), 6),
    }
