"""Laplacians, harmonic maps and rasters against libigl and matplotlib."""

from collections.abc import Iterator

import igl
import numpy as np
from matplotlib.tri import TrapezoidMapTriFinder, Triangulation
from measure import Row, race
from operators import square

from meshkit.laplacian import cotangent_laplacian
from meshkit.param import circle_boundary, harmonic_uv
from meshkit.primitives import disk
from meshkit.raster import rasterize_uv
from meshkit.topology import boundary_loop


def rows(*, full: bool) -> Iterator[Row]:
    """Yield the rows; `full` adds a million vertices."""
    for rings in (57, 182, 577) if full else (57, 182):
        yield from _maps(rings, repeats=3 if rings < 200 else 1)
    for rings, size in ((57, 256), (409, 2048)) if full else ((57, 256), (182, 1024)):
        yield _raster(rings, size)


def _maps(rings: int, repeats: int) -> Iterator[Row]:
    V, F = disk(rings)
    V = V + np.array([0, 0, 0.3]) * np.sin(5 * V[:, :1])
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
        f"harmonic map, {len(V)} vertices",
        lambda: harmonic_uv(V, F, loop, UV_loop),
        lambda: igl.harmonic(V, F, loop, UV_loop, 1),
        "igl.harmonic",
        repeats=repeats,
    )


def _raster(rings: int, size: int) -> Row:
    V, F = disk(rings)
    UV = square(V)
    u, v = np.meshgrid(*[(np.arange(size) + 0.5) / size] * 2)

    def theirs() -> None:
        TrapezoidMapTriFinder(Triangulation(*UV.T, F))(u, v)

    ours = f"UV raster, {len(F)} faces, {size}²"
    return race(
        ours,
        lambda: rasterize_uv(UV, F, (size, size)),
        theirs,
        "matplotlib's trapezoid map",
        repeats=2,
    )
