"""Checkpoints: safetensors and JSON, written aside and renamed, checksummed; nothing is pickled.

A run's folder `checkpoints/` holds one folder per kept step:

    step-00000250/model.safetensors   the face model (what `load_model` reads)
    step-00000250/state.safetensors   everything else that a resumed run needs
    step-00000250/state.json          step, counters, and the sha256 of the two files
"""

import hashlib
import json
import os
import re
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from gan.errors import CheckpointError
from gan.models.contract import FaceGenerator
from gan.models.files import load_face_model

MODEL, STATE, RECORD = "model.safetensors", "state.safetensors", "state.json"


def write_checkpoint(
    run: Path,
    step: int,
    *,
    model: FaceGenerator,
    tensors: Mapping[str, Tensor],
    record: Mapping[str, Any],
    keep: int,
) -> Path:
    """Write a checkpoint whole or not at all; drop the oldest past the number to keep."""
    folder = run / "checkpoints"
    final = folder / f"step-{step:08d}"
    if final.exists():
        return final
    aside = folder / f".{final.name}.partial"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        model.save(aside / MODEL)
        save_file(dict(tensors), aside / STATE)
        checksums = {name: _sha256(aside / name) for name in (MODEL, STATE)}
        text = json.dumps({"step": step, **record, "sha256": checksums}, indent=1)
        (aside / RECORD).write_text(text)
        for path in aside.iterdir():
            _flush(path)
        aside.replace(final)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    for old in list_checkpoints(run)[:-keep]:
        shutil.rmtree(old)
    return final


def list_checkpoints(run: Path) -> list[Path]:
    """Return the checkpoint folders of a run, oldest first."""
    folders = (run / "checkpoints").glob("step-*")
    return sorted(path for path in folders if re.fullmatch(r"step-\d{8,}", path.name))


def newest_good_checkpoint(run: Path) -> Path:
    """Return the newest checkpoint whose files are whole; warn about newer ones that are not.

    Raises
    ------
    CheckpointError
        The run has none.
    """
    if not run.is_dir():
        raise CheckpointError(f"{run}: no such run directory; make one with `gan train --out`")
    found = list_checkpoints(run)
    for path in reversed(found):
        fault = _fault(path)
        if fault is None:
            return path
        warnings.warn(f"{path}: {fault}; going back to the one before", stacklevel=2)
    what = "every checkpoint is damaged" if found else "no checkpoint in it yet"
    raise CheckpointError(f"{run}: {what}; train again with `gan train --out {run}`")


def read_record(checkpoint: Path) -> dict[str, Any]:
    """Return what `state.json` of a whole checkpoint says."""
    record = json.loads((checkpoint / RECORD).read_text())
    assert isinstance(record, dict)  # its checksums have been read
    return record


def load_model(run: Path | str) -> FaceGenerator:
    """Load the face model of a run's newest whole checkpoint, be it a generator or a baseline.

    Raises
    ------
    CheckpointError
        The folder is not a run, or has no whole checkpoint.
    """
    return load_face_model(newest_good_checkpoint(Path(run)) / MODEL)


def _fault(checkpoint: Path) -> str | None:
    try:
        expected = json.loads((checkpoint / RECORD).read_text())["sha256"]
        for name in (MODEL, STATE):
            if _sha256(checkpoint / name) != expected[name]:
                return f"{name} is damaged (its checksum differs)"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"damaged ({error})"
    return None


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())
