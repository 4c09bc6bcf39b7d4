"""The mean face: features modelled on the bare skin, in the front view (x, y) in mm."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.interpolate import PchipInterpolator

from gan.datasets.procedural.connectivity import Connectivity, build_connectivity, split_quads
from gan.datasets.procedural.domain import LIP_CORNER, MOUTH_WIDTH, Domain, build_domain
from gan.datasets.procedural.skull import skin
from gan.datasets.tables import read_table

EYEBALL = np.array([31.2, 1.6, 60.2])  # centre of the left eye
LID_RADII = np.array([19.5, 13.6, 13.6])  # the lids lie on this ellipsoid

# x, y of the centre, widths along and across, turn (degrees), height: see the table.
_HILLS = np.array(read_table("head")["hills"])
_BRIDGE = np.array(read_table("head")["bridge"])  # y, height over the skin, half width


_SOFTENING = 1


class Template(NamedTuple):
    """The mean face."""

    mesh: Connectivity
    domain: Domain
    front: Float[np.ndarray, "n 2"]  # x, y of the bare skin: where features are addressed
    V: Float[np.ndarray, "n 3"]
    F: Int[np.ndarray, "m 3"]


@lru_cache(maxsize=1)
def build_template() -> Template:
    """Model the mean face, symmetric to the last bit."""
    mesh = build_connectivity()
    domain = build_domain(mesh)
    P = skin(domain.along, domain.row)
    front = P[:, :2].copy()
    x, y = np.abs(front[:, 0]), front[:, 1]
    forward = (1 - ((np.abs(domain.along) - 60) / 45).clip(0, 1) ** 2) ** 2  # nothing at the ears
    under = ((domain.row + 122) / 14).clip(0, 1)  # nor under the chin
    P[:, 2] += _hills(x, y) * forward * under
    P[:, 2] -= _socket(x, y)
    P += _nose(front[:, 0], y)
    P[:, 2] = _smooth_max(P[:, 2], _lid_height(x, y), 1.6)
    P = _soften(P, mesh)
    _shape_lids(P, mesh)
    _shape_lips(P, mesh)
    P = (P + P[mesh.mirror] * (-1, 1, 1)) / 2
    return Template(mesh, domain, front, P, split_quads(mesh.quads, P, mesh.mirror))


def _hills(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    height = np.zeros_like(x)
    for cx, cy, long, broad, turn, amount in _HILLS:
        c, s = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
        for side in (1, -1) if cx else (1,):  # both tails reach across the midline: no crease
            u, v = c * (side * x - cx) + s * (y - cy), -s * (side * x - cx) + c * (y - cy)
            height += amount * np.exp(-((u / long) ** 2) - (v / broad) ** 2)
    return height


def _socket(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Depth of the eye socket: steep under the brow, shallow towards the cheek and the temple."""
    u = (x - 31) / np.where(x < 31, 17, 23)
    v = (y - 5) / np.where(y > 5, 11.5, 13.5)
    return np.asarray(10.5 * np.exp(-(np.abs(u) ** 2.4) - np.abs(v) ** 2.4))


