"""A tensor of faces, persons × expressions, and its decomposition."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from gan.baselines.components import exact_components, pad_rows

SAMPLED = 1024  # meshes from which components are computed


class Multilinear(NamedTuple):
    """`T_kpe ≈ Σ_ij C_kij A_pi B_ej`.

    Attributes
    ----------
    core : (K, i, j)
    persons : (P, i), expressions : (E, j)
        Rows of codes; columns are orthogonal and have unit mean square.
    """

    core: Float[np.ndarray, "K i j"]
    persons: Float[np.ndarray, "P i"]
    expressions: Float[np.ndarray, "E j"]


def decompose(T: Float[np.ndarray, "K P E"], persons: int, expressions: int) -> Multilinear:
    """Decompose a tensor along its second and third mode (HOSVD), truncated to these ranks.

    Exact where the tensor has no larger ranks. The first mode stays as it is. There are never more
    columns than the mode has entries.

    References
    ----------
    De Lathauwer, De Moor, Vandewalle, A multilinear singular value decomposition, SIAM J. Matrix
    Anal. Appl. 2000; for faces: Vlasic, Brand, Pfister, Popović, Face transfer with multilinear
    models, SIGGRAPH 2005.
    """
    _, P, E = T.shape
    A = _left(np.moveaxis(T, 1, 0).reshape(P, -1), persons)
    B = _left(np.moveaxis(T, 2, 0).reshape(E, -1), expressions)
    core = np.einsum("kpe,pi,ej->kij", T, A, B, optimize=True)
    # Unit mean square instead of unit norm: codes of many persons are as large as those of few.
    return Multilinear(core / np.sqrt(P * E), A * np.sqrt(P), B * np.sqrt(E))


def fill_missing(
    T: Float[np.ndarray, "K P E"], known: Bool[np.ndarray, "P E"]
) -> Float[np.ndarray, "K P E"]:
    """Fill the unknown cells by the additive model that fits the known ones best.

    `T_pe = u_p + v_e`, by least squares: exact for additive data, and no worse a guess than
    what the 3DMM makes. Known cells stay as they are.

    Raises
    ------
    ValueError
        A person or an expression has no known cell.
    """
    for axis, kind in ((1, "person"), (0, "expression")):
        empty = ~known.any(axis=axis)
        if empty.any():
            raise ValueError(f"{kind} {int(empty.argmax())} has no known cell")
    P, E = known.shape
    p, e = np.nonzero(known)
    design = np.zeros((len(p), P + E))
    design[np.arange(len(p)), p] = 1
    design[np.arange(len(p)), P + e] = 1
    effects = np.linalg.lstsq(design, T[:, p, e].T, rcond=None)[0]  # of least norm
    guess = effects[:P].T[:, :, None] + effects[P:].T[:, None, :]
    return np.asarray(np.where(known, T, guess))


def _left(M: np.ndarray, rank: int) -> Float[np.ndarray, "n r"]:
    """Return the first left singular vectors of a matrix of few rows."""
    _, vectors = np.linalg.eigh(M @ M.T)
    keep = min(rank, len(M))
    vectors = vectors[:, ::-1][:, :keep]
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)
    return np.asarray(vectors * np.sign(largest))


def starting_tensor(
    Y: Float[np.ndarray, "N K"],
    person: Int[np.ndarray, " N"],
    expression: Int[np.ndarray, " N"],
    sizes: tuple[int, int],
) -> Multilinear:
    """Decompose labelled faces, and put what that leaves of the others into the spare codes.

    There are fewer labelled expressions than entries of the expression code; the other entries are
    the components of what the HOSVD leaves of the unlabelled faces, the same for all persons.

    Parameters
    ----------
    Y : length
        Coordinates of faces.
    person, expression
        Classes; an expression of −1 is not labelled.
    sizes
        Of the codes; where there are fewer persons or expressions, the rest is 0.

    Raises
    ------
    ValueError
        A person or an expression has no labelled face.
    """
    P, E, (n_id, n_exp) = int(person.max()) + 1, int(expression.max()) + 1, sizes
    T, known = np.zeros((Y.shape[1], P, E)), np.zeros((P, E), dtype=bool)
    for p, e in {*zip(person.tolist(), expression.tolist(), strict=True)}:
        if e >= 0:
            T[:, p, e] = Y[(person == p) & (expression == e)].mean(axis=0)
            known[p, e] = True
    labelled = decompose(fill_missing(T, known), n_id, n_exp)
    i, j = labelled.core.shape[1:]
    core = np.zeros((Y.shape[1], n_id, n_exp))
    core[:, :i, :j] = labelled.core
    if n_exp > j:
        extra = _left_over(Y, labelled.core, labelled.persons[person], n_exp - j)
        # The direction of persons' codes in which everyone is 1: these entries are additive.
        everyone = np.linalg.lstsq(labelled.persons, np.ones(P), rcond=None)[0]
        core[:, :i, j:] = extra[:, None, :] * everyone[:, None]
    return Multilinear(
        core,
        np.ascontiguousarray(pad_rows(labelled.persons.T, n_id).T),
        np.ascontiguousarray(pad_rows(labelled.expressions.T, n_exp).T),
    )


def _left_over(
    Y: np.ndarray, core: np.ndarray, persons: np.ndarray, k: int
) -> Float[np.ndarray, "K k"]:
    """Return the components of faces less their best approximation, person given."""
    rest = np.empty_like(Y)
    for n, (y, a) in enumerate(zip(Y, persons, strict=True)):
        basis = np.einsum("kij,i->kj", core, a)  # (K, j): what expressions do to this person
        rest[n] = y - basis @ np.linalg.lstsq(basis, y, rcond=None)[0]
    components = exact_components(rest[np.linspace(0, len(rest) - 1, SAMPLED).astype(int)], k)
    return pad_rows(components.deviation[:, None] * components.basis, k).T
