"""A generator: any module from codes to displacements."""

from itertools import pairwise
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn


@final
class DeeperGenerator(nn.Module):
    """`d = mean + W₃ GELU(W₂ GELU(W₁ z))`, in units of the data's deviation."""

    mean: Tensor

    def __init__(
        self, *, code_size: int, hidden: int, mean: Float[Tensor, " n"], rng: torch.Generator
    ) -> None:
        super().__init__()
        widths = (code_size, hidden, hidden, len(mean))
        self.layers = nn.ParameterList(
            torch.randn(after, before, generator=rng) / before**0.5
            for before, after in pairwise(widths)
        )
        self.register_buffer("mean", mean)

    def forward(self, z: Float[Tensor, "B Z"]) -> Float[Tensor, "V 3 B"]:
        """Return displacements, vertex-major."""
        first, second, last = self.layers
        h = nn.functional.gelu(nn.functional.gelu(z @ first.T) @ second.T)
        return (self.mean[:, None] + last @ h.T).view(-1, 3, len(z))
