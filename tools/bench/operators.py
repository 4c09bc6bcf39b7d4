"""The sparse operator against gather-and-sum, and against a copy of the same bytes."""

from collections.abc import Iterator

import torch
from measure import Row, race
from peak import square

from meshkit.nn import GeometryMapping
from meshkit.primitives import disk
from meshkit.raster import rasterize_uv

BATCH = 64
RINGS = 47  # 6,769 vertices


def rows(*, full: bool) -> Iterator[Row]:
    """Yield forward + backward of the mapping at 64² and 256²."""
    V, F = disk(RINGS)
    UV = square(V)
    for size in (64, 256):
        raster = rasterize_uv(UV, F, (size, size))
        layer = GeometryMapping(F, raster, len(V))
        corners = torch.from_numpy(F[raster.face_index.ravel()])
        weights = torch.from_numpy(raster.bary.reshape(-1, 3)).float()[..., None]
        X = torch.randn(len(V), 3 * BATCH, requires_grad=True)
        X_batch = torch.randn(BATCH, len(V), 3, requires_grad=True)
        grad = torch.randn(size * size, 3 * BATCH)
        grad_batch = torch.randn(BATCH, size * size, 3)

        def ours(layer=layer, X=X, grad=grad) -> None:
            X.grad = None
            layer(X).backward(grad)

        def gather(X=X_batch, corners=corners, weights=weights, grad=grad_batch) -> None:
            X.grad = None
            (X[:, corners] * weights).sum(dim=2).backward(grad)

        def copy(X=X, grad=grad) -> None:
            X.detach().clone(), grad.clone()  # as many bytes as two inputs and two outputs

        threads = f"{torch.get_num_threads()} threads"
        name = f"mapping forward + backward, {len(V)} to {size}², {BATCH}"
        yield race(name, ours, gather, "gather and sum, autograd", note=threads)
        yield race(name, ours, copy, "a copy of inputs and outputs", note=threads)
