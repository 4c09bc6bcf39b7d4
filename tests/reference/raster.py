"""Point in triangle in exact arithmetic: every pixel against every face."""

from fractions import Fraction

import numpy as np

Point = tuple[Fraction, Fraction]


def area(a: Point, b: Point, c: Point) -> Fraction:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def rasterize(UV: np.ndarray, F: np.ndarray, H: int, W: int) -> tuple[np.ndarray, np.ndarray]:
    """Return face_index, and the weights as rounded from exact ones."""
    P = [(Fraction(u), Fraction(v)) for u, v in UV.tolist()]
    face_index, bary = np.full((H, W), -1), np.zeros((H, W, 3))
    for row in range(H):
        for col in range(W):
            centre = Fraction(2 * col + 1, 2 * W), Fraction(2 * row + 1, 2 * H)
            for f, (i, j, k) in enumerate(F.tolist()):
                whole = area(P[i], P[j], P[k])
                if whole == 0:
                    continue
                parts = [
                    area(centre, P[j], P[k]) / whole,
                    area(P[i], centre, P[k]) / whole,
                    area(P[i], P[j], centre) / whole,
                ]
                if min(parts) >= 0:
                    face_index[row, col] = f
                    bary[row, col] = [float(x) for x in parts]
                    break
    return face_index, bary
