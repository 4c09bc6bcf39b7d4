"""What an iteration is made of, written out: convolution, softmax, contrast, energies, Adam."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from meshkit.laplacian import cotangent_laplacian
from meshkit.operators.mass import voronoi_mass

Weights = dict[str, Tensor]


@dataclass
class Adam:
    """Kingma and Ba's, with a memory for each weight."""

    betas: tuple[float, float]
    memory: dict[str, tuple[Any, Any, int]] = field(default_factory=dict)

    def descend(self, weights: Weights, objective: Tensor, rate: float) -> Weights:
        """Return the weights after a step; those that do not take part stay."""
        gradients = torch.autograd.grad(objective, list(weights.values()), allow_unused=True)
        moved, (b1, b2) = {}, self.betas
        for (name, w), g in zip(weights.items(), gradients, strict=True):
            moved[name] = w.detach()
            if g is not None:
                m, v, t = self.memory.get(name, (0.0, 0.0, 0))
                m, v, t = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2, t + 1
                self.memory[name] = m, v, t
                step = m / (1 - b1**t) / ((v / (1 - b2**t)).sqrt() + 1e-8)
                moved[name] = w.detach() - rate * step
        return moved


def convolution(x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """Return the 4 × 4 convolution of stride 2, a border of one zero around the image."""
    B, C, n, _ = x.shape
    padded = x.new_zeros(B, C, n + 2, n + 2)
    padded[:, :, 1:-1, 1:-1] = x
    answer = b[None, :, None, None].expand(B, -1, n // 2, n // 2)
    for i in range(4):
        for j in range(4):
            seen = padded[:, :, i : i + n : 2, j : j + n : 2]
            answer = answer + torch.einsum("oc,bcyx->boyx", W[:, :, i, j], seen)
    return answer


def leaky(x: Tensor, slope: float) -> Tensor:
    return torch.where(x > 0, x, slope * x)


def log_softmax(x: Tensor) -> Tensor:
    return x - x.exp().sum(dim=-1, keepdim=True).log()


def softplus(x: Tensor) -> Tensor:
    return (1 + x.exp()).log()


def contrast(features: Tensor, label: list[int], temperature: float) -> Tensor:
    """Return Khosla et al.'s Eq. 2 of the samples with a label, anchor by anchor."""
    unit = [f / f.square().sum().sqrt() for f in features]
    losses = []
    for i in range(len(unit)):
        others = [j for j in range(len(unit)) if j != i and label[j] >= 0]
        positives = [j for j in others if label[j] == label[i]]
        if label[i] < 0 or not positives:
            continue
        near = {j: (unit[i] @ unit[j] / temperature).exp() for j in others}
        everything = sum(near.values())
        losses.append(-sum((near[j] / everything).log() for j in positives) / len(positives))
    return sum(losses) / len(losses) if losses else torch.zeros((), dtype=torch.float64)


def energy(name: str, V: np.ndarray, F: np.ndarray, d: Tensor) -> Tensor:
    """Return the mean of a regularizer over displacements (V, 3, B), face by face."""
    moved = d.unbind(dim=2)
    if name == "edge-length":
        E = sorted({tuple(sorted((f[k], f[k - 1]))) for f in F.tolist() for k in range(3)})
        i, j = torch.tensor(E).T
        edge = V[j] - V[i]
        length, edge = _kept(np.linalg.norm(edge, axis=1)), _kept(edge)
        after = [(edge + m[j] - m[i]).square().sum(dim=1).sqrt() for m in moved]
        energies = [(new / length - 1).square().mean() for new in after]
    else:
        L = cotangent_laplacian(V, F)
        if name == "biharmonic":
            L = sp.diags_array(voronoi_mass(V, F) ** -0.5) @ L
        energies = [(_kept(L.toarray()) @ m).square().sum() for m in moved]
    return sum(energies) / len(energies)


def _kept(array: np.ndarray) -> Tensor:
    """Return an array of the template as the trainer keeps it, rounded to float32."""
    return torch.from_numpy(array.astype(np.float32)).double()
