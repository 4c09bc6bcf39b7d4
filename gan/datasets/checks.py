"""Checks of arrays from files; `name` is how a message calls the array, with its file."""

import numpy as np

from gan.errors import DatasetError


def check_shape(name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    """Raise DatasetError unless `array` has exactly `shape`."""
    if array.shape != shape:
        raise DatasetError(f"{name} has shape {array.shape}, expected {shape}")


def check_finite(name: str, array: np.ndarray) -> None:
    """Raise DatasetError that names the first value that is not finite."""
    if not np.isfinite(array).all():
        at, value = _first(array, ~np.isfinite(array))
        raise DatasetError(f"{name}[{at}] is not finite: {value}")


def check_range(name: str, array: np.ndarray, low: int, high: int | None = None) -> None:
    """Raise DatasetError unless all low <= array < high; without `high`, unless low <= array."""
    bad = (array < low) if high is None else (array < low) | (array >= high)
    if bad.any():
        at, value = _first(array, bad)
        expected = f"{low} or more" if high is None else f"{low} to {high - 1}"
        raise DatasetError(f"{name}[{at}] is {value}, expected {expected}")


def check_faces(name: str, faces: np.ndarray, n_vertices: int) -> None:
    """Raise DatasetError unless every face has three distinct vertices that exist."""
    check_range(name, faces, 0, n_vertices)
    twice = (np.roll(faces, 1, axis=1) == faces).any(axis=1)
    if twice.any():
        i = int(twice.argmax())
        raise DatasetError(f"{name}[{i}] = {faces[i].tolist()} repeats a vertex")


def _first(array: np.ndarray, bad: np.ndarray) -> tuple[str, object]:
    """Return the place of the first bad value, as a message writes it, and the value."""
    index = tuple(np.argwhere(bad)[0].tolist())
    return ", ".join(map(str, index)), array[index]
