"""Ears by trying every choice of corners."""

from itertools import combinations

import numpy as np


def chords(F: np.ndarray, loop: np.ndarray) -> list[tuple[int, int]]:
    """Positions in the loop that an edge joins although they are not neighbours on the border."""
    place = {int(i): k for k, i in enumerate(loop)}
    half = {(int(f[k]), int(f[(k + 1) % 3])) for f in F for k in range(3)}
    return [(place[i], place[j]) for i, j in half if (j, i) in half and i in place and j in place]


def collapses(corners: tuple[int, ...], chord: tuple[int, int], b: int) -> bool:
    """Answer whether both ends lie on one closed side."""
    for k in range(4):
        start, length = corners[k], (corners[(k + 1) % 4] - corners[k]) % b
        if all((end - start) % b <= length for end in chord):
            return True
    return False


def feasible(F: np.ndarray, loop: np.ndarray) -> bool:
    """Answer whether some four corners leave no chord on a side."""
    b, ends = len(loop), chords(F, loop)
    return any(
        not any(collapses(corners, chord, b) for chord in ends)
        for corners in combinations(range(b), 4)
    )
