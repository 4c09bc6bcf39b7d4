"""Cotangent Laplacians of many meshes that share their faces: the structure is found once."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from meshkit.checks import check_faces
from meshkit.errors import DegenerateFaceError, MeshError

MESHES, FACES = 32, 512  # worked on at once: the cache holds all that is made of them
_WORTH_A_THREAD = 4096  # faces: less work is done sooner than shared out


class CotangentStructure:
    """The sparsity pattern of `cotangent_laplacian` for fixed faces, and the way to its values.

    The entries of L are linear in the cotangents of the corners. That linear map, its pattern and
    the faces are kept; each mesh costs its cotangents and one sparse product.

    Parameters
    ----------
    n : 1
        Number of vertices.

    Raises
    ------
    MeshError
        A face names a vertex that is not below n.

    Attributes
    ----------
    indptr, indices
        The pattern in compressed rows, columns ascending: that of every matrix.
    assembly : (nnz, 3 m)
        Takes cotangents, those of corner 0 of all faces first, to the values of L.
    """

    def __init__(self, F: Int[np.ndarray, "m 3"], n: int) -> None:
        check_faces(F)
        if int(F.max()) >= n:
            raise MeshError(f"a face names vertex {int(F.max())}, but there are {n} vertices only")
        self.F, self.n = F.astype(np.int64), n
        m = len(F)
        # Corner k faces the edge between the two others: its cotangent has four entries in L.
        tail = np.concatenate([self.F[:, 1], self.F[:, 2], self.F[:, 0]])
        head = np.concatenate([self.F[:, 2], self.F[:, 0], self.F[:, 1]])
        rows = np.concatenate([tail, head, tail, head])
        columns = np.concatenate([head, tail, tail, head])
        key, entry = np.unique(rows * n + columns, return_inverse=True)
        row, self.indices = np.divmod(key, n)
        self.indptr = np.searchsorted(row, np.arange(n + 1))
        half = np.repeat([-0.5, -0.5, 0.5, 0.5], 3 * m)
        corner = np.tile(np.arange(3 * m), 4)
        shape = (len(key), 3 * m)
        self.assembly = sp.csr_array(sp.coo_array((half, (entry, corner)), shape=shape))

    def values(self, V: Float[np.ndarray, "b n d"]) -> Float[np.ndarray, "b nnz"]:
        """Return the entries of the Laplacian of each mesh, in the order of the pattern.

        Parameters
        ----------
        V : length
            In 2D or 3D.

        Returns
        -------
        values : 1

        Raises
        ------
        MeshError
            V has another number of vertices, or a value that is not finite.
        DegenerateFaceError
            A face of a mesh has no area.
        """
        self._check(V)
        # Meshes run fastest: an index of a face or a pattern is read once for all of them.
        out = np.empty((len(self.indices), len(V)))
        starts = range(0, len(V), MESHES)
        threads = min(len(starts), os.cpu_count() or 1) if len(self.F) > _WORTH_A_THREAD else 1
        if threads == 1:
            for b in starts:
                self._fill(V[b : b + MESHES], out[:, b : b + MESHES], b)
            return out.T
        with ThreadPoolExecutor(threads) as pool:
            jobs = [
                pool.submit(self._fill, V[b : b + MESHES], out[:, b : b + MESHES], b)
                for b in starts
            ]
            for job in jobs:  # in order: what is refused is the first that is wrong
                job.result()
        return out.T

    def _fill(self, V: np.ndarray, out: np.ndarray, first: int) -> None:
        """Write the values of a few meshes, of which `first` is the number of the first."""
        m = len(self.F)
        planes = np.ascontiguousarray(V.transpose(2, 1, 0), dtype=float)
        cot = np.empty((3, m, len(V)))
        for start in range(0, m, FACES):
            here = slice(start, start + FACES)
            flat = _cotangents(planes, self.F[here], cot[:, here])
            if flat is not None:
                self._refuse(start + flat[0], first + flat[1])
        out[...] = self.assembly @ cot.reshape(3 * m, -1)

    def matrix(self, values: Float[np.ndarray, " nnz"]) -> sp.csr_array:
        """Return the Laplacian of one mesh from its values; the pattern is shared, not copied."""
        return sp.csr_array((values, self.indices, self.indptr), shape=(self.n, self.n))

    def _check(self, V: np.ndarray) -> None:
        if V.ndim != 3 or V.shape[1] != self.n or V.shape[2] not in (2, 3):
            raise MeshError(f"V must be (b, {self.n}, 2 or 3), got {V.shape}")
        if not np.isfinite(V).all():
            b, i, _ = np.argwhere(~np.isfinite(V))[0].tolist()
            raise MeshError(f"mesh {b}, vertex {i} = {V[b, i].tolist()} is not finite")

    def _refuse(self, face: int, mesh: int) -> None:
        raise DegenerateFaceError(
            f"mesh {mesh}, face {face} = {self.F[face].tolist()} has no area: delete it, or "
            "take uniform weights, which need no angles"
        )


def _cotangents(planes: np.ndarray, F: np.ndarray, out: np.ndarray) -> tuple[int, int] | None:
    """Write the cotangents at the corners (3, m, b) to `out`; return a face without area, if any.

    Coordinates are planes (d, n, b): every operation runs over memory in order.
    """
    p, q, r = (planes.take(corner, axis=1, mode="clip").reshape(len(planes), -1) for corner in F.T)
    q -= p
    r -= p
    if len(planes) == 2:
        double_area = np.abs(q[0] * r[1] - q[1] * r[0])
    else:
        double_area = _length(*(q[i] * r[j] - q[j] * r[i] for i, j in ((1, 2), (2, 0), (0, 1))))
    qq, rr, qr = (np.einsum("cm,cm->m", a, b) for a, b in ((q, q), (r, r), (q, r)))
    longest = np.maximum(qq, rr)
    # The third side is at most twice the longer of two: the exact test is seldom needed.
    if not (double_area > 4e-12 * longest).all():
        np.maximum(longest, qq + rr - 2 * qr, out=longest)
        flat = ~(double_area > 1e-12 * longest)
        if flat.any():
            face, mesh = divmod(int(flat.argmax()), planes.shape[2])
            return face, mesh
    scale = 1 / double_area
    for k, dot in enumerate((qr, np.subtract(qq, qr, out=qq), np.subtract(rr, qr, out=rr))):
        np.multiply(dot, scale, out=out[k].reshape(-1))
    return None


def _length(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    x *= x
    y *= y
    z *= z
    x += y
    x += z
    return np.asarray(np.sqrt(x, out=x))
