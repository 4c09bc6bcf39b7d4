"""Checkpoints: safetensors and JSON, written aside and renamed, checksummed; nothing is pickled.

A run's folder `checkpoints/` holds one folder per kept step:

    step-00000250/model.safetensors   the face model, if it has one (what `load_model` reads)
    step-00000250/state.safetensors   the tensors of everything else that a resumed run needs
    step-00000250/state.json          the rest, the sha256 of the two files, and its own

A folder appears under its name when every file in it is on the disk, and loses its name before it
is removed: whatever stands there was whole once. Which one is the best is said by the score in each
record, and nowhere else: no pointer can be lost, or point at what is gone.
"""

import hashlib
import json
import math
import re
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from gan.errors import CheckpointError
from gan.models.contract import FaceGenerator
from gan.models.loading import load_model_file
from meshkit.files import atomic_path, flush

FORMAT = "meshkit-gan checkpoint 2"
MODEL, STATE, RECORD = "model.safetensors", "state.safetensors", "state.json"
SCORE = "score"  # of a record: lower is better; what is not to be chosen has none

Which = Literal["newest", "best"]


def write_checkpoint(
    run: Path,
    step: int,
    *,
    model: FaceGenerator | None,
    tensors: Mapping[str, Tensor],
    record: Mapping[str, Any],
    keep: int,
    every: int = 1,
) -> Path:
    """Write a checkpoint whole or not at all; drop the oldest past the number to keep.

    Parameters
    ----------
    every : the newest checkpoint of a step that this divides is kept besides, and so is the best.

    Raises
    ------
    CheckpointError
        The disk is full, or refuses; the message names the newest checkpoint that remains.
    """
    folder = run / "checkpoints"
    final = folder / f"step-{step:08d}"
    if final.exists() and find_fault(final) is None:
        return final
    aside = folder / f".{final.name}.partial"
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        _write_files(aside, model, tensors, {"format": FORMAT, "step": step, **record})
        if final.exists():  # damaged
            _drop(final)
        aside.replace(final)
        flush(folder)
    except (OSError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise CheckpointError(
            f"{final} could not be written ({reason or error}); {what_remains(run)}",
            remedy="resume-run",
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    _drop_old(run, keep, every)
    return final


def what_remains(run: Path) -> str:
    """Say which checkpoint a run that has to stop can go on from."""
    checkpoints = list_checkpoints(run)
    if not checkpoints:
        return "the run has no checkpoint yet"
    return f"{checkpoints[-1].name} remains"


def list_checkpoints(run: Path) -> list[Path]:
    """Return the checkpoint folders of a run, oldest first."""
    folders = (run / "checkpoints").glob("step-*")
    return sorted(path for path in folders if re.fullmatch(r"step-\d{8,}", path.name))


def step_of(checkpoint: Path) -> int:
    """Return the step in a checkpoint's name."""
    return int(checkpoint.name.removeprefix("step-"))


def newest_good_checkpoint(run: Path, *, every: int = 1) -> Path:
    """Return the newest checkpoint whose files are whole; warn about newer ones that are not.

    Parameters
    ----------
    every : checkpoints of steps that this divides come first, others only if none is whole.

    Raises
    ------
    CheckpointError
        The run has none.
    """
    if not run.is_dir():
        raise CheckpointError(f"{run}: no such run directory")
    faults: list[str] = []
    checkpoints = list_checkpoints(run)
    for path in sorted(
        checkpoints, key=lambda p: (step_of(p) % every == 0, step_of(p)), reverse=True
    ):
        fault = find_fault(path)
        if fault is None:
            for what in faults:
                warnings.warn(f"{what}; going back to {path.name}", stacklevel=2)
            return path
        faults.append(f"{path}: {fault}")
    if not checkpoints:
        raise CheckpointError(_why_no_run(run))
    raise CheckpointError(
        f"{run}: every checkpoint is damaged ({'; '.join(faults)}); train again into another folder"
    )


def _why_no_run(folder: Path) -> str:
    """Say why a folder has no checkpoint, and where the run is that was probably meant."""
    below = (path for depth in ("*", "*/*") for path in folder.glob(f"{depth}/checkpoints"))
    if runs := [path.parent for path in below if list_checkpoints(path.parent)]:
        named = ", ".join(map(str, sorted(runs)[:3]))
        return f"{folder} is no run, but holds some: name one of them ({named})"
    for parent in folder.absolute().parents[:3]:
        if list_checkpoints(parent):
            return f"{folder} is no run, but a part of one: name {parent}"
    if (folder / "config.toml").exists():
        return f"{folder}: no checkpoint in it yet; train it first"
    return f"{folder} is no run: it has no folder of checkpoints"


def best_good_checkpoint(run: Path) -> Path:
    """Return the checkpoint of the lowest score whose files are whole; warn about better ones.

    Raises
    ------
    CheckpointError
        None has a score: nobody was held out, or the run did not look at held-out people.
    """
    if not list_checkpoints(run):
        newest_good_checkpoint(run)  # raises, and says what is wrong with the folder
    for path in _by_score(run):
        if (fault := find_fault(path)) is None:
            return path
        warnings.warn(f"{path}: {fault}; the next best is taken", stacklevel=2)
    raise CheckpointError(
        f"{run}: no checkpoint has a score on held-out people: the run was trained without "
        "instruments, on data of nobody else, or by an older version; take the newest"
    )


def _by_score(run: Path) -> list[Path]:
    """Return the checkpoints that have a score, the best first, of equal ones the oldest."""
    scores = list[tuple[float, int, Path]]()
    for path in list_checkpoints(run):
        try:
            score = _read_record(path).get(SCORE)
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(score, int | float) and math.isfinite(score):
            scores.append((score, step_of(path), path))
    return [path for _, _, path in sorted(scores)]


def set_aside_newer(run: Path, checkpoint: Path) -> list[Path]:
    """Take what is newer than a checkpoint out of the way, as `damaged-…`; return the new names.

    Else a damaged checkpoint would stand where the run, coming by again, writes a good one.
    """
    names = []
    for path in list_checkpoints(run):
        if step_of(path) > step_of(checkpoint):
            name = path.with_name(f"damaged-{path.name}")
            shutil.rmtree(name, ignore_errors=True)
            names.append(path.replace(name))
    return names


def drop_newer(run: Path, checkpoint: Path) -> None:
    """Remove what is newer than a checkpoint: a training that rolled back does not want it."""
    for path in list_checkpoints(run):
        if step_of(path) > step_of(checkpoint):
            _drop(path)


def read_record(checkpoint: Path) -> dict[str, Any]:
    """Return what `state.json` of a whole checkpoint says.

    Raises
    ------
    CheckpointError
        It is damaged, or another version of this software wrote it.
    """
    try:
        return _read_record(checkpoint)
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{checkpoint / RECORD}: {error}") from None


def load_model(run: Path | str, *, checkpoint: Which = "newest") -> FaceGenerator:
    """Load the face model of a run's newest whole checkpoint, be it a generator or a baseline.

    A file is taken for a model by itself, as `gan export` writes it.

    Parameters
    ----------
    checkpoint : "best": that of the lowest score on held-out people.

    Raises
    ------
    CheckpointError
        The folder is not a run, or has no whole checkpoint, or none with a score for "best"; the
        file is no model.
    """
    if Path(run).suffix == ".safetensors" and Path(run).is_file():
        return load_model_file(Path(run))
    choose = best_good_checkpoint if checkpoint == "best" else newest_good_checkpoint
    return load_model_file(choose(Path(run)) / MODEL)


def find_fault(checkpoint: Path) -> str | None:
    """Return what is wrong with the files of a checkpoint, or None."""
    try:
        expected = _read_record(checkpoint)["sha256"]
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        return f"{RECORD} is damaged ({reason or error})"
    for name in expected if isinstance(expected, dict) and STATE in expected else (MODEL, STATE):
        try:
            if _sha256(checkpoint / name) != expected[name]:
                return f"{name} is damaged (its checksum differs)"
        except (OSError, KeyError, TypeError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            return f"{name} cannot be read ({reason or error})"
    return None


def _read_record(checkpoint: Path) -> dict[str, Any]:
    record = json.loads((checkpoint / RECORD).read_text(encoding="utf-8"))
    if isinstance(record, dict) and "checksum" not in record:
        raise ValueError("it has no checksum: an older version wrote it, or it was changed")
    if not isinstance(record, dict) or record.pop("checksum") != _checksum(record):
        raise ValueError("its checksum differs")
    if record.get("format") != FORMAT:
        raise ValueError(f"format {record.get('format')!r}, this software reads {FORMAT!r}")
    return record


def _write_files(
    folder: Path,
    model: FaceGenerator | None,
    tensors: Mapping[str, Tensor],
    record: dict[str, Any],
) -> None:
    if model is not None:
        model.save(folder / MODEL)
    with atomic_path(folder / STATE) as aside:
        save_file(dict(tensors), aside)
    names = [MODEL, STATE] if model is not None else [STATE]
    record["sha256"] = {name: _sha256(folder / name) for name in names}
    record["checksum"] = _checksum(record)
    (folder / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
    for name in (*names, RECORD):
        flush(folder / name)
    flush(folder)


def _drop_old(run: Path, keep: int, every: int) -> None:
    checkpoints = list_checkpoints(run)
    regular = [path for path in checkpoints if step_of(path) % every == 0]
    kept = {*checkpoints[-keep:], *regular[-1:], *_by_score(run)[:1]}
    for path in checkpoints:
        if path not in kept:
            try:
                _drop(path)
            except OSError as error:  # no reason to stop a training
                warnings.warn(f"{path} could not be removed: {error.strerror}", stacklevel=3)


def _drop(checkpoint: Path) -> None:
    """Remove a checkpoint; at no instant does half of one bear its name."""
    shutil.rmtree(checkpoint.replace(checkpoint.with_name(f".{checkpoint.name}.dropped")))


def _checksum(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
