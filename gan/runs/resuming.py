"""A training into a checkpoint and out of it; `gan.runs.checkpoints` writes the files."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from gan.errors import CheckpointError, TrainingDiverged
from gan.runs import randomness
from gan.runs.checkpoints import SCORE, STATE, read_record, write_checkpoint
from gan.runs.snapshot import pack, unpack
from gan.runs.trainable import Habits, Trainable


def save(trained: Trainable, run: Path, habits: Habits, *, thorough: bool = True) -> Path:
    """Write a checkpoint whole or not at all; drop the oldest past the number to keep.

    Raises
    ------
    TrainingDiverged
        A weight is not finite: such a checkpoint would be good for nothing.
    CheckpointError
        The disk is full, or refuses.
    """
    return checkpoint_job(trained, run, habits, thorough=thorough)()


def checkpoint_job(
    trained: Trainable, run: Path, habits: Habits, *, thorough: bool, copy: bool = False
) -> Callable[[], Path]:
    """Return what `save` has to write, as a job that reads nothing else than what it holds.

    Parameters
    ----------
    copy : of every tensor, so that the training may go on before the job is done

    Raises
    ------
    TrainingDiverged
        A weight is not finite.
    """
    check_finite(trained)
    at, tensors = trained.at, dict[str, Tensor]()
    contents = {
        "step": at.step,
        "minutes": at.minutes,
        "rollbacks": at.rollbacks,
        "random": randomness.capture(),
        **trained.contents(),
    }
    record: dict[str, Any] = {
        **trained.origin(),
        "device": trained.device.type,
        SCORE: trained.score(),
        "state": pack(contents, "", tensors),
    }
    model = trained.model(thorough=thorough)
    if copy:
        if trained.device.type == "cpu":  # of other devices' they are copies already
            tensors = {name: tensor.clone() for name, tensor in tensors.items()}
        model = None if model is None else model.to("cpu")
    return partial(
        write_checkpoint,
        run,
        at.step,
        model=model,
        tensors=tensors,
        record=record,
        keep=habits.keep,
        every=habits.checkpoint_every or 1,
    )


def restore(trained: Trainable, checkpoint: Path) -> list[str]:
    """Set a training to a checkpoint's, in place; return what its configuration changes.

    Raises
    ------
    CheckpointError
        The checkpoint was made with another template, data set or configuration, or does not fit.
    """
    record = read_record(checkpoint)
    try:
        changes = trained.compare(record, checkpoint)
        tensors = _load_tensors(checkpoint / STATE, trained.device)
        if "state" in record:
            saved = unpack(record["state"], tensors)
        else:
            saved = trained.read_older(record, tensors, checkpoint)
        trained.take_over({"device": record.get("device"), **saved}, checkpoint)
        if "random" in saved:
            randomness.set_back(saved["random"])
        trained.at.step, trained.at.minutes = int(saved["step"]), float(saved["minutes"])
        trained.at.rollbacks = list(saved["rollbacks"])
    except CheckpointError:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[-1].strip() if str(error) else repr(error)
        raise CheckpointError(f"{checkpoint} does not fit: {reason}") from error
    return changes


def check_finite(trained: Trainable) -> None:
    """Raise TrainingDiverged, and name the weight, if one is not finite."""
    for name, tensor in trained.weights():
        if not bool(torch.isfinite(tensor.detach()).all()):
            raise TrainingDiverged(f"{trained.unit} {trained.at.step}: {name} is not finite")


def _load_tensors(path: Path, device: torch.device) -> dict[str, Tensor]:
    try:
        return load_file(path, device=str(device))
    except SafetensorError as error:
        raise CheckpointError(f"{path} is not a safetensors file: {error}") from None
