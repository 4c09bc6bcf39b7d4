"""Closest rotation, translation and scale between corresponding points; common mean of many."""

import warnings
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from meshkit.checks import takes_mesh
from meshkit.errors import SolveError
from meshkit.registration.similarity import Similarity

# Points off a line by less than this share of their extent do not fix a rotation in float64.
_FLAT = 1e-9


@takes_mesh
def procrustes(
    A: Float[np.ndarray, "n 3"],
    B: Float[np.ndarray, "n 3"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
    scale: bool = False,
) -> Similarity:
    """Find the motion that takes points A closest to points B.

    Minimises ``sum_i w_i |s R a_i + t - b_i|^2`` over rotations R, never reflections. Where a
    mirrored copy of A would fit far better (half the error or less), a warning says so: left and
    right are probably swapped.

    Parameters
    ----------
    A, B : length
        Corresponding points, at least three, not on one line.
    weights : 1
        Not negative; default 1.
    scale
        Also find s; else s = 1.

    Raises
    ------
    ValueError
        A point is not finite; weights are negative or of another number; fewer than three points
        have weight; the points of A or B lie on one line or in one place.

    References
    ----------
    Umeyama, Least-squares estimation of transformation parameters between two point patterns, IEEE
    PAMI 1991, Eqs. 40-43.
    """
    motion, mirrored = _closest(A, B, _check_pairs(A, B, weights), scale)
    if mirrored:
        warnings.warn(
            "a mirrored copy fits far better: are left and right swapped in one of the two sets?",
            stacklevel=2,
        )
    return motion


def _closest(A: np.ndarray, B: np.ndarray, w: np.ndarray, scale: bool) -> tuple[Similarity, bool]:
    """Return the motion, and whether a mirrored copy of A would fit far better."""
    center_a, center_b = w @ A, w @ B
    X, Y = A - center_a, B - center_b
    for name, Z in (("first", X), ("second", Y)):
        _check_spread(name, Z[w > 0])
    U, sigma, Wt = np.linalg.svd(Y.T @ (w[:, None] * X))
    sign = 1.0 if np.linalg.det(U) * np.linalg.det(Wt) > 0 else -1.0
    mirrored = sign < 0 and _fits_mirrored(X, Y, w, sigma, scale)
    U[:, 2] *= sign
    sigma[2] *= sign
    R = U @ Wt
    s = float(sigma.sum() / (w @ (X**2).sum(axis=1))) if scale else 1.0
    if s <= 0:
        raise ValueError(f"the best scale is {s:.3g}, not positive: the points do not correspond")
    return Similarity(R, center_b - s * (R @ center_a), s), mirrored


class Collection(NamedTuple):
    """Meshes of one topology in one pose.

    Attributes
    ----------
    mean : length
        The common mean, centred at 0.
    aligned : length
        Every mesh, moved onto the mean.
    motions
        ``aligned[k] = motions[k].apply(X[k])``.
    residuals : length
        Root mean square distance of each mesh's vertices to the mean's.
    iterations : 1
    """

    mean: Float[np.ndarray, "n 3"]
    aligned: Float[np.ndarray, "k n 3"]
    motions: list[Similarity]
    residuals: Float[np.ndarray, " k"]
    iterations: int


def generalized_procrustes(
    X: Float[np.ndarray, "k n 3"],
    *,
    weights: Float[np.ndarray, " n"] | None = None,
    scale: bool = False,
    tolerance: float = 1e-9,
    iterations: int = 200,
) -> Collection:
    """Move every mesh of a collection onto their common mean.

    Alternates between aligning all to the mean and averaging them. The mean keeps the orientation
    that the first mesh has; its size is the root mean square size of the inputs, so that with
    `scale` the collection cannot shrink to a point.

    Parameters
    ----------
    X : length
        Corresponding vertices of each mesh.
    weights : 1
        One per vertex, not negative; default 1.
    tolerance : 1
        Stop when the mean moves by less than this share of its size.

    Raises
    ------
    ValueError
        There is no mesh; what `procrustes` refuses.
    SolveError
        The mean still moves after the last iteration.

    References
    ----------
    Gower, Generalized Procrustes analysis, Psychometrika 1975.
    """
    if len(X) == 0:
        raise ValueError("a collection needs at least one mesh")
    for Y in X:
        w = _check_pairs(Y, X[0], weights)
    size = float(np.sqrt(np.mean([w @ _centred(Y, w)[1] for Y in X])))
    mean = _centred(X[0], w)[0]
    for done in range(1, iterations + 1):  # noqa: B007
        aligned = np.stack([_closest(Y, mean, w, scale)[0].apply(Y) for Y in X])
        new = _centred(aligned.mean(axis=0), w)[0]
        # The average turns freely together with all meshes: hold it by the first.
        new = _closest(new, X[0], w, False)[0].apply(new)
        new, square = _centred(new, w)
        if scale:
            new *= size / np.sqrt(w @ square)
        moved = float(np.sqrt(w @ ((new - mean) ** 2).sum(axis=1)))
        mean = new
        if moved <= tolerance * size:
            break
    else:
        raise SolveError(f"the mean still moves by {moved:.2g} after {iterations} iterations")
    aligning = [_closest(Y, mean, w, scale) for Y in X]
    if swapped := [k for k, (_, mirrored) in enumerate(aligning) if mirrored]:
        warnings.warn(
            f"meshes {swapped} fit far better mirrored: are left and right swapped in them?",
            stacklevel=2,
        )
    motions = [motion for motion, _ in aligning]
    aligned = np.stack([motion.apply(Y) for motion, Y in zip(motions, X, strict=True)])
    residuals = np.sqrt(((aligned - mean) ** 2).sum(axis=2) @ w)
    return Collection(mean, aligned, motions, residuals, done)


def _centred(Y: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return Y about its centre, and the squared length of its rows."""
    Z = Y - w @ Y
    return Z, (Z**2).sum(axis=1)


def _check_pairs(A: np.ndarray, B: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Return the weights, with sum 1."""
    for name, Z in (("first", A), ("second", B)):
        if not np.isfinite(Z).all():
            i = int((~np.isfinite(Z)).any(axis=1).argmax())
            raise ValueError(f"point {i} of the {name} set is not finite: {Z[i].tolist()}")
    w = np.ones(len(A)) if weights is None else np.asarray(weights, dtype=np.float64)
    if w.shape != (len(A),) or not np.isfinite(w).all() or (w < 0).any():
        raise ValueError(f"weights must be {len(A)} finite numbers, none negative")
    if (w > 0).sum() < 3:
        raise ValueError(f"a rotation needs three points, got {int((w > 0).sum())}")
    return np.asarray(w / w.sum())


def _check_spread(name: str, Z: np.ndarray) -> None:
    spread = np.linalg.svd(Z, compute_uv=False)
    if spread[1] <= _FLAT * max(spread[0], np.finfo(float).tiny):
        where = "in one place" if spread[0] == 0 else "on one line"
        raise ValueError(f"the points of the {name} set lie {where}: they fix no rotation")


def _fits_mirrored(
    X: np.ndarray, Y: np.ndarray, w: np.ndarray, sigma: np.ndarray, scale: bool
) -> bool:
    """Tell whether a mirrored copy has half the error or less."""
    xx, yy = w @ (X**2).sum(axis=1), w @ (Y**2).sum(axis=1)
    errors = []
    for sign in (-1, 1):
        trace = sigma[0] + sigma[1] + sign * sigma[2]
        errors.append(yy - trace**2 / xx if scale else xx + yy - 2 * trace)
    # In squares. Points in a plane are their own mirror image.
    return bool(errors[1] <= errors[0] / 4 and sigma[2] > 1e-2 * sigma[0])
