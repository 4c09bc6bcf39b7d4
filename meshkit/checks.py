"""Refuse malformed arrays by name and index, before they become a crash or a wrong number."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

from meshkit.errors import MeshError
from meshkit.mesh import Mesh

Function = TypeVar("Function", bound=Callable[..., Any])
FLOATS, INTEGERS = ("V", "UV", "image", "A", "B"), ("F", "F_uv")  # names of arguments
OPTIONS = {"loop": True, "corners": True, "boundary": False, "UV_loop": False}  # integers?


def check_faces(F: np.ndarray) -> None:
    """Raise MeshError unless F is a non-empty (m, 3) integer array of distinct corners."""
    if F.ndim != 2 or F.shape[1] != 3 or not np.issubdtype(F.dtype, np.integer):
        raise MeshError(f"F must be an (m, 3) integer array, got {F.dtype} {F.shape}")
    if len(F) == 0:
        raise MeshError("F is empty: a mesh needs at least one face")
    a, b, c = F.T
    bad = (a == b) | (b == c) | (c == a) | (a < 0) | (b < 0) | (c < 0)
    if bad.any():
        f = int(bad.argmax())
        raise MeshError(
            f"face {f} = {F[f].tolist()} repeats a vertex or has a negative index "
            f"({int(bad.sum())} such faces): delete it, or meshkit.repair.drop_duplicates",
            remedy="drop-duplicates",
        )


def check_mesh(V: np.ndarray, F: np.ndarray) -> None:
    """Raise MeshError unless V is a finite (n, 2) or (n, 3) float array and F indexes it."""
    check_faces(F)
    if V.ndim != 2 or V.shape[1] not in (2, 3) or not np.issubdtype(V.dtype, np.floating):
        raise MeshError(f"V must be an (n, 2) or (n, 3) float array, got {V.dtype} {V.shape}")
    if int(F.max()) >= len(V):
        f = int((len(V) <= F).any(axis=1).argmax())
        raise MeshError(f"face {f} = {F[f].tolist()} names a vertex, but V has {len(V)} rows only")
    finite = np.isfinite(V).all(axis=1)
    if not finite.all():
        i = int(finite.argmin())
        raise MeshError(
            f"vertex {i} = {V[i].tolist()} is not finite ({int((~finite).sum())} such vertices): "
            "correct it in the file, or delete it with its faces"
        )


def numbers(value: Any, name: str, *, integer: bool = False) -> np.ndarray:
    """Return arrays, lists and tensors as a contiguous array: float64, or int64 where integer.

    Nothing is copied that need not be.

    Raises
    ------
    MeshError
        It is no array of such numbers, such as text, or a list whose rows differ in length.
    """
    try:
        if hasattr(value, "detach"):  # torch, without importing it
            value = value.detach().cpu()
            value = (value.double() if value.is_floating_point() else value).numpy()
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise MeshError(f"{name} must be an array, a list or a tensor: {error}") from error
    if array.dtype.kind not in "iufb":
        what = array.dtype if array.ndim else type(value).__name__
        raise MeshError(f"{name} must be an array, a list or a tensor of numbers, got {what}")
    if integer and array.size and array.dtype.kind not in "iu":
        raise MeshError(f"{name} must be an integer array, got {array.dtype} {array.shape}")
    return np.ascontiguousarray(array, np.int64 if integer else np.float64)


def takes_mesh(function: Function) -> Function:
    """Let a function of (V, F, …), (UV, F, …) or (F, …) take a `Mesh` and any array.

    Its arguments V, UV, F, F_uv and image arrive as `numbers` returns them, and so do lists and
    tensors of vertices and points among its options.
    """
    names = [*inspect.signature(function).parameters]

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], Mesh) and names[0] != "image":
            args = (*_arrays(args[0], names[0]), *args[1:])
        values = [_converted(*pair) for pair in zip(names, args, strict=False)]
        named = {name: _converted(name, value) for name, value in kwargs.items()}
        return function(*values, *args[len(names) :], **named)

    return cast(Function, wrapper)


def _converted(name: str, value: Any) -> Any:
    if name in FLOATS + INTEGERS and not (name in ("F_uv", "UV") and value is None):
        return numbers(value, name, integer=name in INTEGERS)
    if name in OPTIONS and (isinstance(value, list) or hasattr(value, "detach")):
        return numbers(value, name, integer=OPTIONS[name])
    return int(value) if isinstance(value, np.integer) else value


def _arrays(mesh: Mesh, first: str) -> tuple[np.ndarray | None, ...]:
    """Return what a mesh has for the first arguments of a function."""
    if first in ("V", "F"):
        return (mesh.V, mesh.F) if first == "V" else (mesh.F,)
    if mesh.UV is None and mesh.UV_corner is None:
        raise MeshError("the mesh has no texture coordinates", remedy="parameterize")
    return (mesh.UV, mesh.F) if mesh.UV is not None else (mesh.UV_corner, mesh.F_uv)
