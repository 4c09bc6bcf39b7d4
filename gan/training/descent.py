"""One descent of one player: the sum of its terms, its gradients, its optimizer."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gan.errors import TrainingDiverged
from gan.training.profile import backward_parts, part

if TYPE_CHECKING:
    from gan.training.state import TrainState


def descend(
    state: "TrainState",
    optimizer: torch.optim.Optimizer,
    terms: Mapping[str, Tensor],
    weights: Mapping[str, float],
) -> None:
    """Descend on the weighted sum of the terms; refuse before the step if one is not finite."""
    total = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
    if not torch.isfinite(total):  # before the step: the weights are still good
        for name, term in terms.items():
            if not torch.isfinite(term):
                raise TrainingDiverged(f"iteration {state.step}: {name} is {term.item()}")
        raise TrainingDiverged(f"iteration {state.step}: the sum of the terms overflows")
    optimizer.zero_grad(set_to_none=True)
    players = [p for group in optimizer.param_groups for p in group["params"]]
    with backward_parts(total):
        total.backward(inputs=players)
    with part("optimizers"):
        optimizer.step()
