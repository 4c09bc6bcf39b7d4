"""Action units as movements of a person's face: slides over bone, turns about joints, bulges.

The order is anatomical: the upper face, the cheeks and the nose, the lips on the closed jaw, then
the jaw, which carries the lower lip along, then contact between the lips. Amounts are mm at weight
1 on a mouth of average width; movements of the lips grow with the mouth.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from gan.datasets.procedural.domain import MOUTH_WIDTH
from gan.datasets.procedural.rig import Joints, Rig

SIDED = (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 16, 20, 23, 24, 43)
WHOLE = (17, 22, 25, 26, 27)
SPEECH = ("AU18", "AU28", "AU32")  # visemes use them, expressions never do
CONTROLS = (
    *(f"AU{k}_{side}" for k in SIDED for side in "LR"),
    *(f"AU{k}" for k in WHOLE),
    *SPEECH,
)

JAW_OPEN = np.deg2rad(24.0)  # of AU27
JAW_DROP = 0.56  # AU26 as a share of it
LID_SHARE = np.array([1, 1, 0.86, 0.62, 0.36, 0.18, 0.08, 0.02, 0])  # of the lid's turn, by ring
CONTACT_SHARE = np.array([1, 1, 1, 0.85, 0.6, 0.4, 0.22, 0.08, 0])  # of the push, by ring
ROUND_SHARE = np.array([1, 1, 1, 0.95, 0.8, 0.6, 0.4, 0.2, 0])  # of the closing, by ring
BROW_ABOVE_EYE = 24.0  # mm, on the mean face
LIDS_MEET = 0.96  # share of the way between the open lids that they close at most


class Pose:
    """One person's face while its muscles act: positions and what they turn about."""

    def __init__(self, rig: Rig, V: Float[np.ndarray, "n 3"], units: Mapping[str, float]) -> None:
        self.rig, self.w = rig, rig.weights
        self.P = V.copy()
        self.side = np.tanh(rig.template.V[:, 0] / 9)  # -1 right, 1 left
        self.outward = np.stack([V[:, 0] / 75, np.zeros(len(V)), (V[:, 2] - 20) / 70], axis=1)
        self.joints: Joints = rig.joints(V)
        corners = V[rig.mouth[3, [0, rig.mouth.shape[1] // 2]], 0]
        self.scale = float(np.ptp(corners)) / (2 * MOUTH_WIDTH)
        mean = rig.joints(rig.template.V)
        rise = [joints.brow[1] - joints.eyes[:, 1].mean() for joints in (self.joints, mean)]
        self.room = 1 + (rise[0] - rise[1]) / BROW_ABOVE_EYE  # low brows have less way to go
        self.units = units

    def one(self, unit: int, side: str = "") -> float:
        """Return the weight of a whole unit, or of one side of a sided one."""
        return self.units.get(f"AU{unit}{'_' if side else ''}{side}", 0.0)

    def both(self, unit: int) -> Float[np.ndarray, " n"] | float:
        """Return the weight of a sided unit at every vertex."""
        left, right = self.one(unit, "L"), self.one(unit, "R")
        return right if left == right else right + (left - right) * self.rig.left

    def move(self, weight: np.ndarray, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> None:
        """Displace by (x, y, z) mm times a weight; x is away from the midline."""
        if x:
            self.P[:, 0] += x * weight * self.side
        if y:
            self.P[:, 1] += y * weight
        if z:
            self.P[:, 2] += z * weight

    def bulge(self, weight: np.ndarray, mm: float) -> None:
        """Displace away from the bone."""
        self.P += (mm * weight)[:, None] * self.outward

    def pitch(self, angle: np.ndarray, center: np.ndarray) -> None:
        """Turn about the x direction through a centre; positive angles move the front down."""
        c, s = np.cos(angle), np.sin(angle)
        y, z = self.P[:, 1] - center[1], self.P[:, 2] - center[2]
        self.P[:, 1] = center[1] + c * y - s * z
        self.P[:, 2] = center[2] + s * y + c * z

    def along_arch(self, weight: np.ndarray, mm: float) -> None:
        """Slide outwards around the dental arch."""
        center, radius = self.joints.arch
        angle = mm / radius * weight * self.side
        c, s = np.cos(angle), np.sin(angle)
        x, z = self.P[:, 0].copy(), self.P[:, 2] - center
        self.P[:, 0] = c * x + s * z
        self.P[:, 2] = center - s * x + c * z


def pose_face(
    rig: Rig, V: Float[np.ndarray, "n 3"], units: Mapping[str, float]
) -> Float[np.ndarray, "n 3"]:
    """Return the neutral face V with action units acting."""
    if not any(units.values()):
        return V.copy()
    pose = Pose(rig, V, units)
    _brows(pose)
    _cheeks(pose)
    _nose(pose)
    _corners(pose)
    _lips(pose)
    _thin_lips(pose)
    _pucker(pose)
    _suck_lips(pose)
    _lids(pose)
    _jaw(pose)
    _round_lips(pose)
    _part_lips(pose, V)
    return pose.P


def _brows(p: Pose) -> None:
    inner, outer = p.w["inner brow"], p.w["outer brow"]
    lower = p.both(4)
    lift = 7.5 * p.both(1) * inner + 7.5 * p.both(2) * outer
    lift = p.room * (lift - 5.0 * lower * (inner + 0.7 * outer) - 3.0 * p.both(9) * inner)
    center = p.joints.brow
    radius = np.hypot(p.P[:, 1] - center[1], p.P[:, 2] - center[2])
    p.pitch(-lift / radius.clip(20), center)
    p.move(lower * p.w["brow head"], x=-3.0)
    p.move(lower * p.w["corrugator"], z=1.8)
    p.move(lower * p.w["frown"], z=-1.3)
    p.move(lower * p.w["brow fold"], y=-2.2, z=1.0)


def _cheeks(p: Pose) -> None:
    smile = p.both(12)
    p.move(p.both(6) * p.w["cheek"], y=4.2, x=0.8)
    p.bulge(p.both(6) * p.w["cheek"], 2.2)
    p.move(p.both(6) * p.w["lower lid bag"], y=1.4, z=1.0)
    p.move(smile * p.w["cheek pouch"], y=4.0, x=1.5)
    p.bulge(smile * p.w["cheek pouch"], 3.6)
    p.move((smile + 0.8 * p.both(9) + 0.8 * p.both(10)) * p.w["fold"], z=-1.2)
    p.move(p.both(11) * p.w["fold"], y=1.8, z=-1.6)
    p.bulge((0.8 * p.both(11) + 0.5 * p.both(10)) * p.w["cheek pouch"], 2.0)


def _nose(p: Pose) -> None:
    wrinkle, raise_lip = p.both(9), p.both(10)
    p.move((wrinkle + 0.4 * raise_lip) * p.w["wing"], y=4.2, x=1.0, z=0.4)
    p.move(wrinkle * p.w["nose side"], y=2.0, z=1.8)
    p.move(wrinkle * p.w["nose root"], y=-1.5, z=-1.0)
    p.move(wrinkle * p.w["cheek"], y=2.6, z=1.0)
    p.move(wrinkle * p.w["fold"], y=2.6)


def _corners(p: Pose) -> None:
    corner, k = p.w["corner"], p.scale
    smile, stretch, depress = p.both(12), p.both(20), p.both(15)
    dimple, opening = p.both(14), 1 - (1 - JAW_DROP * p.one(26)) * (1 - p.one(27))
    out = 9.5 * smile + 9.0 * stretch + 4.0 * dimple + 1.0 * depress - 1.5 * p.both(23)
    p.along_arch((out - 4.2 * opening - 8.0 * p.one(22)) * p.w["corner pull"], k)
    up = 8.5 * smile - 2.0 * stretch - 7.5 * depress + 0.6 * dimple - 1.2 * p.one(17)
    p.move(up * corner, y=k)
    p.move(dimple * p.w["corner dimple"], z=-2.6)
    p.move((0.5 * smile + 0.8 * stretch) * p.w["mouth"], z=-1.5)
    p.bulge(depress * p.w["corner dimple"], -1.2)


def _lips(p: Pose) -> None:
    upper, lower, k = p.w["upper lip"], p.w["lower lip"], p.scale
    raised, sneer, part = p.both(10), p.both(9), p.one(25)
    dropped, chin, funnel = p.both(16), p.one(17), p.one(22)
    p.move((4.2 * raised + 2.4 * sneer + 1.9 * part + 1.6 * chin + 2.4 * funnel) * upper, y=k)
    p.move((1.0 * raised + 0.8 * sneer + 1.0 * chin) * upper, z=k)
    p.move((-4.6 * dropped - 2.6 * part + 3.2 * chin - 3.0 * funnel) * lower, y=k)
    p.move((1.2 * dropped + 2.2 * chin) * lower, z=k)
    p.move(raised * p.w["muzzle"], y=1.6, z=0.8)
    p.move(chin * p.w["chin"], y=4.6, z=1.6)
    p.move(chin * p.w["chin furrow"], z=-1.4)
    p.move(funnel * p.w["mouth"], z=5.0 * k)


def _thin_lips(p: Pose) -> None:
    """Roll the red of the lips in: tightened (AU23) and pressed (AU24)."""
    amount = 1 - (1 - 0.36 * p.both(23)) * (1 - 0.42 * p.both(24))
    if not np.any(amount):
        return
    _roll_in(p, np.broadcast_to(amount, len(p.P))[p.rig.mouth])
    p.move(p.both(24) * p.w["upper lip"], y=-0.7)  # as far as contact allows
    p.move(p.both(24) * p.w["lower lip"], y=0.7)
    p.move(p.both(24) * p.w["muzzle"], z=0.7)
    p.move(p.both(24) * p.w["chin furrow"], z=0.8)


def _roll_in(p: Pose, amount: np.ndarray) -> None:
    """Roll the red of the lips in by an amount at each vertex of the mouth's rings."""
    ring = p.rig.mouth
    share = np.array([0, 0, 0.7, 0.95, 1.0, 0.9, 0.6, 0.3, 0.0])[:, None]
    line = p.P[ring[1], 1]
    p.P[ring, 1] += amount * share * (line - p.P[ring, 1])
    arc = np.abs(np.sin(2 * np.pi * np.arange(ring.shape[1]) / ring.shape[1]))
    p.P[ring, 2] -= 2.8 * amount * np.array([1, 1, 1, 0.9, 0.7, 0.45, 0.2, 0, 0])[:, None] * arc


def _pucker(p: Pose) -> None:
    """Draw the corners in and push the lips out (AU18)."""
    amount, k = p.one(18), p.scale
    if not amount:
        return
    p.along_arch(-11.0 * amount * p.w["corner pull"], k)
    p.move(amount * p.w["mouth"], z=4.0 * k)
    _roll_in(p, np.full(p.rig.mouth.shape, -0.45 * amount))  # out, that is: fuller lips
    p.move(amount * np.maximum(p.w["upper lip"], p.w["lower lip"]), z=3.5 * k)


def _suck_lips(p: Pose) -> None:
    """Draw the lips over the teeth: both (AU28), or the lower one under the upper teeth (AU32)."""
    both, bite, k = p.one(28), p.one(32), p.scale
    if not (both or bite):
        return
    ring = p.rig.mouth
    lower = np.arange(ring.shape[1]) > ring.shape[1] // 2
    amount = np.where(lower, 1 - (1 - 0.6 * both) * (1 - 0.75 * bite), 0.6 * both)
    _roll_in(p, np.broadcast_to(amount, ring.shape))
    p.move(both * p.w["upper lip"], y=-1.2 * k, z=-1.5 * k)
    p.move(both * p.w["lower lip"], y=1.2 * k, z=-1.5 * k)
    p.move(bite * p.w["lower lip"], y=2.6 * k, z=-3.0 * k)
    p.move(bite * p.w["upper lip"], y=1.0 * k)


def _lids(p: Pose) -> None:
    """Turn the lids about the centre of each eye, by shares of the angle between them."""
    for side, ring, center in zip("LR", p.rig.lids, p.joints.eyes, strict=True):
        down = 0.90 * p.one(43, side) + 0.17 * p.one(7, side) - 0.36 * p.one(5, side)
        down += 0.08 * p.one(12, side) * p.one(6, side)
        up = 0.06 * p.one(43, side) + 0.34 * p.one(7, side) + 0.22 * p.one(6, side)
        up = min(up, 0.5)
        down = min(down, LIDS_MEET - up)
        if not (down or up):
            continue
        length = ring.shape[1]
        y, z = p.P[ring, 1] - center[1], p.P[ring, 2] - center[2]  # (rings, length)
        height = np.arctan2(y[1], z[1])
        over = np.arange(length) <= length // 2
        gap = np.abs(height - height[-np.arange(length)])  # to the other lid, same column
        angle = LID_SHARE[:, None] * gap * np.where(over, down, -up)
        c, s = np.cos(angle), np.sin(angle)
        p.P[ring, 1] = center[1] + c * y - s * z
        p.P[ring, 2] = center[2] + s * y + c * z


def _jaw(p: Pose) -> None:
    opening = 1 - (1 - JAW_DROP * p.one(26)) * (1 - p.one(27))
    if opening:
        p.pitch(JAW_OPEN * opening * p.w["jaw"], p.joints.hinge)


def _round_lips(p: Pose) -> None:
    """Close the mouth from its corners on, so that a puckered one is round (AU18)."""
    amount, ring = p.one(18), p.rig.mouth
    if not amount:
        return
    length = ring.shape[1]
    top = np.arange(1, length // 2)
    upper, lower = ring[:, top], ring[:, length - top]
    close = 0.8 * amount * (1 - np.sin(2 * np.pi * top / length)) * ROUND_SHARE[:, None]
    half = (p.P[upper, 1] - p.P[lower, 1]) / 2 * close
    p.P[upper, 1] -= half
    p.P[lower, 1] += half


def _part_lips(p: Pose, V: np.ndarray) -> None:
    """Push lips that would run into each other apart, each by half."""
    ring = p.rig.mouth
    length = ring.shape[1]
    top = np.arange(1, length // 2)
    upper, lower = ring[:, top], ring[:, length - top]
    rest = 0.4 * (V[upper[:3], 1] - V[lower[:3], 1])
    missing = (rest - (p.P[upper[:3], 1] - p.P[lower[:3], 1])).max(axis=0).clip(0)
    push = CONTACT_SHARE[:, None] * missing / 2
    p.P[upper, 1] += push
    p.P[lower, 1] -= push
