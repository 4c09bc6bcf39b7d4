"""Compare the back ends of `meshkit.render` that are installed with the plain one.

    python tools/compare_backends.py MESH... [--size 240]

Prints, for views and projections, how many pixels differ in the face they show: inside the mesh,
where depths must agree, and along silhouettes; and the time that each back end took.
"""

import argparse
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from meshkit.io import load_mesh
from meshkit.render import turntable, visible_surface

VIEWS = [(0.0, 0.0), (-38.0, 0.0), (-90.0, 0.0), (25.0, 40.0)]
PERSPECTIVES = [None, 35.0, 100.0]


def compare(path: Path, backend: str, size: int) -> None:
    mesh = load_mesh(path)
    pixels = inside = silhouette = 0
    depth, seconds = 0.0, np.zeros(2)
    visible_surface(mesh.V, mesh.F, size=(8, 8), backend=backend)  # type: ignore[arg-type]  # imports
    for yaw, pitch in VIEWS:
        for perspective in PERSPECTIVES:
            seen = []
            for k, name in enumerate(("plain", backend)):
                start = time.perf_counter()
                seen.append(
                    visible_surface(
                        mesh.V,
                        mesh.F,
                        size=(size, size),
                        view=turntable(yaw, pitch),
                        perspective=perspective,
                        backend=name,  # type: ignore[arg-type]
                    )
                )
                seconds[k] += time.perf_counter() - start
            ours, theirs = seen
            both = (ours.face_index >= 0) & (theirs.face_index >= 0)
            pixels += int(both.sum())
            inside += int((ours.face_index != theirs.face_index)[both].sum())
            silhouette += int(((ours.face_index >= 0) != (theirs.face_index >= 0)).sum())
            if both.any():
                difference = np.abs(ours.depth[both] - theirs.depth[both]).max()
                depth = max(depth, float(difference / np.ptp(mesh.V)))
    plain_ms, other_ms = seconds / len(VIEWS) / len(PERSPECTIVES) * 1000
    print(
        f"{path.name}, {backend}: of {pixels} pixels {inside} show another face, {silhouette} more "
        f"differ along silhouettes; depths differ by {depth:.1e} of the extent at most; "
        f"{plain_ms:.0f} ms plain, {other_ms:.0f} ms {backend} per view of {size}²"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mesh", nargs="+", type=Path)
    parser.add_argument("--size", type=int, default=240)
    options = parser.parse_args()
    for backend in ("open3d", "pytorch3d"):
        if find_spec(backend) is None:
            print(f"{backend} is not installed")
            continue
        for path in options.mesh:
            compare(path, backend, options.size)


if __name__ == "__main__":
    main()
