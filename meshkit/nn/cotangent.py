"""The cotangent Laplacian of meshes that change: differentiable in the vertices."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from meshkit.errors import DegenerateFaceError
from meshkit.nn.operator import SparseOperator, in_full
from meshkit.operators.laplacian_batch import CotangentStructure


class CotangentLaplacian(nn.Module):
    """Cotangent Laplacians of a batch of meshes with the same faces.

    Two frozen sparse operators carry all that is not arithmetic: differences along the edges that
    the corners face, and the sum of cotangents to entries of L. So gradients are the same bit for
    bit from run to run, on a CPU and on CUDA, and can be differentiated again. Follows the device
    and dtype of its buffers: move it like any module. Inside `torch.compile`, `torch.export` and
    `torch.func` no value can raise an error: a face without area makes the result inf or nan.

    Parameters
    ----------
    n : 1
        Number of vertices.

    References
    ----------
    Pinkall, Polthier, Computing discrete minimal surfaces, Experimental Mathematics 1993.
    """

    row: Tensor
    column: Tensor

    def __init__(
        self, F: Int[np.ndarray, "m 3"], n: int, *, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        structure = CotangentStructure(F, n)
        m = len(F)
        # Row k m + f: from corner k + 1 to k + 2 of face f, the edge that corner k faces.
        tail = np.concatenate([F[:, 1], F[:, 2], F[:, 0]])
        head = np.concatenate([F[:, 2], F[:, 0], F[:, 1]])
        rows = np.tile(np.arange(3 * m), 2)
        signs = np.repeat([-1.0, 1.0], 3 * m)
        entries = signs, (rows, np.concatenate([tail, head]))
        self.difference = SparseOperator(sp.coo_array(entries, shape=(3 * m, n)), dtype=dtype)
        self.assembly = SparseOperator(structure.assembly, dtype=dtype)
        row = np.repeat(np.arange(n), np.diff(structure.indptr))
        self.register_buffer("row", torch.from_numpy(row), persistent=False)
        self.register_buffer("column", torch.from_numpy(structure.indices), persistent=False)
        self.n = n

    def forward(
        self, V: Float[Tensor, "*b n 3"], X: Float[Tensor, "*b n c"]
    ) -> Float[Tensor, "*b n c"]:
        """Return ``L(V) X`` for each mesh, or for one without a batch; differentiable in V and X.

        L is the adjoint of the differences, times half the cotangents, times the differences.

        Raises
        ------
        DegenerateFaceError
            A face of a mesh has no area.
        """
        if X.ndim == 2:
            return self(V[None], X[None])[0]  # type: ignore[no-any-return]
        V, X = (in_full(signal, self.difference.values) for signal in (V, X))
        B, n, c = X.shape
        weight = self._cotangents(V) / 2
        slope = self.difference(X.permute(1, 2, 0).reshape(n, c * B)).view(-1, c, B)
        flow = (weight.unsqueeze(1) * slope).reshape(-1, c * B)
        return self.difference.adjoint(flow).view(n, c, B).permute(2, 0, 1)

    def values(self, V: Float[Tensor, "*b n 3"]) -> Float[Tensor, "*b nnz"]:
        """Return the entries of L at `row`, `column`, one row per mesh, differentiable in V.

        Raises
        ------
        DegenerateFaceError
            A face of a mesh has no area.
        """
        if V.ndim == 2:
            return self.values(V[None])[0]
        values: Tensor = self.assembly(self._cotangents(in_full(V, self.difference.values)))
        return values.T

    def matrix(self, values: Float[Tensor, " nnz"]) -> Tensor:
        """Return the Laplacian of one mesh as a sparse tensor."""
        where = torch.stack([self.row, self.column])
        return torch.sparse_coo_tensor(
            where, values, (self.n, self.n), is_coalesced=True, check_invariants=False
        )

    def _cotangents(self, V: Tensor) -> Tensor:
        """Return the cotangents (3 m, b), those of corner 0 of all faces first."""
        B, n, _ = V.shape
        # Meshes run fastest: sparse products and what follows read memory in order.
        edge = self.difference(V.permute(1, 2, 0).reshape(n, 3 * B)).view(3, -1, 3, B)
        a, b, c = (e.unbind(1) for e in edge)
        normal = [a[i] * b[j] - a[j] * b[i] for i, j in ((1, 2), (2, 0), (0, 1))]
        square = _dot(normal, normal)
        longest = torch.stack([_dot(e, e) for e in (a, b, c)]).amax(0)
        limit = 1e-12 if V.dtype == torch.float64 else 1e-6
        flat = ~(square > (limit * longest) ** 2)
        if not _traced() and flat.any():
            face, mesh = torch.nonzero(flat)[0].tolist()
            raise DegenerateFaceError(
                f"mesh {mesh}, face {face} has no area, or a vertex that is not finite: cotangents "
                "do not exist"
            )
        dots = torch.cat([_dot(b, c), _dot(c, a), _dot(a, b)])
        return -dots / square.sqrt().repeat(3, 1)


def _traced() -> bool:
    """Answer whether values cannot be looked at: a face without area then ends in inf or nan."""
    return torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()


def _dot(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
