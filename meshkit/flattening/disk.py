"""Is it a disk, perhaps with holes? If not, say what it is, where, and what would make it one."""

import numpy as np
from jaxtyping import Float, Int

from meshkit.checks import check_mesh, takes_mesh
from meshkit.errors import MeshError, TopologyError
from meshkit.topology import (
    boundary_loops,
    check_one_manifold,
    euler_characteristic,
    unreferenced_vertices,
)

FAR = 1 / 8  # size over distance from the origin


@takes_mesh
def disk_loops(V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> list[np.ndarray]:
    """Return the border loops of a disk with or without holes, longest first.

    By length on the surface: a mouth may have more vertices than a neck.

    Raises
    ------
    MeshError
        A vertex belongs to no face.
    TopologyError
        The mesh is not manifold or not oriented, closed, in several parts, or has handles.
    """
    check_mesh(V, F)
    n = len(V)
    unused = unreferenced_vertices(F, n)
    if unused.size:
        raise MeshError(
            f"vertex {int(unused[0])} belongs to no face ({unused.size} such vertices; "
            "unreferenced_vertices(F, n) lists them): meshkit.repair.drop_unreferenced",
            remedy="drop-unreferenced",
        )
    loops = boundary_loops(F)
    check_one_manifold(F, n)
    if not loops:
        raise TopologyError(
            "the mesh is closed: it has no border to put on the square: meshkit.cut_to_disk "
            "opens it along a seam, or delete the faces where it may be open",
            remedy="open-surface",
        )
    handles = 2 - len(loops) - euler_characteristic(F)
    if handles:
        raise TopologyError(
            f"the mesh has {len(loops)} loops and {handles // 2} handles, so it is no disk with "
            "holes: meshkit.cut_to_disk cuts the handles open",
            remedy="cut-to-disk",
        )
    X = near_and_unit(V)  # no square over- or underflows
    steps = (X[np.roll(loop, -1)] - X[loop] for loop in loops)
    lengths = [float(np.linalg.norm(step, axis=1).sum()) for step in steps]
    return [loops[k] for k in np.argsort(-np.array(lengths), kind="stable")]


def outer_first(
    loops: list[np.ndarray], loop: int | Int[np.ndarray, " b"] | None
) -> list[np.ndarray]:
    """Put the chosen loop first: given by its place, by its vertices, or None for the first.

    Raises
    ------
    ValueError
        There is no such loop.
    """
    if loop is None:
        return loops
    if isinstance(loop, int):
        if not 0 <= loop < len(loops):
            raise ValueError(f"loop {loop} does not exist: the mesh has {len(loops)}, from 0")
        place = loop
    else:
        same = [k for k, known in enumerate(loops) if set(known.tolist()) == set(loop.tolist())]
        if not same:
            lengths = [len(known) for known in loops]
            raise ValueError(
                f"the {len(loop)} vertices given are not a border loop; those have {lengths}"
            )
        place = same[0]
    return [loops[place], *loops[:place], *loops[place + 1 :]]


def near_and_unit(V: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """Scale by a power of two, and bring to the origin what lies far from it.

    The first rounds nothing, and no product over- or underflows then. The second, a difference of
    nearly equal numbers, rounds nothing either: so the place of a mesh costs no digits.
    """
    for _ in range(2):
        _, exponent = np.frexp(np.abs(V).max())
        V = np.ldexp(V.astype(float), -exponent)
        if not 0 < np.ptp(V, axis=0).max() < FAR:
            break
        V = V - V.min(axis=0)
    return np.asarray(V)
