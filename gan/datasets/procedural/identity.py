"""What people differ in: one displacement field (mm) for each parameter, at one deviation."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from gan.datasets.procedural.domain import EYE, MOUTH
from gan.datasets.procedural.sculpt import EYEBALL, build_template

LIMIT = 2.6  # deviations: rarer values are drawn in smoothly, nobody is a caricature


class _Places:
    """The template's vertices with what fields are made of: sides, hills, ramps."""

    def __init__(self) -> None:
        template = build_template()
        self.V, self.front, self.mesh = template.V, template.front, template.mesh
        self.along, self.row = template.domain
        self.x, self.y, self.z = template.V.T
        self.side = np.tanh(self.x / 9)  # -1 right, 1 left, 0 on the midline
        self.outward = np.stack([self.x / 75, 0 * self.x, (self.z - 20) / 70], axis=1)

    def hill(
        self, x: float, y: float, long: float, broad: float, power: float = 2.0
    ) -> Float[np.ndarray, " n"]:
        """Return a hill of height 1 on both sides: mm round the face, height in the front view."""
        u, v = (np.abs(self.along) - x) / long, (self.front[:, 1] - y) / broad
        return np.asarray(np.exp(-(np.abs(u) ** power) - np.abs(v) ** power))

    def below(self, y: float, over: float) -> Float[np.ndarray, " n"]:
        """Return a smooth ramp that is 1 below the height y."""
        return np.asarray(1 / (1 + np.exp((self.front[:, 1] - y) / (over / 4))))

    def move(
        self, weight: np.ndarray, x: object = 0.0, y: object = 0.0, z: object = 0.0
    ) -> Float[np.ndarray, "n 3"]:
        """Displace by (x, y, z) mm times a weight; x is away from the midline."""
        parts = [np.broadcast_to(np.asarray(part, dtype=float), self.x.shape) for part in (x, y, z)]
        direction = np.stack([parts[0] * self.side, parts[1], parts[2]], axis=1)
        return np.asarray(direction * weight[:, None])

    def eye(self, reach: float) -> Float[np.ndarray, " n"]:
        """Return 1 around the lids, fading beyond the rim of the socket."""
        return self.hill(EYE[0], EYE[1] + 1.0, 22.0 * reach, 15.0 * reach, 4.0)

    def mouth(self, reach: float) -> Float[np.ndarray, " n"]:
        """Return 1 on the lips, fading around them."""
        return self.hill(0.0, MOUTH[1], 33.0 * reach, 17.0 * reach, 4.0)

    def lip(self, upper: bool) -> Float[np.ndarray, " n"]:
        """Return the red of one lip: 1 at its border, 0 at the line between the lips."""
        ring = self.mesh.rings["mouth"]
        length = ring.shape[1]
        mine = (np.arange(length) <= length // 2) == upper
        arc = np.sin(np.arange(length) * 2 * np.pi / length)
        weight = np.zeros(len(self.x))
        share = np.array([0, 0, 0.4, 0.8, 1, 0.95, 0.55, 0.22, 0.05])
        for vertices, height in zip(ring, share, strict=True):
            weight[vertices] = height * np.abs(arc) ** 0.7 * mine
        return weight


@lru_cache(maxsize=1)
def build_fields() -> dict[str, Float[np.ndarray, "n 3"]]:
    """Return the displacement of every identity parameter at one deviation."""
    p = _Places()
    fields = _head(p) | _jaw(p) | _brow(p) | _eyes(p) | _nose(p) | _mouth(p) | _asymmetry(p)
    return {name: np.ascontiguousarray(field) for name, field in fields.items()}


def _head(p: _Places) -> dict[str, np.ndarray]:
    one = np.ones_like(p.x)
    high = (p.y - 25).clip(0) / 60
    return {
        "size": 0.026 * (p.V - (0, -10, 20)),
        "head width": p.move(one, x=0.036 * np.abs(p.x)),
        "head height": p.move(one, y=0.032 * (p.y + 10)),
        "head depth": p.move(one, z=0.05 * (p.z - 60)),
        "forehead height": p.move(high**1.5, y=4.0, z=0.5),
        "forehead slope": p.move(high**1.4, z=-4.2),
        "forehead width": p.move(p.hill(76.0, 55.0, 48.0, 34.0), x=2.4),
        "temples": p.move(p.hill(82.0, 30.0, 20.0, 24.0), x=1.4, z=1.0),
    }


def _jaw(p: _Places) -> dict[str, np.ndarray]:
    low = p.below(-84.0, 44.0)
    corner = np.exp(-(((np.abs(p.along) - 74) / 36) ** 2)) * p.below(-38.0, 36.0)
    return {
        "jaw width": p.move(corner, x=3.1),
        "jaw height": p.move(corner, y=-4.0),
        "chin length": p.move(low * np.exp(-((p.x / 48) ** 2)), y=-3.6),
        "chin protrusion": p.move(p.hill(0.0, -106.0, 26.0, 18.0), z=3.0, y=-0.4),
        "chin width": p.move(p.hill(0.0, -107.0, 32.0, 18.0), x=0.14 * np.abs(p.x), y=-0.4),
        "chin cleft": p.move(p.hill(0.0, -107.0, 3.6, 7.0), z=-0.8),
        "double chin": p.move(np.exp(-(((p.row + 128) / 13) ** 2 + (p.along / 45) ** 2)), y=-2.4),
        "cheekbones": p.outward * 2.5 * p.hill(60.0, -20.0, 24.0, 15.0)[:, None],
        "cheek fullness": p.outward * 2.5 * p.hill(54.0, -54.0, 27.0, 24.0)[:, None],
        "apples of the cheeks": p.move(p.hill(34.0, -28.0, 15.0, 13.0), z=1.5, x=0.3),
    }


def _brow(p: _Places) -> dict[str, np.ndarray]:
    ridge = p.hill(27.0, 24.0, 27.0, 9.0)
    return {
        "brow ridge": p.move(ridge + 0.6 * p.hill(0.0, 24.0, 12.0, 9.0), z=1.9),
        "brow height": p.move(p.hill(29.0, 25.0, 30.0, 12.0), y=2.0),
        "brow slant": p.move(
            p.hill(29.0, 24.0, 32.0, 11.0), y=(np.abs(p.front[:, 0]) - 28) * 0.075
        ),
    }


def _eyes(p: _Places) -> dict[str, np.ndarray]:
    eye, near = p.eye(1.15), p.eye(0.9)
    dx, dy = np.abs(p.x) - EYEBALL[0], p.y - EYEBALL[1]
    ring_share = np.zeros(len(p.x))
    for name in ("eye_L", "eye_R"):
        ring = p.mesh.rings[name]
        arc = np.abs(np.sin(np.arange(ring.shape[1]) * 2 * np.pi / ring.shape[1])) ** 0.8
        for vertices, height in zip(ring, [1, 1, 0.75, 0.4, 0.15, 0.04, 0, 0, 0], strict=True):
            ring_share[vertices] = height * arc
    back = -0.35 * np.abs(dy)  # a wider slit follows the ball backwards
    return {
        "eye size": p.move(near, x=0.055 * dx, y=0.075 * dy),
        "eye spacing": p.move(eye, x=1.5),
        "eye height": p.move(eye, y=1.1),
        "eye tilt": p.move(near, x=-0.05 * dy, y=0.05 * dx),
        "eye depth": p.move(eye, z=1.5),
        "eye opening": p.move(ring_share, y=0.12 * dy, z=0.12 * back),
        "lid fullness": p.move(p.hill(33.0, 13.0, 17.0, 5.5), z=1.3, y=-0.7),
        "eye bags": p.move(p.hill(30.0, -12.0, 13.0, 4.0), z=0.9),
    }


def _nose(p: _Places) -> dict[str, np.ndarray]:
    around = p.hill(0.0, -24.0, 22.0, 31.0, 4.0)
    forward = (p.z - 80).clip(0) / 24 * p.hill(0.0, -27.0, 16.0, 27.0, 4.0)
    tip, wing = p.hill(0.0, -42.0, 10.0, 9.0), p.hill(14.0, -44.0, 7.5, 9.0)
    down = ((6 - p.y) / 50).clip(0, 1) * around
    return {
        "nose length": p.move(down, y=-2.6),
        "nose projection": p.move(forward, z=2.6),
        "nose width": p.move(p.hill(13.0, -43.0, 11.0, 13.0), x=1.7),
        "nose bridge height": p.move(p.hill(0.0, 2.0, 11.0, 15.0), z=1.6),
        "nose bridge width": p.move(p.hill(9.0, -8.0, 7.0, 22.0), x=1.2),
        "nose hump": p.move(p.hill(0.0, -15.0, 9.0, 10.0), z=1.5),
        "nose tip turn": p.move(tip + 0.4 * wing, y=1.8, z=0.5),
        "nose tip bulb": p.move(p.hill(6.0, -41.0, 6.0, 7.0), x=1.1, z=0.5),
        "nose wings": p.move(wing, y=-0.9, z=0.9, x=0.4),
    }


def _mouth(p: _Places) -> dict[str, np.ndarray]:
    area, wide = p.mouth(1.1), p.hill(0.0, MOUTH[1], 42.0, 20.0, 4.0)
    corner = p.hill(26.0, MOUTH[1], 13.0, 12.0)
    return {
        "upper lip": p.move(p.lip(True), y=1.3, z=0.6),
        "lower lip": p.move(p.lip(False), y=-1.5, z=0.8),
        "mouth width": p.move(wide, x=0.085 * np.abs(p.x).clip(0, 30)),
        "mouth height": p.move(p.hill(0.0, -69.0, 36.0, 19.0, 4.0), y=1.6),
        "mouth protrusion": p.move(area, z=1.8),
        "mouth corners": p.move(corner, y=1.1),
        "philtrum": p.move(p.hill(0.0, -59.0, 3.2, 6.0), z=-0.7),
        "nasolabial folds": p.move(p.hill(28.0, -58.0, 5.0, 13.0), z=-1.0)
        + p.move(p.hill(37.0, -54.0, 9.0, 13.0), z=0.8),
        "chin furrow": p.move(p.hill(0.0, -90.0, 20.0, 6.0), z=-1.2),
    }


def _asymmetry(p: _Places) -> dict[str, np.ndarray]:
    """Move features as a whole to the left, or up on the left and down on the right."""

    def sideways(weight: np.ndarray, mm: float) -> np.ndarray:
        return np.asarray(weight[:, None] * (mm, 0.0, 0.0))

    def lean(weight: np.ndarray, mm: float) -> np.ndarray:
        return np.asarray((weight * mm * np.tanh(p.x / 20))[:, None] * (0.0, 1.0, 0.0))

    return {
        "jaw to the left": sideways(p.below(-80.0, 50.0), 1.1),
        "nose to the left": sideways(p.hill(0.0, -34.0, 18.0, 22.0, 4.0), 0.8),
        "mouth to the left": sideways(p.mouth(1.2), 0.6),
        "left eye higher": lean(p.eye(1.15), 0.5),
        "left brow higher": lean(p.hill(29.0, 25.0, 28.0, 11.0), 0.7),
        "left corner of the mouth higher": lean(p.hill(26.0, MOUTH[1], 15.0, 13.0), 0.6),
        "left cheek fuller": p.outward * (0.9 * p.hill(54.0, -52.0, 27.0, 24.0) * p.side)[:, None],
    }


def restrain(identity: Float[np.ndarray, "*k"]) -> Float[np.ndarray, "*k"]:
    """Draw rare values in: the identity near 0, within `LIMIT` everywhere."""
    return np.asarray(LIMIT * np.tanh(np.asarray(identity, dtype=np.float64) / LIMIT))
