"""Principal components of more meshes than fit into memory, and Gaussians of codes."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gan.baselines.config import BaselineConfig
from gan.baselines.faces import LabelledFaces
from gan.models.contract import Factor
from meshkit.nn import SparseOperator

Blocks = Callable[[], Iterable[np.ndarray]]  # the rows, block by block, anew at every call

_SPARE = 32  # directions carried along beside those wanted: the more, the fewer passes
_SETTLED = 1e-9  # relative change of the variances between two passes
_PASSES = 40
_NOTHING = 1e-10  # a variance below this share of the largest is rounding


class Components(NamedTuple):
    """The first principal components of rows.

    Attributes
    ----------
    mean : (D,)
    basis : (k, D)
        Orthonormal rows, each with its largest entry positive; fewer than asked for where the
        rows have no more directions.
    deviation : (k,)
        Standard deviation along each (divided by N − 1), falling.
    total : float
        The variance of everything.
    """

    mean: Float[np.ndarray, " D"]
    basis: Float[np.ndarray, "k D"]
    deviation: Float[np.ndarray, " k"]
    total: float


def principal_components(blocks: Blocks, k: int, *, rng: np.random.Generator) -> Components:
    """Find the first k principal components of rows that come in blocks, by subspace iteration.

    Memory is that of one block and of k + 32 rows, whatever the number of rows. Every pass reads
    them all once; the passes end when the variances have settled, to nine digits.

    Parameters
    ----------
    rng
        Of the first subspace; the result does not depend on it beyond rounding.

    References
    ----------
    Halko, Martinsson, Tropp, Finding structure with randomness, SIAM Review 2011, Section 4.5.
    """
    n, total, squares = 0, np.zeros(1), 0.0
    for X in blocks():
        n += len(X)
        total = total + X.sum(axis=0, dtype=np.float64)
    mean = total / n
    for X in blocks():
        squares += float(np.square(X - mean).sum())
    D = len(mean)
    width = min(k + _SPARE, D, n)
    Q = np.linalg.qr(rng.normal(size=(D, width)))[0]
    before = np.full(min(k, width), np.inf)
    for _ in range(_PASSES):
        G, Y = np.zeros((width, width)), np.zeros((D, width))
        for X in blocks():
            centred = X - mean
            P = centred @ Q
            G += P.T @ P
            Y += centred.T @ P
        values, vectors = np.linalg.eigh(G)
        values, vectors = values[::-1].clip(0), vectors[:, ::-1]
        variances = values[: len(before)]
        if np.abs(variances - before).max() <= _SETTLED * max(values[0], np.finfo(float).tiny):
            break
        before = variances
        Q = np.linalg.qr(Y @ vectors)[0]
    keep = int((values[:k] > _NOTHING * values[0]).sum())
    basis = (Q @ vectors[:, :keep]).T
    deviation = np.sqrt(values[:keep] / max(n - 1, 1))
    return Components(mean, _signed(basis), deviation, squares / max(n - 1, 1))


def exact_components(rows: Float[np.ndarray, "N D"], k: int) -> Components:
    """Find the first k principal components of rows that are at hand, by their Gram matrix."""
    X = np.asarray(rows, dtype=np.float64)
    mean = X.mean(axis=0)
    X = X - mean
    values, vectors = np.linalg.eigh(X @ X.T)
    values, vectors = values[::-1].clip(0), vectors[:, ::-1]
    keep = int((values[:k] > _NOTHING * values[0]).sum())
    basis = (vectors[:, :keep] / np.sqrt(values[:keep])).T @ X
    degrees = max(len(X) - 1, 1)
    return Components(
        mean, _signed(basis), np.sqrt(values[:keep] / degrees), float(values.sum() / degrees)
    )


def _signed(basis: Float[np.ndarray, "k D"]) -> Float[np.ndarray, "k D"]:
    """Turn every row so that its largest entry is positive."""
    largest = np.take_along_axis(basis, np.abs(basis).argmax(axis=1)[:, None], axis=1)
    return np.asarray(basis * np.sign(largest))


def pad_rows(rows: Float[np.ndarray, "k D"], size: int) -> Float[np.ndarray, "size D"]:
    """Append rows of zeros: codes of a fixed size, where the data have fewer directions."""
    return np.concatenate([rows, np.zeros((size - len(rows), rows.shape[1]))])


class CodeGaussian(NamedTuple):
    """A Gaussian of raw codes w: `w = mean + spread z` with z ~ N(0, I), so that `z = shrink(w)`.

    Directions in which the training codes do not vary have neither spread nor shrinkage.
    """

    mean: Float[Tensor, " d"]
    spread: Float[Tensor, "d d"]  # symmetric root of the covariance
    inverse: Float[Tensor, "d d"]

    def whiten(self, w: Float[Tensor, "B d"]) -> Float[Tensor, "B d"]:
        """Return the codes z of raw codes."""
        return (w - self.mean) @ self.inverse.T

    def color(self, z: Float[Tensor, "B d"]) -> Float[Tensor, "B d"]:
        """Return the raw codes of codes z."""
        return self.mean + z @ self.spread.T

    def to(self, device: torch.device | str) -> "CodeGaussian":
        """Return the same on another device."""
        return CodeGaussian(*(part.to(device) for part in self))


def pick_points(operator: SparseOperator, basis: Float[Tensor, "d n"]) -> Float[Tensor, "d p"]:
    """Return what components do to points of the surface, given as rows (k, V): p = 3 k."""
    fields = basis.view(len(basis), -1, 3).transpose(0, 1)
    picked: Tensor = operator(fields.reshape(len(fields), -1)).view(-1, len(basis), 3)
    return picked.transpose(0, 1).reshape(len(basis), -1)


def fit_gaussian(w: Float[Tensor, "N d"]) -> CodeGaussian:
    """Fit a Gaussian with full covariance to raw codes."""
    codes = w.double().cpu()
    mean = codes.mean(dim=0)
    centred = codes - mean
    values, vectors = torch.linalg.eigh(centred.T @ centred / max(len(codes) - 1, 1))
    keep = values > _NOTHING * values[-1].clamp(min=torch.finfo(values.dtype).tiny)
    root = torch.where(keep, values, 0).sqrt()
    inverse = torch.where(keep, 1 / root, 0)
    spread, shrink = (vectors @ (x[:, None] * vectors.T) for x in (root, inverse))
    return CodeGaussian(mean.float(), spread.float(), shrink.float())


def whiten_classes(
    encode: Callable[[np.ndarray], tuple[Tensor, Tensor]],
    faces: LabelledFaces,
    config: BaselineConfig,
    which: Int[np.ndarray, " k"],
) -> tuple[dict[str, CodeGaussian], dict[str, Tensor]]:
    """Fit a Gaussian to the raw codes of either factor, and place the classes' codes in its units.

    Parameters
    ----------
    encode
        From numbers of meshes to their raw codes, of identity and of expression.
    which
        The meshes that give the Gaussians and the people; all labelled ones give the expressions.
    """
    w_id, w_exp = encode(which)
    labelled = np.flatnonzero(faces.expression >= 0)
    _, shown = encode(labelled)
    means = (
        class_means(w_id, faces.person[which], len(faces.people)),
        class_means(shown, faces.expression[labelled], len(faces.expressions)),
    )
    names = (config.identity, config.expression)
    gaussians = {
        name: fit_gaussian(w).to(w.device) for name, w in zip(names, (w_id, w_exp), strict=True)
    }
    codes = {name: gaussians[name].whiten(w) for name, w in zip(names, means, strict=True)}
    return gaussians, codes


def whitened(
    w: Float[Tensor, "B d"], factors: Sequence[Factor], gaussians: Sequence[CodeGaussian]
) -> dict[str, Tensor]:
    """Return the codes of raw codes that lie side by side, in the order of the factors."""
    parts = w.split([factor.code_size for factor in factors], dim=1)
    return {
        factor.name: gaussian.whiten(part)
        for factor, gaussian, part in zip(factors, gaussians, parts, strict=True)
    }


def class_means(
    codes: Float[Tensor, "N d"], label: Int[np.ndarray, " N"], n_classes: int
) -> Float[Tensor, "C d"]:
    """Average the codes of each class; −1: of no class."""
    index = torch.from_numpy(label).to(codes.device)
    return torch.stack([codes[index == c].mean(dim=0) for c in range(n_classes)])
