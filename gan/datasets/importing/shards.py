"""A long list of scans in shards of whole subjects, to be registered and imported side by side."""

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gan.datasets.importing.manifest import Entry, Manifest, natural_order, write_manifest
from gan.errors import DatasetError
from gan.workflow.engine import GAN, MESHKIT

REGISTERED, SHARDS = "registered", "shards"  # folders of the work


class ScanOptions(NamedTuple):
    """How scans become a data set.

    Attributes
    ----------
    template : what is fitted to each scan; None: the meshes are registered already
    landmarks : a folder with STEM.json for any of the scans
    shard : meshes of a shard, about: no subject is divided
    register, imports : further options of `meshkit register` and of `gan data import`
    """

    template: Path | None = None
    landmarks: Path | None = None
    shard: int = 1000
    register: str = ""
    imports: str = ""


def divide(entries: Sequence[Entry], size: int) -> list[list[int]]:
    """Return the places of entries by shard: subjects stay whole, in their natural order.

    A shard is closed as soon as it has `size` entries or more, of two subjects or more: one alone
    is no data set. What remains joins the last one.
    """
    of_subject: dict[str, list[int]] = {}
    for place, entry in enumerate(entries):
        of_subject.setdefault(entry.subject, []).append(place)
    shards, open_shard, subjects = list[list[int]](), list[int](), 0
    for subject in sorted(of_subject, key=natural_order):
        open_shard += of_subject[subject]
        subjects += 1
        if len(open_shard) >= size and subjects > 1:
            shards.append(open_shard)
            open_shard, subjects = [], 0
    if subjects > 1 or not shards:
        return [*shards, open_shard]
    return [*shards[:-1], shards[-1] + open_shard]


def write_work(
    folder: Path, listing: Manifest, output: Path, work: Path, options: ScanOptions
) -> dict[str, Any]:
    """Write the shards' manifests into a folder; return the settings of the workflow.

    Raises
    ------
    DatasetError
        A file of the list does not exist; the message names the line.
    """
    for entry in listing.entries:
        if not (folder / entry.path).is_file():
            raise DatasetError(f"{listing.name(entry)}: no such file in {folder}")
    names = [f"{place:06d}" for place in range(len(listing.entries))]
    entries = list(listing.entries)
    if options.template is not None:
        entries = [e._replace(path=f"{n}.ply") for e, n in zip(entries, names, strict=True)]
    (work / SHARDS).mkdir(parents=True, exist_ok=True)
    (work / REGISTERED).mkdir(exist_ok=True)
    shards: dict[str, list[str]] = {}
    for k, places in enumerate(divide(entries, options.shard)):
        shards[f"{k:04d}"] = [names[place] for place in places]
        manifest = dataclasses.replace(listing, entries=tuple(entries[p] for p in places))
        write_manifest(work / SHARDS / f"{k:04d}.csv", manifest)
    template = options.template.resolve() if options.template else None
    words = ["--template", str(template), "--skip-bad"] if template else []
    return {
        "gan": GAN,
        "meshkit": MESHKIT,
        "scans": {
            name: {
                "path": str((folder / entry.path).resolve()),
                "landmarks": _landmarks(options.landmarks, folder / entry.path),
            }
            for name, entry in zip(names, listing.entries, strict=True)
        },
        "shards": shards,
        "template": str(template) if template else None,
        "folder": REGISTERED if template else str(folder.resolve()),
        "register": options.register,
        "import": f"{shlex.join(words)} {options.imports}".strip(),
        "output": str(output.resolve()),
    }


def _landmarks(folder: Path | None, scan: Path) -> str | None:
    file = None if folder is None else folder / f"{scan.stem}.json"
    return str(file.resolve()) if file is not None and file.is_file() else None
