"""Deformation transfer as in the paper: a fourth vertex per face, one dense least squares."""

import numpy as np


def slow_transfer(
    V_source: np.ndarray, pose: np.ndarray, V_target: np.ndarray, F: np.ndarray
) -> np.ndarray:
    """Return the target deformed like the source; its centre is arbitrary."""

    def frame(V, f):
        a, b, c = V[f]
        normal = np.cross(b - a, c - a)
        return np.stack([b - a, c - a, normal / np.sqrt(np.linalg.norm(normal))], axis=1)

    n, m = len(V_target), len(F)
    rows, rhs = [], []
    for k, f in enumerate(F):
        S = frame(pose, f) @ np.linalg.inv(frame(V_source, f))
        W = np.linalg.inv(frame(V_target, f))
        a, b, c = V_target[f]
        root_area = np.sqrt(np.linalg.norm(np.cross(b - a, c - a)) / 2)
        # T = [v2 - v1, v3 - v1, v4 - v1] W; column j of T shall be column j of S.
        for j in range(3):
            row = np.zeros(n + m)
            row[f[1]] += W[0, j]
            row[f[2]] += W[1, j]
            row[n + k] += W[2, j]
            row[f[0]] -= W[:, j].sum()
            rows.append(root_area * row)
            rhs.append(root_area * S[:, j])
    return np.linalg.lstsq(np.array(rows), np.array(rhs), rcond=None)[0][:n]
