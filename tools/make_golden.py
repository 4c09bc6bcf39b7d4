"""Write tests/golden/raster.npz, the raster contract in numbers: `python tools/make_golden.py`.

Faces and weights come from exact arithmetic (tests/reference/raster.py), not from the code under
test; the maps are stored too, so that a change of the parameterization changes nothing here.
Raise VERSION when the contract changes, and say so in the changelog.
"""

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the reference lives with the tests

from meshkit.param import parameterize  # noqa: E402
from meshkit.primitives import disk, grid, hemisphere  # noqa: E402
from tests.reference.raster import rasterize  # noqa: E402

OUT = ROOT / "tests" / "golden" / "raster.npz"
VERSION = 1

Map = tuple[np.ndarray, np.ndarray, tuple[int, int]]


def cases() -> dict[str, Map]:
    """Return UV, F and (H, W) of every case."""
    square, pair = grid(1, 1)[0][:, :2], np.array([[0, 2, 3], [0, 1, 2]])
    lattice, faces = grid(4, 4)
    ring, around = disk(4)
    rng = np.random.default_rng(0)
    soup = rng.integers(-4, 21, (24, 2)) / 16
    corners = np.array([rng.permutation(24)[:3] for _ in range(14)])
    V, F = hemisphere(4)
    flat = parameterize(V, F, weights="cotan")
    moved = lattice[:, :2] + np.where(
        ((lattice[:, :2] > 0) & (lattice[:, :2] < 1)).all(axis=1)[:, None],
        rng.uniform(-0.1, 0.1, (len(lattice), 2)),
        0,
    )
    left, right = ring[:, :2] / 4 + (0.25, 0.5), ring[:, :2] / 4 + (0.75, 0.5)
    charts = np.concatenate([left, right - (0.125, 0)])  # they overlap in the middle
    return {
        "one-texel": (square, pair[[1, 0, 0]][:, [0, 2, 1]], (1, 1)),
        "diagonal-through-centres": (square, pair, (4, 4)),
        "edges-and-corners-on-centres": (lattice[:, :2], faces, (2, 6)),
        "soup-with-overlaps-and-flips": (soup, corners, (16, 16)),
        "harmonic-square": (flat.UV, flat.F, (16, 16)),
        "not-square": (moved, faces[::-1], (5, 13)),
        "overlapping-charts": (charts, np.concatenate([around, around + len(ring)]), (12, 20)),
    }


def main() -> None:
    """Compute and write all cases."""
    arrays = {"version": np.array(VERSION), "cases": np.array(list(cases()))}
    for name, (UV, F, (H, W)) in cases().items():
        face_index, bary = rasterize(UV, F, H, W)
        arrays |= {f"{name}/UV": UV, f"{name}/F": F}
        arrays |= {f"{name}/face_index": face_index, f"{name}/bary": bary}
    np.savez_compressed(OUT, **arrays)
    print(OUT.relative_to(ROOT), f"{OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
