"""Laplacians, harmonic maps and rasters against libigl and matplotlib."""

from collections.abc import Iterator

import igl
import numpy as np
import torch
from matplotlib.tri import TrapezoidMapTriFinder, Triangulation
from measure import Row, race
from peak import peak, square, wavy_disk

from meshkit.laplacian import cotangent_laplacian
from meshkit.nn import CotangentLaplacian
from meshkit.operators.intrinsic import delaunay_laplacian
from meshkit.operators.laplacian_batch import CotangentStructure
from meshkit.param import circle_boundary, harmonic_uv
from meshkit.primitives import disk
from meshkit.raster import rasterize_uv
from meshkit.topology import boundary_loop


def rows(*, full: bool) -> Iterator[Row]:
    """Yield the rows; `full` adds a million vertices."""
    for rings, meshes in ((6, 512), (18, 128), (47, 64)):
        yield from _batches(rings, meshes)
    for rings in (57, 182, 577) if full else (57, 182):
        yield from _maps(rings, repeats={57: 9, 182: 3, 577: 1}[rings])
    yield _raster(57, 256, repeats=3)
    yield _raster(182, 1024, repeats=1)
    if full:
        yield _raster(409, 2048, repeats=1)
        yield _raster(409, 4096, repeats=3, peer=False)


def _maps(rings: int, repeats: int) -> Iterator[Row]:
    V, F = wavy_disk(rings)
    loop = boundary_loop(F)
    UV_loop = circle_boundary(V, loop)
    yield race(
        f"cotangent Laplacian, {len(F)} faces",
        lambda: cotangent_laplacian(V, F),
        lambda: igl.cotmatrix(V, F),
        "igl.cotmatrix",
        repeats=repeats,
    )
    yield race(
        f"intrinsic Delaunay Laplacian, {len(F)} faces",
        lambda: delaunay_laplacian(V, F),
        lambda: igl.intrinsic_delaunay_cotmatrix(V, F),
        "igl.intrinsic_delaunay_cotmatrix",
        repeats=repeats,
    )
    yield race(
        f"harmonic map, {len(V)} vertices",
        lambda: harmonic_uv(V, F, loop, UV_loop),
        lambda: igl.harmonic(V, F, loop, UV_loop, 1),
        "igl.harmonic",
        repeats=repeats,
        note=f"peak {peak('harmonic', rings)}, igl's {peak('igl-harmonic', rings)}",
    )


def _batches(rings: int, meshes: int) -> Iterator[Row]:
    """One connectivity, many meshes: seconds are for one mesh."""
    V, F = wavy_disk(rings)
    batch = V + 1e-4 * np.random.default_rng(0).normal(size=(meshes, *V.shape))
    structure = CotangentStructure(F, len(V))
    layer, tensors = CotangentLaplacian(F, len(V)), torch.from_numpy(batch).float()
    if torch.cuda.is_available():
        layer, tensors = layer.cuda(), tensors.cuda()
    few = batch[:8]

    def on_device() -> None:
        layer.values(tensors)
        if tensors.is_cuda:
            torch.cuda.synchronize()

    peers = {
        "cotangent_laplacian": lambda: [cotangent_laplacian(X, F) for X in few],
        "igl.cotmatrix": lambda: [igl.cotmatrix(X, F) for X in few],
    }
    ours = {
        f"{meshes} Laplacians of {len(F)} faces, each": lambda: structure.values(batch),
        f"the same, torch float32 on {tensors.device.type}": on_device,
    }
    for what, function in ours.items():
        for name, peer in peers.items():
            row = race(what, function, peer, f"{name}, one by one")
            each, theirs = row.seconds / meshes, row.peer_seconds
            yield row._replace(seconds=each, peer_seconds=theirs and theirs / len(few))


def _raster(rings: int, size: int, *, repeats: int, peer: bool = True) -> Row:
    V, F = disk(rings)
    UV = square(V)
    u, v = np.meshgrid(*[(np.arange(size) + 0.5) / size] * 2)

    def theirs() -> None:
        TrapezoidMapTriFinder(Triangulation(*UV.T, F))(u, v)

    return race(
        f"UV raster, {len(F)} faces, {size}²",
        lambda: rasterize_uv(UV, F, (size, size)),
        theirs if peer else None,
        "matplotlib's trapezoid map" if peer else "",
        repeats=repeats,
        note=f"peak {peak('raster', rings, size)}",
    )
