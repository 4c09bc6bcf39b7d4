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


def costs(
    V: np.ndarray, F: np.ndarray, loop: np.ndarray, aspect: float
) -> dict[tuple[int, ...], float]:
    """Rate every choice of corners that leaves no chord on a side, by the documented formula."""
    b, ends = len(loop), chords(F, loop)
    P = V[loop]
    step = [float(np.linalg.norm(P[(k + 1) % b] - P[k])) for k in range(b)]
    low, high = P[:, :2].min(axis=0), P[:, :2].max(axis=0)
    x, y = (2 * (P[:, :2] - low) / (high - low) - 1).T
    rated = {}
    for chosen in combinations(range(b), 4):
        if any(collapses(chosen, chord, b) for chord in ends):
            continue
        for turn in range(4):
            corners = chosen[turn:] + chosen[:turn]
            cost = 0.0
            for k, share in enumerate(np.array([aspect, 1, aspect, 1]) / (2 * aspect + 2)):
                start, stop = corners[k], corners[(k + 1) % 4]
                side = sum(step[(start + i) % b] for i in range((stop - start) % b)) / sum(step)
                diagonal = np.radians(-135 + 90 * k)
                cost += 16 * (side - share) ** 2
                cost += 1 - np.cos(np.arctan2(y[start], x[start]) - diagonal)
            rated[corners] = float(cost)
    return rated
