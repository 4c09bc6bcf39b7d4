"""The data sets of a study: made from a face model, or given; the same ones until it ends."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from gan.datasets.benchmark.open_faces import NAME, VERSION, make_open_faces, open_faces_size
from gan.datasets.make import make_dataset, named_size
from gan.datasets.morphable import load_face_model
from gan.datasets.procedural import ProceduralHead
from gan.datasets.source import FaceSource
from gan.datasets.store import Dataset, load_dataset
from gan.errors import DatasetError
from gan.parallel import processors
from gan.study.plan import Plan
from gan.study.record import Record
from gan.study.sizes import Data

Report = Callable[[str, int, int], None]  # what is being done, how far, of how much (0: unknown)
FILES: dict[Data, str] = {"benchmark": "open-faces.h5", "speaking": "speaking.h5"}


class Sources(NamedTuple):
    """What data sets are made from, or taken from.

    Attributes
    ----------
    model : a face model file; None: the embedded head
    given : a data set to use in place of the benchmark
    """

    model: Path | None = None
    given: Path | None = None


def settle_sources(sources: Sources, record: Record) -> Sources:
    """Complete what is not given from the record of the study, and note what is, in place.

    Raises
    ------
    DatasetError
        Another face model, or another data set, than the study began with.
    OSError
        A file does not exist or cannot be read.
    """
    known = record.sources
    if sources.model is not None:
        digest = _digest(sources.model)
        if "model" in known and known["model"].get("sha256") != digest:
            raise DatasetError(
                f"{sources.model} is another face model than the study began with "
                f"({known['model'].get('path') or 'the embedded head'}): choose another folder"
            )
        known["model"] = {"path": str(sources.model.resolve()), "sha256": digest}
    elif "model" in known:
        path = known["model"]["path"]
        sources = sources._replace(model=Path(path) if path else None)
    else:
        known["model"] = {"path": None, "sha256": None}
    before = known.get("benchmark", {})
    if sources.given is None and before.get("given"):
        sources = sources._replace(given=Path(before["path"]))
    elif sources.given is not None and before and not before["given"]:
        raise DatasetError(
            f"the study has a benchmark of its own; to use {sources.given}, choose another folder"
        )
    return sources


def find_data(
    which: Data, folder: Path, plan: Plan, sources: Sources, record: Record
) -> Dataset | None:
    """Open a data set of the study; None: it is still to be made.

    Raises
    ------
    DatasetError
        It is not what the study asks for, or has changed since the study began.
    OSError
        A data set that was given is not there.
    """
    known = record.sources.get(which, {})
    given = sources.given if which == "benchmark" else None
    path = given or data_path(which, folder)
    if given is None and not path.exists():
        return None
    opened = load_dataset(path)
    if given is None:
        _check_origin(which, opened, plan, record)
    if known and known["fingerprint"] != opened.fingerprint:
        raise DatasetError(
            f"{path} has changed since the study began: its fingerprint was "
            f"{known['fingerprint'][:12]}…, now it is {opened.fingerprint[:12]}…; put the file "
            "back, or choose another folder for another study"
        )
    return opened


def make_data(
    which: Data, folder: Path, plan: Plan, sources: Sources, record: Record, report: Report
) -> Dataset:
    """Make a data set of the study, note it in the record, and open it.

    Raises
    ------
    DatasetError
        The face model is damaged; what was made differs from what the study began with.
    OSError
        The face model is missing, or the file cannot be written.
    """
    path = data_path(which, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    source: FaceSource = ProceduralHead()
    if sources.model is not None:
        source = load_face_model(sources.model)
    if which == "benchmark":
        size = plan.budget.benchmark
        total = open_faces_size(size).meshes
        jobs = 1 if total < 2000 else processors()
        make_open_faces(source, path, size=size, seed=plan.seed, jobs=jobs, progress=report)
    else:
        numbers = named_size(plan.budget.speaking)
        total = numbers.meshes
        jobs = 1 if total < 2000 else processors()
        make_dataset(
            source, path, size=numbers, seed=plan.seed, visemes=True, jobs=jobs, progress=report
        )
    opened = find_data(which, folder, plan, sources, record)
    assert opened is not None
    return opened


def note_data(which: Data, opened: Dataset, sources: Sources, record: Record) -> None:
    """Remember in the record, in place, which data set this is."""
    given = which == "benchmark" and sources.given is not None
    record.sources[which] = {
        "path": str(opened.path.resolve()),
        "fingerprint": opened.fingerprint,
        "given": given,
        "meshes": opened.n,
        "vertices": len(opened.template),
    }


def data_path(which: Data, folder: Path) -> Path:
    """Return where the study keeps a data set that it makes."""
    return folder / "data" / FILES[which]


def _check_origin(which: Data, opened: Dataset, plan: Plan, record: Record) -> None:
    """Refuse a file of another size, seed or source than the study's."""
    origin = opened.provenance
    parameters, source = origin.get("parameters", {}), origin.get("source", {})
    if which == "benchmark":
        wanted: dict[str, Any] = {"benchmark": NAME, "version": VERSION}
        wanted |= {"size": plan.budget.benchmark, "seed": plan.seed}
    else:
        wanted = {**vars(named_size(plan.budget.speaking)), "seed": plan.seed, "visemes": True}
    for key, value in wanted.items():
        if parameters.get(key) != value:
            raise DatasetError(
                f"{opened.path}: {key} is {parameters.get(key)!r}, the study asks for {value!r}: "
                "move the file away, or choose another folder"
            )
    digest = record.sources["model"]["sha256"]
    if source.get("sha256") != digest:
        asked = record.sources["model"]["path"] or "the embedded head"
        raise DatasetError(
            f"{opened.path} was made from {source.get('file') or source.get('name')}, the study "
            f"asks for {asked}: name the face model with --model, or choose another folder"
        )


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
