"""How a flat map distorts a surface, face by face, from the singular values of its Jacobian."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from meshkit.checks import check_mesh
from meshkit.errors import DegenerateFaceError, MeshError


class Distortion(NamedTuple):
    """Distortion per face; an isometry up to scale has 1 everywhere. A flip does not count.

    Attributes
    ----------
    angle : 1
        Quasi-conformal: larger over smaller singular value, from 1; inf for a face without area.
    area : 1
        The face's share of the flat area over its share of the surface area, from 0.
    stretch : 1
        Root mean square length on the surface of unit vectors of the plane, scaled as if both total
        areas were equal: above 1 the image undersamples the face. inf for a face flat without area.
    """

    angle: Float[np.ndarray, " m"]
    area: Float[np.ndarray, " m"]
    stretch: Float[np.ndarray, " m"]


def distortion(
    V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"], UV: Float[np.ndarray, "n 2"]
) -> Distortion:
    """Measure angle, area and stretch of the map from a surface to the plane.

    Parameters
    ----------
    V : length
    UV : 1

    Raises
    ------
    DegenerateFaceError
        The surface or the map has no area at all.

    References
    ----------
    Sander, Snyder, Gortler, Hoppe, Texture mapping progressive meshes, SIGGRAPH 2001, Section 3
    (stretch, L2).
    """
    check_mesh(V, F)
    check_mesh(UV, F)
    if len(UV) != len(V):
        raise MeshError(f"UV has {len(UV)} rows, V has {len(V)}")
    first, second = (V[F[:, k]] - V[F[:, 0]] for k in (1, 2))
    p, q = (UV[F[:, k]] - UV[F[:, 0]] for k in (1, 2))
    # Metric of the surface and of the plane in the basis of two edges.
    E, G, H = ((a * b).sum(1) for a, b in ((first, first), (second, second), (first, second)))
    e, g, h = ((a * b).sum(1) for a, b in ((p, p), (q, q), (p, q)))
    surface = np.linalg.norm(np.cross(first, second), axis=1)
    flat = np.abs(p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0])
    if not (surface.sum() > 0 and flat.sum() > 0):
        raise DegenerateFaceError("the surface or its map has no area")
    # a² + b² and a b of the singular values a, b of plane -> surface.
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = (E * g + G * e - 2 * H * h) / flat**2
        product = surface / flat
        mean = squares / (2 * product)  # (a / b + b / a) / 2
        angle = mean + np.sqrt(np.maximum(mean**2 - 1, 0))
        stretch = np.sqrt(squares / 2 * (flat.sum() / surface.sum()))
        area = (flat / flat.sum()) / (surface / surface.sum())
    return Distortion(
        np.where((flat == 0) | (surface == 0), np.inf, angle),
        np.where(surface == 0, np.inf, area),
        np.where(flat == 0, np.inf, stretch),
    )


def percentiles(
    values: Distortion, at: Sequence[float] = (1, 5, 50, 95, 99, 100)
) -> dict[str, dict[str, float]]:
    """Return percentiles over the faces, by measure: ``{"angle": {"p50": 1.1, …}, …}``."""
    return {
        name: {f"p{q:g}": float(np.percentile(array, q, method="lower")) for q in at}
        for name, array in values._asdict().items()
    }