def _lid_height(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    d = ((x - EYEBALL[0]) / LID_RADII[0]) ** 2 + ((y - EYEBALL[1]) / LID_RADII[1]) ** 2
    return np.asarray(EYEBALL[2] + LID_RADII[2] * (np.sqrt((1 - d).clip(0)) - 2 * (d - 1).clip(0)))


def _smooth_max(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """Return the larger of a and b, rounded where they differ by less than about `width`."""
    return np.asarray((a + b + np.sqrt((a - b) ** 2 + width**2)) / 2 - width**2 / 60)


@lru_cache(maxsize=1)
def _bridge() -> PchipInterpolator:
    return PchipInterpolator(_BRIDGE[::-1, 0], _BRIDGE[::-1, 1:])


def _nose(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Displace the skin to a nose: a bridge, a tip, two wings, nostrils."""
    h, w = np.moveaxis(_bridge()(y.clip(_BRIDGE[-1, 0], _BRIDGE[0, 0])), -1, 0)
    side = np.abs(x)
    out = np.zeros((len(x), 3))
    ridge = h * np.exp(-(np.abs(x / w) ** 2.3))
    wing = 12.2 * np.exp(-(np.abs((side - 12.8) / 6.8) ** 2.8) - np.abs((y + 44.2) / 6.2) ** 3)
    fade = np.exp(-((side / 24) ** 6) - np.abs((y + 16) / 38) ** 10)
    out[:, 2] = (_smooth_max(ridge, wing, 2.0) - 0.4) * fade
    out[:, 2] -= 2.3 * np.exp(-(((side - 20.0) / 2.6) ** 2) - ((y + 44) / 7) ** 2)  # wing to cheek
    u, v = side - 9.6, y + 40.5
    out[:, 2] -= 1.8 * np.exp(-(((u + 0.45 * v) / 2.4) ** 2) - (v / 5.0) ** 2)  # tip to wing
    # The tip and the wings hang over the base, and the nostrils are drawn up into the underside.
    hang = (out[:, 2].clip(0) / 20) ** 1.5 * np.exp(-(((y + 42) / 9) ** 2))
    out[:, 1] -= 2.6 * hang
    nostril = np.exp(-(((side - 6.9) / 3.3) ** 2) - ((y + 47.0) / 2.6) ** 2)
    out[:, 1] += 2.2 * nostril
    out[:, 2] -= 2.6 * nostril
    return out


def _soften(P: np.ndarray, mesh: Connectivity) -> np.ndarray:
    """Even out the depth between neighbours, as a thumb would; the outline stays."""
    sides = np.stack([mesh.quads, np.roll(mesh.quads, -1, axis=1)], axis=-1).reshape(-1, 2)
    i, j = np.unique(np.concatenate([sides, sides[:, ::-1]]), axis=0).T
    count = np.bincount(i)
    fixed = np.isin(np.arange(len(P)), [mesh.grid[0], mesh.grid[-1]])
    fixed |= np.isin(np.arange(len(P)), [mesh.grid[:, 0], mesh.grid[:, -1]])
    P = P.copy()
    for _ in range(_SOFTENING):
        mean = np.bincount(i, weights=P[j, 2]) / count
        P[~fixed, 2] += 0.5 * (mean - P[:, 2])[~fixed]
    return P


def _shape_lids(P: np.ndarray, mesh: Connectivity) -> None:
    """In place: give the lids an edge, and the upper lid its fold."""
    for name in ("eye_L", "eye_R"):
        ring = mesh.rings[name]
        length = ring.shape[1]
        t = np.arange(length) / length * 2 * np.pi
        P[ring[0], 2] -= 0.5 + 1.5 * np.abs(np.sin(t))
        over = np.sin(t).clip(0) ** 0.6
        P[ring[3], 2] -= 1.0 * over
        P[ring[4], 2] += 0.5 * over
        P[ring[5], 2] += 0.4 * over


def _shape_lips(P: np.ndarray, mesh: Connectivity) -> None:
    """In place: roll the red of the lips over the teeth."""
    ring = mesh.rings["mouth"][: len(LIP_CORNER)]
    length = ring.shape[1]
    upper = (np.arange(length) <= length // 2)[None, :]
    q = (P[ring, 0] / MOUTH_WIDTH).clip(-1, 1)
    full = (1 - np.abs(q) ** 2.2) ** 0.75
    over = np.array([-3.6, 1.8, 4.2, 4.8, 3.2, 1.4])[:, None]
    under = np.array([-3.6, 1.4, 4.2, 5.0, 2.8, 1.0])[:, None]
    corner = np.array([-2.6, -2.3, -1.8, -1.3, -0.9, -0.5])[:, None]
    P[ring, 2] += np.where(upper, over, under) * full + corner * (1 - full)
