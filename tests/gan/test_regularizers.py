"""Regularizers: integrals and stretches that are known, gradients against differences."""

import math

import numpy as np
import pytest
import torch

from gan.losses.regularizer import BiharmonicRegularizer, EdgeLengthRegularizer
from meshkit.errors import DegenerateFaceError
from meshkit.primitives import grid, hemisphere

FLAT = np.array([[0, 1, 2]])


def batch(*fields: np.ndarray) -> torch.Tensor:
    """Stack fields (n, 3) as a vertex-major batch."""
    return torch.from_numpy(np.stack(fields, axis=2)).float()


def square(n: int) -> tuple[np.ndarray, np.ndarray]:
    V, F = grid(n, n)
    V = V - V.min(axis=0)
    return V / V.max(), F


def bump(V: np.ndarray) -> np.ndarray:
    """`sin²(πx) sin²(πy)` along z: flat at the border, and ∫ |Δu|² = 2 π⁴ over the square."""
    height = (np.sin(math.pi * V[:, :2]) ** 2).prod(axis=1)
    return np.outer(height, [0, 0, 1])


def test_biharmonic_energy_converges_to_the_integral():
    error = []
    for n in (12, 24, 48):
        V, F = square(n)
        energy = BiharmonicRegularizer(V=V, F=F)(batch(bump(V), 2 * bump(V))).item()
        error.append(abs(energy / (2 * math.pi**4) - (1 + 4) / 2))
    assert error[2] < 0.02
    slope = math.log2(error[0] / error[1]), math.log2(error[1] / error[2])
    assert all(1.8 < s < 2.2 for s in slope), slope


def test_biharmonic_energy_has_no_unit():
    V, F = hemisphere(5)
    d = np.random.default_rng(0).normal(size=V.shape)
    one = BiharmonicRegularizer(V=V, F=F)(batch(d)).item()
    other = BiharmonicRegularizer(V=7 * V, F=F)(batch(7 * d)).item()
    assert other == pytest.approx(one, rel=1e-4)
    assert BiharmonicRegularizer(V=V, F=F)(batch(0 * d + 3)).item() < 1e-6 * one


def test_edge_lengths_ignore_rotations_and_collapse_is_differentiable():
    V, F = hemisphere(4)
    stretch = EdgeLengthRegularizer(V=V, F=F)
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    assert stretch(batch(V @ turn.T - V)).item() < 1e-10
    d = batch(-V).requires_grad_(True)
    collapsed = stretch(d)
    assert collapsed.item() == pytest.approx(1.0)
    (slope,) = torch.autograd.grad(collapsed, d)
    assert torch.isfinite(slope).all()


def test_meshes_on_which_they_are_not_defined():
    with pytest.raises(DegenerateFaceError, match=r"edge \(0, 1\) has no length"):
        EdgeLengthRegularizer(V=np.zeros((3, 3)), F=FLAT)
    with pytest.raises(DegenerateFaceError, match="vertex 3 has no area around it"):
        BiharmonicRegularizer(V=np.vstack([np.eye(3), np.ones((1, 3))]), F=FLAT)
