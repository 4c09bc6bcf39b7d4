"""Face models whose meshes are a linear function of their codes, so that metrics are known."""

from collections.abc import Mapping

import numpy as np
import torch

from gan.models.contract import Core
from gan.models.face_model import FaceModel, Factor
from meshkit.flattening.boundary import square_boundary
from meshkit.primitives import hemisphere
from meshkit.topology import boundary_loop

SLOPE = 0.2


def linear_model(
    modes: Mapping[str, np.ndarray],
    *,
    template: np.ndarray | None = None,
    faces: np.ndarray | None = None,
    classes: Mapping[str, tuple[str, ...]] | None = None,
    codes: Mapping[str, np.ndarray] | None = None,
    provenance: Mapping[str, object] | None = None,
) -> FaceModel:
    """Build `X = template + Σ z_k mode_k` over the factors of `modes` and "noise", mm.

    The generator is the real one: LeakyReLU(z) − LeakyReLU(−z) = (1 + slope) z.

    Parameters
    ----------
    modes
        Factor (or "noise", last) to (K, V, 3): code k of the factor moves the mesh by mode k.
    classes, codes
        Of the factors; default two classes "a", "b" with random codes.
    """
    if template is None or faces is None:
        V, faces = hemisphere(3)
        template = 100 * V
    modes = {"noise": np.zeros((0, *template.shape)), **modes}
    modes["noise"] = modes.pop("noise")  # its code comes last
    rng = np.random.default_rng(7)
    factors, fixed = [], {}
    for name, mode in modes.items():
        if name != "noise":
            known = (classes or {}).get(name, ("a", "b"))
            factors.append(Factor(name, len(mode), known))
            code = (codes or {}).get(name, rng.normal(size=(len(known), len(mode))))
            fixed[name] = torch.from_numpy(np.asarray(code)).float()
    flat = np.concatenate([mode.reshape(len(mode), template.size) for mode in modes.values()])
    W2 = torch.from_numpy(np.concatenate([flat, -flat]).T).float().contiguous() / (1 + SLOPE)
    identity = torch.eye(len(flat))
    core = Core(
        factors=tuple(factors),
        codes=fixed,
        noise_size=len(modes["noise"]),
        template=torch.from_numpy(template).float(),
        faces=torch.from_numpy(faces.astype(np.int64)),
        UV=torch.from_numpy(flatten(template, faces)),
        provenance={"step": 0, "dataset": "none"} | dict(provenance or {}),
    )
    weights = {
        "W1": torch.cat([identity, -identity]),
        "b1": torch.zeros(2 * len(flat)),
        "W2": W2,
        "b2": torch.zeros(template.size),
    }
    return FaceModel(core, weights, scale=1.0, slope=SLOPE)


def flatten(template: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Flatten a disk to the unit square, whatever its weights."""
    from meshkit.laplacian import uniform_laplacian
    from meshkit.param import harmonic_uv

    V = np.asarray(template, dtype=np.float64)
    loop = boundary_loop(faces.astype(np.int64))
    border = square_boundary(V, loop)
    return harmonic_uv(V, faces.astype(np.int64), loop, border, laplacian=uniform_laplacian)
