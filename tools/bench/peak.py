"""Run one case alone, in a fresh process, and print by how many MiB it raised the peak memory."""

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from meshkit.param import circle_boundary, harmonic_uv
from meshkit.primitives import disk
from meshkit.raster import rasterize_uv
from meshkit.topology import boundary_loop


def wavy_disk(rings: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a disk with waves, so that its Laplacian is not the flat one."""
    V, F = disk(rings)
    return V + np.array([0, 0, 0.3]) * np.sin(5 * V[:, :1]), F


def square(V: np.ndarray) -> np.ndarray:
    """Stretch the unit disk over the unit square."""
    radius = np.linalg.norm(V[:, :2], axis=1, keepdims=True)
    side = np.abs(V[:, :2]).max(axis=1, keepdims=True)
    stretched = V[:, :2] * np.divide(radius, side, out=np.ones_like(side), where=side > 0)
    return 0.5 + 0.5 * stretched


def peak(case: str, *numbers: int) -> str:
    """Return the peak of a case, measured in a process of its own."""
    command = [sys.executable, __file__, case, *map(str, numbers)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return run.stdout.strip()


def _harmonic(rings: int) -> None:
    V, F = wavy_disk(rings)
    loop = boundary_loop(F)
    UV_loop = circle_boundary(V, loop)
    _report(lambda: harmonic_uv(V, F, loop, UV_loop))


def _igl_harmonic(rings: int) -> None:
    import igl

    V, F = wavy_disk(rings)
    loop = boundary_loop(F)
    UV_loop = circle_boundary(V, loop)
    _report(lambda: igl.harmonic(V, F, loop, UV_loop, 1))


def _raster(rings: int, size: int) -> None:
    V, F = disk(rings)
    UV = square(V)
    _report(lambda: rasterize_uv(UV, F, (size, size)))


def _report(function: Callable[[], object]) -> None:
    before = _highest()
    function()
    print(f"{_highest() - before:.0f} MiB")


def _highest() -> float:
    """Return the most memory this process has held, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux ru_maxrss starts from the parent's, even after exec
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS: bytes


CASES = {"harmonic": _harmonic, "igl-harmonic": _igl_harmonic, "raster": _raster}

if __name__ == "__main__":
    CASES[sys.argv[1]](*map(int, sys.argv[2:]))
