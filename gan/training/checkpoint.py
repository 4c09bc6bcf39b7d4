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
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from gan.config import dump_config
from gan.errors import CheckpointError
from gan.models.face_model import FaceModel
from gan.training.state import TrainState

FILES = ("model.safetensors", "state.safetensors")


def save_checkpoint(state: TrainState, run: Path) -> Path:
    """Write a checkpoint whole or not at all; drop the oldest past the number to keep."""
    folder = run / "checkpoints"
    final = folder / f"step-{state.step:08d}"
    if final.exists():
        return final
    aside = folder / f".{final.name}.partial"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        state.face_model().save(aside / FILES[0])
        save_file(_tensors(state), aside / FILES[1])
        record = {
            "step": state.step,
            "cursor": state.cursor,
            "minutes": state.minutes,
            "latest": {name: term.item() for name, term in state.latest.items()},
            "device": state.device.type,
            "dataset": state.problem.fingerprint,
            "config": dump_config(state.config),
            "sha256": {name: _sha256(aside / name) for name in FILES},
        }
        (aside / "state.json").write_text(json.dumps(record, indent=1))
        for path in aside.iterdir():
            _flush(path)
        aside.replace(final)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    for old in list_checkpoints(run)[: -state.config.output.keep]:
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


def load_model(run: Path | str) -> FaceModel:
    """Load the face model of a run's newest whole checkpoint.

    Raises
    ------
    CheckpointError
        The folder is not a run, or has no whole checkpoint.
    """
    return FaceModel.load(newest_good_checkpoint(Path(run)) / FILES[0])


def restore(state: TrainState, checkpoint: Path) -> None:
    """Set a freshly built state to a checkpoint's, in place.

    Raises
    ------
    CheckpointError
        The checkpoint was made with another data set or configuration.
    """
    record = json.loads((checkpoint / "state.json").read_text())
    if record["dataset"] != state.problem.fingerprint:
        raise CheckpointError(f"{checkpoint}: the run was trained on another data set")
    tensors = load_file(checkpoint / FILES[1], device=str(state.device))
    ours = _tensors(state)
    wrong = [n for n, t in ours.items() if n not in tensors or tensors[n].shape != t.shape]
    if wrong or len(ours) != len(tensors):
        name = wrong[0] if wrong else sorted(set(tensors) - set(ours))[0]
        raise CheckpointError(f"{checkpoint}: {name} does not fit this configuration")
    with torch.no_grad():
        for name, tensor in ours.items():
            if name != "rng":
                tensor.copy_(tensors[name])
    if record["device"] == state.device.type:
        state.rng.set_state(tensors["rng"].cpu())
    else:
        warnings.warn(
            f"{checkpoint} was made on {record['device']}: new random numbers", stacklevel=2
        )
    state.step, state.cursor = record["step"], record["cursor"]
    state.minutes = record["minutes"]
    state.latest = {name: torch.tensor(term) for name, term in record["latest"].items()}


def _tensors(state: TrainState) -> dict[str, Tensor]:
    """Return the live tensors that training changes, by name."""
    tensors = {"rng": state.rng.get_state(), "order": state.order}
    for who, player, optimizer in (
        ("generator", state.generator, state.optimizer_g),
        ("discriminator", state.discriminator, state.optimizer_d),
    ):
        for name, weight in player.named_parameters():
            tensors[f"{who}.{name}"] = weight.detach()
            for moment, tensor in _moments(optimizer, weight).items():
                tensors[f"{who}.{name}.{moment}"] = tensor
    tensors |= {f"average.{name}": weight for name, weight in state.average.items()}
    tensors |= {f"codes.{name}": code for name, code in state.codes.items()}
    return tensors


def _moments(optimizer: torch.optim.Optimizer, weight: Tensor) -> dict[str, Tensor]:
    """Return Adam's state of one weight; make it, as Adam would, before the first step."""
    state: dict[str, Any] = optimizer.state[weight]
    if not state:
        state["step"] = torch.zeros((), dtype=torch.float32, device=weight.device)
        state["exp_avg"] = torch.zeros_like(weight)
        state["exp_avg_sq"] = torch.zeros_like(weight)
    return state


def _fault(checkpoint: Path) -> str | None:
    try:
        expected = json.loads((checkpoint / "state.json").read_text())["sha256"]
        for name in FILES:
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
