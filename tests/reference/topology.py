"""Connectivity by sets and dictionaries."""

from collections import defaultdict

import numpy as np


def half_edges(F: np.ndarray) -> list[tuple[int, int]]:
    return [(int(f[k]), int(f[(k + 1) % 3])) for f in F for k in range(3)]


def edge_faces(F: np.ndarray) -> dict[frozenset[int], list[int]]:
    faces = defaultdict(list)
    for f, corners in enumerate(F.tolist()):
        for k in range(3):
            faces[frozenset((corners[k], corners[(k + 1) % 3]))].append(f)
    return dict(faces)


def fans(F: np.ndarray, vertex: int) -> int:
    """Count the groups of faces at a vertex that shared edges at it join."""
    groups = [{f} for f, corners in enumerate(F.tolist()) if vertex in corners]
    for edge, faces in edge_faces(F).items():
        if vertex in edge:
            joined = [group for group in groups if group & set(faces)]
            groups = [group for group in groups if not group & set(faces)]
            groups.append(set().union(*joined))
    return len(groups)


def parts(F: np.ndarray, n: int) -> list[set[int]]:
    groups = [{i} for i in range(n)]
    for corners in F.tolist():
        joined = [group for group in groups if group & set(corners)]
        groups = [group for group in groups if not group & set(corners)]
        groups.append(set().union(*joined))
    return groups
