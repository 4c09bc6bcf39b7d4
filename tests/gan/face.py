"""A face model for tests: a hemisphere with a few smooth modes and a slightly bent generator."""

import numpy as np
import torch

from gan.models.contract import Core
from gan.models.face_model import FaceModel, Factor
from meshkit.primitives import hemisphere

SCALE = 4.0  # mm


def smooth_model(seed: int = 0, *, bend: bool = True) -> FaceModel:
    """Four identity and three expression codes that move 16 smooth modes; 80 mm wide."""
    V, F = hemisphere(9)
    V = V - V.mean(axis=0)
    x, y, z = V.T
    # No mode is a motion or a change of size: a pose cannot stand for a code.
    bumps = np.stack([x * y, y * z, z * x, x**2 - y**2, 3 * z**2 - 1, x * y * z, x**3], axis=1)
    direction = np.random.default_rng(seed).normal(size=(3, 7))
    modes = bumps[:, None, :] * direction
    modes /= np.sqrt((modes**2).sum(axis=1).mean(axis=0))  # 1 in the root mean square
    V, W2 = 40 * V, np.concatenate([modes, -modes], axis=2).reshape(3 * len(V), 14)
    W1 = np.concatenate([np.eye(7), -0.3 * np.eye(7)]) if bend else np.eye(14, 7)
    generator = torch.Generator().manual_seed(seed)
    core = Core(
        factors=(Factor("identity", 4, ("anna", "bert")), Factor("expression", 3, ("sad", "glad"))),
        codes={
            "identity": torch.randn(2, 4, generator=generator),
            "expression": torch.randn(2, 3, generator=generator),
        },
        noise_size=0,
        template=torch.from_numpy(V).float(),
        faces=torch.from_numpy(F),
        UV=torch.zeros(len(V), 2),
        landmarks=torch.arange(0, len(V), 9),
    )
    weights = {
        "W1": torch.from_numpy(W1).float(),
        "b1": torch.zeros(14),
        "W2": torch.from_numpy(W2).float(),
        "b2": torch.zeros(3 * len(V)),
    }
    return FaceModel(core, weights, scale=SCALE, slope=0.2 if bend else 1.0)
