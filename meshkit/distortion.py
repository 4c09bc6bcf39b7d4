"""How a flat map distorts a surface, face by face, from the singular values of its Jacobian."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from meshkit.checks import check_mesh, takes_mesh
from meshkit.errors import DegenerateFaceError


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
        areas were equal: above 1 the image undersamples the face; inf for a face without area.
    """

    angle: Float[np.ndarray, " m"]
    area: Float[np.ndarray, " m"]
    stretch: Float[np.ndarray, " m"]


@takes_mesh
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
    first, second = (V[F[:, k]] - V[F[:, 0]] for k in (1, 2))
    p, q = ((UV[F[:, k]] - UV[F[:, 0]]) @ [1, 1j] for k in (1, 2))
    surface = np.linalg.norm(np.cross(first, second), axis=1)
    flat = np.abs((p.conj() * q).imag)
    if not (surface.sum() > 0 and flat.sum() > 0):
        raise DegenerateFaceError("the surface or its map has no area")
    with np.errstate(divide="ignore", invalid="ignore"):
        # The face in its own plane has corners 0, a, b + ic; its map has 0, p, q.
        a = np.linalg.norm(first, axis=1)
        b, c = (first * second).sum(axis=1) / a, surface / a
        along, across = p / a, (q - p * b / a) / c
        # f = z fz + conj(z) f_conj: no cancellation where the map is nearly conformal.
        fz, f_conj = np.abs(along - 1j * across) / 2, np.abs(along + 1j * across) / 2
        larger = fz + f_conj
        smaller = flat / surface / larger
        stretch = np.hypot(1 / larger, 1 / smaller) / np.sqrt(2)
        share = flat / flat.sum(), surface / surface.sum()
        area = share[0] / share[1]
    none = (flat == 0) | (surface == 0)
    return Distortion(
        np.where(none, np.inf, larger / np.where(none, 1, smaller)),
        np.where(surface == 0, np.inf, area),
        np.where(none, np.inf, stretch * np.sqrt(flat.sum() / surface.sum())),
    )


def angle_percentile(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    UV: Float[np.ndarray, "n 2"],
    percent: float = 95,
) -> float:
    """Return the angle distortion up to which that many of the faces lie."""
    return float(np.percentile(distortion(V, F, UV).angle, percent, method="lower"))


def percentiles(
    values: Distortion, at: Sequence[float | int] = (1, 5, 50, 95, 99, 100)
) -> dict[str, dict[str, float]]:
    """Return percentiles over the faces, by measure: ``{"angle": {"p50": 1.1, …}, …}``."""
    return {
        name: {f"p{q:g}": float(np.percentile(array, q, method="lower")) for q in at}
        for name, array in values._asdict().items()
    }
