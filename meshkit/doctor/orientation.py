"""Which faces run against their neighbours, and whether a surface has two sides at all."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from meshkit.topology import connected_labels, edge_table


class Sides(NamedTuple):
    """The verdict on each face.

    Attributes
    ----------
    inverted : 1
        Faces to reverse, so that neighbours run against each other along their common edge; in each
        connected sheet the smaller group, and of two equal ones the group without its first face.
    one_sided : 1
        Faces of sheets that no reversal can orient (a Möbius strip); never inverted.
    """

    inverted: Bool[np.ndarray, " m"]
    one_sided: Bool[np.ndarray, " m"]


def face_sides(F: Int[np.ndarray, "m 3"]) -> Sides:
    """Compare the direction of each face with its sheet's.

    A sheet is a set of faces connected through edges of exactly two faces: where more meet, there
    is no neighbour to compare with.
    """
    table = edge_table(F)
    m = len(F)
    pair = table.uses == 2
    first = table.half_edge[table.start[pair]] // 3
    second = table.half_edge[table.start[pair] + 1] // 3
    turned = table.forward[pair] != 1
    # The double cover: node f is face f as it stands, node f + m its reverse. A face that is
    # connected with its own reverse lies on a one-sided sheet.
    a = np.concatenate([first, first + m])
    b = np.concatenate([second + m * turned, second + m * ~turned])
    side = connected_labels(a, b, 2 * m).reshape(2, m)
    one_sided = side[0] == side[1]
    # Both sides of a sheet carry the sheet's faces; name the sheet by the smaller label, which is
    # the side of its first face.
    sheet = side.min(axis=0)
    against = (side[0] != sheet) & ~one_sided
    size, minority = np.bincount(sheet, minlength=2 * m), np.bincount(sheet, against, 2 * m)
    swap = (2 * minority > size)[sheet]
    return Sides(against ^ (swap & ~one_sided), one_sided)
