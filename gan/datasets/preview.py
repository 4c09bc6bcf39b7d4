"""A contact sheet of a data set: a row for each class, and whole sequences below."""

import numpy as np
from jaxtyping import UInt8

from gan.datasets.contract import STILL
from gan.datasets.store import Dataset
from meshkit.render import contact_sheet, frame_of, render_mesh


def preview_sheet(
    dataset: Dataset,
    *,
    factor: str | None = None,
    columns: int = 8,
    rows: int = 12,
    sequences: int = 2,
    tile: int = 180,
) -> UInt8[np.ndarray, "height width 3"]:
    """Draw labelled meshes, a row for each class, and `sequences` sequences, all in one scale.

    Raises
    ------
    ValueError
        The data set has no such factor.
    """
    factor = factor or ("expression" if "expression" in dataset.labels else min(dataset.labels))
    if factor not in dataset.labels:
        raise ValueError(f"no factor {factor!r}; {dataset.path} has {', '.join(dataset.labels)}")
    chosen: list[tuple[int, str] | None] = []
    for c in np.unique(dataset.labels[factor][dataset.labels[factor] >= 0])[:rows]:
        every = np.flatnonzero(dataset.labels[factor] == c)
        picked = every[np.linspace(0, len(every) - 1, min(columns, len(every))).astype(int)]
        name = dataset.names[factor][c]
        row = [(int(i), f"{name}, subject {dataset.subject[i]}") for i in picked]
        chosen += _fill(row, columns)
    known = np.unique(dataset.sequence[dataset.sequence != STILL])
    for s in known[np.linspace(0, len(known) - 1, min(sequences, len(known))).astype(int)]:
        every = np.flatnonzero(dataset.sequence == s)
        every = every[np.argsort(dataset.frame[every])]
        picked = every[np.linspace(0, len(every) - 1, min(columns, len(every))).round().astype(int)]
        row = [(int(i), f"sequence {s}, frame {dataset.frame[i]}") for i in picked]
        chosen += _fill(row, columns)
    return _draw(dataset, chosen, columns, (tile, round(tile * 0.85)))


def _fill(row: list[tuple[int, str]], columns: int) -> list[tuple[int, str] | None]:
    """Return the row with empty places up to the number of columns."""
    return [*row, *[None] * (columns - len(row))]


def _draw(
    dataset: Dataset,
    chosen: list[tuple[int, str] | None],
    columns: int,
    size: tuple[int, int],
) -> np.ndarray:
    V = dataset.vertices([place[0] for place in chosen if place]).astype(np.float64)
    frame = frame_of(V, size=size)
    pictures = iter([render_mesh(X, dataset.faces, size=size, frame=frame) for X in V])
    blank = np.full((*size, 3), 250, dtype=np.uint8)
    tiles = [next(pictures) if place else blank for place in chosen]
    return contact_sheet(tiles, columns, [place[1] if place else "" for place in chosen])
