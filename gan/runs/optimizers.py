"""The memory of an optimizer, by the names of the weights: out of it, and in place into it."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


def moments(optimizer: torch.optim.Optimizer, player: nn.Module) -> dict[str, Any]:
    """Return the optimizer's memory by the name of the weight."""
    return {
        name: dict(optimizer.state.get(weight, {})) for name, weight in player.named_parameters()
    }


def restore_moments(
    optimizer: torch.optim.Optimizer, player: nn.Module, saved: Mapping[str, Any]
) -> None:
    """Set the optimizer's memory: in place where there is some, so that graphs stay valid.

    Raises
    ------
    ValueError
        It is the memory of other weights.
    """
    weights = list(player.named_parameters())
    if [name for name, _ in weights] != list(saved):
        raise ValueError("the optimizer's memory is of other weights")
    if not optimizer.state:
        in_order = [weight for group in optimizer.param_groups for weight in group["params"]]
        numbers = {id(weight): i for i, weight in enumerate(in_order)}
        state = {numbers[id(weight)]: dict(saved[name]) for name, weight in weights if saved[name]}
        for memory in state.values():  # Adam reads its count on the host unless it is fused
            if isinstance(memory.get("step"), Tensor):
                memory["step"] = memory["step"].cpu()
        groups = optimizer.state_dict()["param_groups"]  # rates and switches are configuration
        optimizer.load_state_dict({"state": state, "param_groups": groups})
        return
    for name, weight in weights:
        mine, theirs = optimizer.state[weight], saved[name]
        if not theirs:  # a checkpoint from before the first step
            for value in mine.values():
                if isinstance(value, Tensor):
                    value.zero_()
        for key, value in theirs.items():
            if isinstance(value, Tensor):
                put(mine[key], value, f"{name}.{key}")
            else:
                mine[key] = value


def put(mine: Tensor, theirs: Tensor, name: str) -> None:
    """Copy a tensor, in place; ValueError for another shape or type."""
    if mine.shape != theirs.shape or mine.dtype != theirs.dtype:
        got, wanted = f"{theirs.dtype} {tuple(theirs.shape)}", f"{mine.dtype} {tuple(mine.shape)}"
        raise ValueError(f"{name} is {got}, expected {wanted}")
    with torch.no_grad():
        mine.copy_(theirs)
