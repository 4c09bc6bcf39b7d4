"""What a mesh must be so that a file of it reads back, and what single precision does to it."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from meshkit.errors import FileFormatError, MeshError
from meshkit.mesh import Mesh
from meshkit.predicates import orientation

SINGLE_PRECISION = frozenset({".stl", ".gltf", ".glb"})
_EXACT = ".ply, .obj and .npz are exact"
_MAX_SHIFT = 1e-6  # of the mesh's size: more than this is said
_ROUNDING = 1e-6  # by which a colour may pass 0 or 1


def storable(mesh: Mesh, suffix: str) -> Mesh:
    """Return the mesh in the types of `Mesh`: float64, int64; colours of bytes as shares of 255.

    Raises
    ------
    MeshError
        It has no vertex or face; an array is of another shape or kind, names what is not there, or
        holds a number that the format cannot.
    """
    V, F = _array("V", mesh.V, 3), _array("F", mesh.F, 3, integers=True)
    if len(V) == 0 or len(F) == 0:
        raise MeshError(f"a mesh file needs vertices and faces, got {len(V)} and {len(F)}")
    _check_indices("face", F, len(V), "vertices")
    UV, UV_corner, F_uv = mesh.UV, mesh.UV_corner, mesh.F_uv
    if UV is not None and UV_corner is not None:
        raise MeshError("a mesh has texture coordinates per vertex or per corner, not both")
    if (UV_corner is None) != (F_uv is None):
        raise MeshError("UV_corner and F_uv come together or not at all")
    if UV is not None:
        UV = _array("UV", UV, 2, rows=len(V))
    if UV_corner is not None and F_uv is not None:
        UV_corner = _array("UV_corner", UV_corner, 2)
        F_uv = _array("F_uv", F_uv, 3, rows=len(F), integers=True)
        _check_indices("F_uv", F_uv, len(UV_corner), "texture coordinates")
    if suffix in SINGLE_PRECISION:
        for what, rows in (("vertex", V), ("texture coordinate", UV), ("UV_corner", UV_corner)):
            _check_single(what, rows, suffix)
    return Mesh(V, F, UV, UV_corner, F_uv, None if mesh.colors is None else _colors(mesh, len(V)))


def _array(
    name: str, values: Any, width: int, *, rows: int | None = None, integers: bool = False
) -> np.ndarray:
    array = np.asarray(values)
    kinds = "iu" if integers else "fiu"
    wanted = rows if rows is not None else (len(array) if array.ndim else 0)
    if array.shape != (wanted, width) or array.dtype.kind not in kinds:
        kind = "integers" if integers else "numbers"
        raise MeshError(
            f"{name} must be ({'n' if rows is None else rows}, {width}) {kind}, "
            f"got {array.dtype} {array.shape}"
        )
    return array.astype(np.int64 if integers else np.float64, copy=False)


def _check_indices(name: str, F: Int[np.ndarray, "m 3"], n: int, what: str) -> None:
    bad = ((F < 0) | (n <= F)).any(axis=1)
    if bad.any():
        f = int(bad.argmax())
        raise FileFormatError(f"{name} {f} = {F[f].tolist()}, but there are {n} {what}")


def _check_single(what: str, rows: Float[np.ndarray, "n k"] | None, suffix: str) -> None:
    if rows is None or not len(rows):
        return
    finite = np.where(np.isfinite(rows), np.abs(rows), 0)
    if finite.max() > np.finfo(np.float32).max:
        v = int(finite.max(axis=1).argmax())
        raise MeshError(
            f"{what} {v} = {rows[v].tolist()} is too large for {suffix}, "
            "which is single precision: use .obj or .ply"
        )


def _colors(mesh: Mesh, n: int) -> Float[np.ndarray, "n 3"]:
    colors = np.asarray(mesh.colors)
    if colors.shape == (n, 4):
        warnings.warn("the alpha of the colours is dropped", stacklevel=4)
        colors = colors[:, :3]
    if colors.dtype == np.uint8:
        return np.asarray(_array("colors", colors, 3, rows=n) / 255)
    colors = _array("colors", colors, 3, rows=n)
    sound = ((colors >= -_ROUNDING) & (colors <= 1 + _ROUNDING)).all(axis=1)
    if not sound.all():
        v = int(sound.argmin())
        raise MeshError(
            f"the colour of vertex {v} = {colors[v].tolist()} is outside 0 to 1; "
            "colours from 0 to 255 must be of type uint8"
        )
    return np.asarray(colors.clip(0, 1))


def offset_of(V: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " 3"]:
    """Return what to subtract so that single precision holds the shape: 0 near the origin.

    Far from it, the centre.
    """
    finite = V[np.isfinite(V).all(axis=1)]
    if not len(finite):
        return np.zeros(3)
    low, high = finite.min(axis=0), finite.max(axis=0)
    near = np.abs(finite).max() <= 8 * (high - low).max()
    return np.zeros(3) if near else low / 2 + high / 2


def warn_rounded(path: Path, mesh: Mesh, suffix: str) -> None:
    """Say what single precision does to a mesh: vertices moved, faces of the map turned over."""
    if suffix not in SINGLE_PRECISION:
        return
    offset = np.zeros(3) if suffix == ".stl" else offset_of(mesh.V)
    V = mesh.V[np.isfinite(mesh.V).all(axis=1)]
    size = float(np.ptp(V, axis=0).max()) if len(V) else 0.0
    shift = float(np.abs(_rounded(V - offset) + offset - V).max(initial=0))
    if shift > _MAX_SHIFT * size:
        warnings.warn(
            f"{path}: single precision moves vertices by up to {shift:.2g}, and the mesh is "
            f"{size:.2g} long; {_EXACT}",
            stacklevel=3,
        )
    UV, F = (mesh.UV, mesh.F) if mesh.UV is not None else (mesh.UV_corner, mesh.F_uv)
    if suffix == ".stl" or UV is None or F is None:
        return
    F = F[np.isfinite(UV[F]).all(axis=(1, 2))]
    stored = np.stack([_rounded(UV[:, 0]), 1 - _rounded(1 - UV[:, 1])], axis=1)  # v from the top
    before, after = (orientation(*rows[F].transpose(1, 0, 2)) for rows in (UV, stored))
    flipped, empty = int((after * before < 0).sum()), int(((after == 0) & (before != 0)).sum())
    if flipped or empty:
        warnings.warn(
            f"{path}: single precision turns {flipped} faces of the map over and leaves {empty} "
            f"without area; {_EXACT}",
            stacklevel=3,
        )


def _rounded(values: Float[np.ndarray, "*k"]) -> Float[np.ndarray, "*k"]:
    return values.astype(np.float32).astype(np.float64)
