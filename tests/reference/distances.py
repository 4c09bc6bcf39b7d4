"""Distances between meshes, one vertex at a time."""

import math

import numpy as np


def mean_vertex_distance(X: np.ndarray, Y: np.ndarray) -> float:
    return math.fsum(math.dist(x, y) for x, y in zip(X.tolist(), Y.tolist(), strict=True)) / len(X)


def least_distance(X: np.ndarray, meshes: np.ndarray, allowed: np.ndarray) -> float:
    return min(mean_vertex_distance(X, Y) for Y, ok in zip(meshes, allowed, strict=True) if ok)
