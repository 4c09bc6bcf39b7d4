"""The jaw of a linear face model moves along a chord; a person's turns about a hinge of the person.

On the mean face the displacement of the opened jaw is read as a turn about an axis across the head,
by an angle that fades from the chin to the cheeks. A person's vertices turn by these angles about
the person's own hinge, which goes with the skin before the ears: a long jaw swings further.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

UNITS = ("AU26", "AU27")
FIRM = 0.6  # of the largest displacement: what moves further belongs to the bone
NEAR = 8.0  # mm from the hinge, within which no angle can be read off
REACH = 28.0  # mm: the skin that the hinge goes with


class Jaw(NamedTuple):
    """How the mean face opens its mouth.

    Attributes
    ----------
    chin : the vertex that moves furthest.
    opened : displacement (V, 3) at full opening.   angle : radians, there.
    hinge : (y, z), mm.   turn : share of the angle by which each vertex turns.
    before_ears : weights (V,) of the skin that the hinge goes with.
    """

    chin: int
    opened: np.ndarray
    angle: float
    hinge: np.ndarray
    turn: np.ndarray
    before_ears: np.ndarray

    def opening(self, moved: Float[np.ndarray, "V 3"]) -> float:
        """Return how far a displacement of the mean face opens the jaw: 1, fully."""
        return float((moved * self.opened).sum() / (self.opened**2).sum())

    def own_hinge(self, offset: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, " 2"]:
        """Return the hinge of a person who differs from the mean face by `offset`, mm."""
        return np.asarray(self.hinge + self.before_ears @ offset[:, 1:])

    def swing(
        self, V: Float[np.ndarray, "V 3"], hinge: Float[np.ndarray, " 2"], opening: float
    ) -> Float[np.ndarray, "V 3"]:
        """Return the displacement of a face whose jaw turns about this hinge."""
        angle = opening * self.angle * self.turn
        c, s = np.cos(angle) - 1, np.sin(angle)
        y, z = (V[:, 1:] - hinge).T
        return np.stack([np.zeros(len(V)), c * y - s * z, s * y + c * z], axis=1)


def find_jaw(
    V: Float[np.ndarray, "V 3"], opened: Float[np.ndarray, "V 3"], hinge: Float[np.ndarray, " 2"]
) -> Jaw | None:
    """Read the turn about a hinge off a face and its displacement when the mouth is open.

    None: the face has no vertices that move much.
    """
    size = np.linalg.norm(opened, axis=1)
    if not size.any():
        return None
    arm = V[:, 1:] - hinge
    tangent = np.stack([-arm[:, 1], arm[:, 0]], axis=1)
    along, square = (opened[:, 1:] * tangent).sum(axis=1), (arm**2).sum(axis=1)
    firm = size > FIRM * size.max()
    angle = float(along[firm].sum() / square[firm].sum())
    near = np.exp(-square / (2 * REACH**2)) + 1e-300
    turn = along / (square + NEAR**2) / angle
    return Jaw(int(size.argmax()), opened, angle, hinge, turn, near / near.sum())
