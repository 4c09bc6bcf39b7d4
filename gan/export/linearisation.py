"""A linear model beside a trained one: the principal directions of every code, and the error."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gan.evaluation.generated import decode_blocks
from gan.models.contract import NOISE, FaceGenerator
from meshkit.files import atomic_path

FORMAT = "meshkit-gan linear 1"
_NOTHING = 1e-5  # a deviation below this share of the largest is rounding: decoders are float32


class Directions(NamedTuple):
    """The principal directions of one code, the strongest first.

    Attributes
    ----------
    direction : (k, d), 1
        Orthonormal: the code `a @ direction` goes a_j standard deviations along direction j.
    basis : (k, V, 3), 1
        What each moves: orthonormal over all coordinates, the largest entry positive.
    sigma : (k,), mm
        How far: the norm, over all coordinates, of one standard deviation.
    """

    direction: Float[np.ndarray, "k d"]
    basis: Float[np.ndarray, "k V 3"]
    sigma: Float[np.ndarray, " k"]


@dataclass(frozen=True)
class Linearisation:
    """`X ≈ mean + Σ_f Σ_j a_fj sigma_fj basis_fj`, the a of random faces N(0, 1).

    Attributes
    ----------
    mean : (V, 3), mm
        Of random faces.
    parts
        Per factor, and "noise" where the model has some.
    rms, spread : mm
        Over random faces that were not used in the fit: root mean square distance of a vertex from
        that of the linear model, and from the mean face, for comparison.
    """

    mean: Float[np.ndarray, "V 3"]
    parts: Mapping[str, Directions]
    rms: float
    spread: float
    n_samples: int
    seed: int

    def decode(self, coefficients: Mapping[str, Float[np.ndarray, "B k"]]) -> np.ndarray:
        """Return the linear model's meshes (B, V, 3), mm; a part that is not named is at 0."""
        X: np.ndarray = self.mean[None]
        for name, a in coefficients.items():
            part = self.parts[name]
            X = np.asarray(X + np.einsum("bk,kvc->bvc", a * part.sigma, part.basis))
        return X


def linearise(model: FaceGenerator, *, n_samples: int = 1000, seed: int = 0) -> Linearisation:
    """Fit the linear model nearest to a trained one, by least squares over random codes.

    Codes are N(0, I), so the slope of the fit for a code is the mean effect of that code, whatever
    the others are. The singular vectors of a factor's slopes are its principal directions.

    Parameters
    ----------
    n_samples
        Random faces for the fit, at least four for each code; half as many more measure the error.

    Raises
    ------
    ValueError
        There are too few samples for so many codes.
    CheckpointError
        The model generates vertices that are not finite.
    """
    sizes = {f.name: f.code_size for f in model.factors} | {NOISE: model.noise_size}
    total = sum(sizes.values())
    if n_samples < 4 * total:
        raise ValueError(
            f"{n_samples} random faces are too few for {total} codes; {4 * total} will do"
        )
    rng = torch.Generator().manual_seed(seed)
    codes = model.sample_codes(n_samples, rng=rng)
    A = np.concatenate([np.ones((n_samples, 1)), _joined(codes, sizes)], axis=1)
    V = len(model.template)
    R = np.zeros((total + 1, 3 * V))
    at = 0
    for X in decode_blocks(model, codes):
        R += A[at : at + len(X)].T @ X.reshape(len(X), -1).astype(np.float64)
        at += len(X)
    fitted = np.linalg.solve(A.T @ A, R)
    slopes = np.split(fitted[1:], np.cumsum(list(sizes.values()))[:-1])
    largest = max((float(np.linalg.norm(J, axis=1).max(initial=0)) for J in slopes), default=0.0)
    parts = {
        name: _directions(J, V, _NOTHING * largest)
        for name, J in zip(sizes, slopes, strict=True)
        if len(J)
    }
    fresh = model.sample_codes(max(2, n_samples // 2), rng=rng)
    rms, spread = _errors(model, fresh, _joined(fresh, sizes), fitted)
    return Linearisation(fitted[0].reshape(V, 3), parts, rms, spread, n_samples, seed)


def _joined(codes: Mapping[str, Tensor], sizes: Mapping[str, int]) -> Float[np.ndarray, "n Z"]:
    return np.concatenate([codes[name].double().cpu().numpy() for name in sizes], axis=1)


def _directions(J: Float[np.ndarray, "d D"], V: int, least: float) -> Directions:
    """Return the singular vectors of slopes; through the small Gram matrix, as D is large."""
    values, vectors = np.linalg.eigh(J @ J.T)
    sigma, U = np.sqrt(values[::-1].clip(0)), vectors[:, ::-1].T
    keep = sigma > least
    sigma, U = sigma[keep], U[keep]
    basis = (U @ J) / sigma[:, None]
    largest = np.take_along_axis(basis, np.abs(basis).argmax(axis=1)[:, None], axis=1)
    sign = np.sign(largest)
    return Directions(U * sign, (basis * sign).reshape(-1, V, 3), sigma)


def _errors(
    model: FaceGenerator,
    codes: Mapping[str, Tensor],
    z: Float[np.ndarray, "n Z"],
    fitted: Float[np.ndarray, "P D"],
) -> tuple[float, float]:
    """Return the root mean square vertex distances from the linear model and from its mean."""
    squares, n = np.zeros(2), 0
    for X in decode_blocks(model, codes):
        D = X.reshape(len(X), -1) - fitted[0]
        squares[1] += np.square(D).sum()
        D -= z[n : n + len(X)] @ fitted[1:]
        squares[0] += np.square(D).sum()
        n += len(X)
    rms, spread = np.sqrt(squares / (n * len(model.template)))
    return float(rms), float(spread)


def save_linear(path: Path, model: FaceGenerator, linear: Linearisation) -> None:
    """Write a linear model as .npz: what a 3DMM consists of, and how far to trust it.

    `mean` (V, 3), `faces`, `UV`; for each factor f `f.basis` (k, V, 3), `f.sigma` (k,),
    `f.direction` (k, d), `f.classes` (C,) and their coefficients `f.coefficients` (C, k); `rms_mm`
    and `spread_mm`. Single precision but for the scalars.
    """
    arrays: dict[str, np.ndarray] = {
        "format": np.array(FORMAT),
        "mean": linear.mean.astype(np.float32),
        "faces": model.faces.cpu().numpy(),
        "UV": model.UV.cpu().numpy(),
        "rms_mm": np.array(linear.rms),
        "spread_mm": np.array(linear.spread),
    }
    for name, part in linear.parts.items():
        arrays[f"{name}.basis"] = part.basis.astype(np.float32)
        arrays[f"{name}.sigma"] = part.sigma.astype(np.float32)
        arrays[f"{name}.direction"] = part.direction.astype(np.float32)
    for factor in model.factors:
        codes = model.codes[factor.name].double().cpu().numpy()
        at = codes @ linear.parts[factor.name].direction.T
        arrays[f"{factor.name}.classes"] = np.array(factor.classes, dtype=np.str_)
        arrays[f"{factor.name}.coefficients"] = at.astype(np.float32)
    with atomic_path(path) as aside:
        np.savez(aside, **arrays)  # type: ignore[arg-type]
