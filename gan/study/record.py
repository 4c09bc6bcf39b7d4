"""`study.json`: what a study was asked for, what it rests on, and what was done when and how."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gan.errors import CheckpointError
from gan.provenance import provenance
from meshkit.files import atomic_path

FILE = "study.json"
FORMAT = "meshkit-gan study 1"
RUNS = "runs"
FIGURES = "figures.json"
OWN = {FILE, RUNS, FIGURES, "data", "figures"}  # what a folder may hold before a study begins in it


@dataclass
class Record:
    """What a study's folder says about itself.

    Attributes
    ----------
    asked : command, size, seed, and what else makes it another study
    sources : face model and data sets, with what identifies them
    stages : by name: key (all that the stage depends on), minutes, seed, device, versions, …
    """

    asked: dict[str, Any]
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)

    def is_done(self, stage: str, key: object) -> bool:
        """Tell whether a stage was done with all that it depends on as it is now."""
        return bool(self.stages.get(stage, {}).get("key") == _as_json(key))

    def save(self, folder: Path) -> None:
        """Write the file, whole or not at all."""
        content = {
            "format": FORMAT,
            "asked": self.asked,
            "sources": self.sources,
            "stages": self.stages,
        }
        with atomic_path(folder / FILE, durable=True) as aside:
            aside.write_text(json.dumps(content, indent=1) + "\n")


def note(
    *, key: object, minutes: float, seed: int, device: str, versions: Any = None, **more: Any
) -> dict[str, Any]:
    """Return what is recorded of a stage that is done."""
    return {
        "key": _as_json(key),
        "minutes": round(minutes, 3),
        "seed": seed,
        "device": device,
        "recorded": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions or provenance(),
        **more,
    }


def read_record(folder: Path) -> Record | None:
    """Return the record of a study's folder; None where none has begun.

    Raises
    ------
    CheckpointError
        The file is damaged, or of another version of this software.
    """
    if folder.is_file():
        raise CheckpointError(f"{folder} is a file: name a folder")
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise CheckpointError(
                f"{folder / FILE}: format {content['format']!r}, this software reads {FORMAT!r}"
            )
        return Record(dict(content["asked"]), dict(content["sources"]), dict(content["stages"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(
            f"{folder / FILE} is damaged ({error}): delete it; runs and data stay and are found"
        ) from None


def open_record(folder: Path, asked: dict[str, Any]) -> Record:
    """Return the record of a folder, or a new one; nothing is written.

    Raises
    ------
    CheckpointError
        The folder holds another study, or something else.
    """
    found = read_record(folder)
    if found is not None:
        for key, value in asked.items():
            if found.asked.get(key) != value:
                raise CheckpointError(
                    f"{folder} holds a study with {key} {found.asked.get(key)!r}, not {value!r}: "
                    "choose another folder"
                )
        return found
    if folder.exists():
        strange = sorted(p.name for p in folder.iterdir() if p.name[0] != "." and p.name not in OWN)
        if strange:
            raise CheckpointError(
                f"{folder} holds {strange[0]}, but no study: name a new or an empty folder"
            )
    return Record(dict(asked))


def _as_json(value: object) -> Any:
    """Return a value as it comes back from a file."""
    return json.loads(json.dumps(value, sort_keys=True, default=str))
