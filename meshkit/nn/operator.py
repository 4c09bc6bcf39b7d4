"""One class carries every frozen sparse matrix: the geometry mapping, Laplacians, pooling."""

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as nnf
from jaxtyping import Float
from torch import Tensor, nn

_PARTS = ("crow", "col", "values", "crow_T", "col_T", "values_T")


class SparseOperator(nn.Module):
    """Apply a constant sparse matrix A to signals on vertices; buffers, no parameters.

    The layout that costs nothing is vertex-major, (n, k), with batch and channels together in k:
    one product, no transpose. Batches (B, n, c) are accepted and pay two transposes.

    Every row gathers the rows of X that it names and adds them in the order of its entries; the
    backward pass does the same with the stored transpose. No atomics and no cuSPARSE: the same
    bits from run to run, on a CPU with any number of threads and on CUDA; it can be differentiated
    again. Signals in bfloat16 or float16, as autocast makes them, are taken to the type of the
    values. Values follow `.to(dtype)`; the matrix travels with `state_dict`, and loading the state
    of another matrix (another template, resolution or raster) is refused.

    Parameters
    ----------
    A : (m, n)
        Any scipy sparse matrix or array of real numbers; duplicates are summed.

    Raises
    ------
    ValueError
        A is not two-dimensional, or holds a value that is not finite.
    """

    crow: Tensor
    col: Tensor
    values: Tensor
    crow_T: Tensor
    col_T: Tensor
    values_T: Tensor

    def __init__(self, A: sp.sparray | sp.spmatrix, *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        if A.ndim != 2:
            raise ValueError(f"A must have two dimensions, got {A.ndim}")
        matrix = sp.csr_array(A).astype(np.float64)
        if not np.isfinite(matrix.data).all():
            row = int(np.searchsorted(matrix.indptr, np.isfinite(matrix.data).argmin(), "right"))
            raise ValueError(f"A has a value that is not finite in row {row - 1}")
        m, n = matrix.shape
        self.shape = (int(m), int(n))
        for suffix, half in (("", matrix), ("_T", sp.csr_array(matrix.T))):
            half.sum_duplicates()
            index = np.int32 if max(half.nnz, *half.shape) < 2**31 else np.int64
            self.register_buffer(f"crow{suffix}", torch.from_numpy(half.indptr.astype(index)))
            self.register_buffer(f"col{suffix}", torch.from_numpy(half.indices.astype(index)))
            self.register_buffer(f"values{suffix}", torch.from_numpy(half.data).to(dtype))

    def forward(self, X: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Return A X for a signal (n,), signals (n, k) or a batch (B, n, c).

        Raises
        ------
        ValueError
            X has another number of vertices or dimensions.
        """
        vertices = X.shape[1] if X.ndim == 3 else X.shape[0] if X.ndim else 0
        if X.ndim not in (1, 2, 3) or vertices != self.shape[1]:
            n = self.shape[1]
            raise ValueError(f"expected ({n},), ({n}, k) or (B, {n}, c), got {tuple(X.shape)}")
        if X.ndim == 1:
            return self._product(X[:, None])[:, 0]
        if X.ndim == 2:
            return self._product(X)
        B, n, c = X.shape
        Y = self._product(X.permute(1, 0, 2).reshape(n, B * c))
        return Y.view(self.shape[0], B, c).permute(1, 0, 2)

    def adjoint(self, Y: Float[Tensor, "m k"]) -> Float[Tensor, "n k"]:
        """Return ``Aᵀ Y`` for vertex-major signals, by the stored transpose."""
        return _product(Y, self._half("_T"), self._half())

    def matrix(self) -> sp.csr_array:
        """Return the matrix as a scipy array of float64."""
        parts = (part.cpu().numpy() for part in (self.values.double(), self.col, self.crow))
        return sp.csr_array(tuple(parts), shape=self.shape)

    def _half(self, suffix: str = "") -> tuple[Tensor, Tensor, Tensor]:
        crow, col, values = (getattr(self, name + suffix) for name in ("crow", "col", "values"))
        return crow, col, values

    def _product(self, X: Tensor) -> Tensor:
        return _product(X, self._half(), self._half("_T"))

    def extra_repr(self) -> str:
        """Return the shape and the number of entries."""
        return f"{self.shape[0]}, {self.shape[1]}, entries={self.values.numel()}"

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        for name in _PARTS:  # of the transpose too: gradients go by it
            theirs, ours = state_dict.get(prefix + name), getattr(self, name)
            if theirs is None:
                continue  # the ordinary loader reports it as missing
            theirs = theirs.to(ours.device, ours.dtype)
            if theirs.shape != ours.shape or bool((theirs != ours).any()):
                raise ValueError(
                    f"{prefix}{name} belongs to another matrix: the checkpoint was made with "
                    "another template, UV map or resolution"
                )
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def in_full(X: Tensor, like: Tensor) -> Tensor:
    """Take signals of half precision to the type of the buffers, in which they are added."""
    return X.to(like.dtype) if X.dtype in (torch.bfloat16, torch.float16) else X


def _product(X: Tensor, A: tuple[Tensor, ...], A_T: tuple[Tensor, ...]) -> Tensor:
    X = in_full(X, A[2])
    if not X.numel():  # which the kernel refuses
        return X.new_zeros(len(A[0]) - 1, *X.shape[1:])
    # torch.compile takes no function with rules for vmap and jvp, which in turn need them.
    rule = _Product if torch.compiler.is_compiling() else _TransformedProduct
    product: Tensor = rule.apply(X, *A, *A_T)  # type: ignore[no-untyped-call]
    return product


def _bags(X: Tensor, crow: Tensor, col: Tensor, values: Tensor) -> Tensor:
    # A row of A is a "bag" of weighted rows of X: one kernel, which adds them one by one.
    return nnf.embedding_bag(
        col, X, crow, mode="sum", per_sample_weights=values, include_last_offset=True
    )


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, X: Tensor, *parts: Tensor) -> Tensor:
        ctx.save_for_backward(*parts)
        return _bags(X, *parts[:3])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        # By the transpose; the two are swapped again for second derivatives.
        A, A_T = ctx.saved_tensors[:3], ctx.saved_tensors[3:]
        return _product(grads[0].contiguous(), A_T, A), *[None] * 6


class _TransformedProduct(torch.autograd.Function):
    @staticmethod
    def forward(X: Tensor, *parts: Tensor) -> Tensor:
        return _bags(X, *parts[:3])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[1:])
        ctx.save_for_forward(*inputs[1:])

    backward = _Product.backward

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        A, A_T = ctx.saved_tensors[:3], ctx.saved_tensors[3:]
        return _product(tangents[0].contiguous(), A, A_T)

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], X: Tensor, *parts: Tensor
    ) -> tuple[Tensor, int]:
        if in_dims[0] is None or any(dim is not None for dim in in_dims[1:]):
            raise ValueError("vmap over the matrix of a SparseOperator: it is frozen, map signals")
        # All members side by side, as in a batch.
        X = X.movedim(in_dims[0], -1)
        flat = X.reshape(X.shape[0], X.shape[1] * X.shape[2])
        Y = _product(flat, parts[:3], parts[3:])
        return Y.view(Y.shape[0], X.shape[1], X.shape[2]), 2
