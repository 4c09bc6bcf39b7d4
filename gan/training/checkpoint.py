"""What a resumed training needs, into a checkpoint and out of it; `gan.runs.checkpoints` writes."""

import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from gan.config import dump_config
from gan.errors import CheckpointError
from gan.runs.checkpoints import (
    STATE,
    list_checkpoints,
    load_model,
    newest_good_checkpoint,
    read_record,
    write_checkpoint,
)
from gan.training.state import TrainState

__all__ = [
    "list_checkpoints",
    "load_model",
    "newest_good_checkpoint",
    "restore",
    "save_checkpoint",
]


def save_checkpoint(state: TrainState, run: Path) -> Path:
    """Write a checkpoint whole or not at all; drop the oldest past the number to keep."""
    record = {
        "cursor": state.cursor,
        "minutes": state.minutes,
        "latest": {name: term.item() for name, term in state.latest.items()},
        "device": state.device.type,
        "dataset": state.problem.fingerprint,
        "config": dump_config(state.config),
    }
    return write_checkpoint(
        run,
        state.step,
        model=state.face_model(),
        tensors=_tensors(state),
        record=record,
        keep=state.config.output.keep,
    )


def restore(state: TrainState, checkpoint: Path) -> None:
    """Set a freshly built state to a checkpoint's, in place.

    Raises
    ------
    CheckpointError
        The checkpoint was made with another data set or configuration.
    """
    record = read_record(checkpoint)
    if record["dataset"] != state.problem.fingerprint:
        raise CheckpointError(f"{checkpoint}: the run was trained on another data set")
    tensors = load_file(checkpoint / STATE, device=str(state.device))
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
