"""meshkit's own archive: the arrays of a Mesh by their names, exact, without pickle."""

from pathlib import Path

import numpy as np

from meshkit.archive import read_archive
from meshkit.errors import FileFormatError
from meshkit.formats.polygons import build_mesh
from meshkit.mesh import Mesh

_SHAPES = {"V": 3, "F": 3, "UV": 2, "UV_corner": 2, "F_uv": 3, "colors": 3}
_INTEGERS = ("F", "F_uv")


def load_npz(path: Path) -> Mesh:
    """Read ``V``, ``F`` and, where present, ``UV``, ``UV_corner`` with ``F_uv``, ``colors``.

    Raises
    ------
    FileFormatError
        An array is missing, of another shape or kind, or holds an index past the end.
    """
    arrays = read_archive(path, set(_SHAPES))
    for name in ("V", "F"):
        if name not in arrays:
            raise FileFormatError(f"{path} has no array {name!r}: it is no mesh archive")
    for name, array in arrays.items():
        kinds, wanted = ("iu", "integers") if name in _INTEGERS else ("fiu", "numbers")
        if array.ndim != 2 or array.shape[1] != _SHAPES[name] or array.dtype.kind not in kinds:
            raise FileFormatError(
                f"{path}: {name} must be (n, {_SHAPES[name]}) {wanted}, "
                f"got {array.dtype} {array.shape}"
            )
        arrays[name] = array.astype(np.int64 if name in _INTEGERS else np.float64)
    _check(path, arrays)
    sizes = np.full(len(arrays["F"]), 3, dtype=np.int64)
    corners = arrays.pop("F").reshape(-1)
    F_uv = arrays.pop("F_uv", None)
    return build_mesh(
        path,
        arrays["V"],
        corners,
        sizes,
        UV=arrays.get("UV"),
        UV_corner=arrays.get("UV_corner"),
        corners_uv=None if F_uv is None else F_uv.reshape(-1),
        colors=arrays.get("colors"),
    )


def _check(path: Path, arrays: dict[str, np.ndarray]) -> None:
    if ("UV_corner" in arrays) != ("F_uv" in arrays):
        raise FileFormatError(f"{path}: UV_corner and F_uv come together or not at all")
    for name, like in (("UV", "V"), ("colors", "V"), ("F_uv", "F")):
        if name in arrays and len(arrays[name]) != len(arrays[like]):
            raise FileFormatError(
                f"{path}: {name} has {len(arrays[name])} rows, {like} {len(arrays[like])}"
            )
    for name, into in (("F", "V"), ("F_uv", "UV_corner")):
        if name in arrays:
            bad = ((arrays[name] < 0) | (arrays[name] >= len(arrays[into]))).any(axis=1)
            if bad.any():
                f = int(bad.argmax())
                raise FileFormatError(
                    f"{path}: {name}[{f}] = {arrays[name][f].tolist()}, "
                    f"but {into} has {len(arrays[into])} rows"
                )


def save_npz(path: Path, mesh: Mesh) -> None:
    """Write the arrays that are there."""
    arrays = {name: getattr(mesh, name) for name in _SHAPES}
    with path.open("wb") as file:
        np.savez_compressed(file, **{k: array for k, array in arrays.items() if array is not None})
