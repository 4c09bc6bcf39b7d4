"""What each muscle moves: weights over the template, and the joints that a person's face implies.

Weights that must not leak across the mouth (jaw, lips) are spread over the surface by the heat
equation, so that the slit separates them; the others are hills in the front view.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int
from scipy.sparse.linalg import splu

from gan.datasets.procedural.domain import MOUTH
from gan.datasets.procedural.sculpt import EYEBALL, Template, build_template
from meshkit.laplacian import cotangent_laplacian, lumped_mass

HINGE = np.array([0.0, -20.0, 8.0])  # the jaw turns about the x direction through this point
BRANCH = 0.5  # of the jaw angle's shift goes with the hinge: long branches hang from high joints
ARCH_OVER_LIPS = 1.7  # radius of the dental arch over that of the lips, which pout in the middle


class Joints(NamedTuple):
    """Where one person's face turns; mm."""

    hinge: Float[np.ndarray, "3"]
    eyes: Float[np.ndarray, "2 3"]  # left, right
    arch: Float[np.ndarray, "2"]  # z of the centre and radius of the dental arch
    brow: Float[np.ndarray, "3"]  # on the axis (x direction) over which the brows slide


class Rig(NamedTuple):
    """Weights, each (n,), and the rings that close."""

    template: Template
    weights: dict[str, Float[np.ndarray, " n"]]
    left: Float[np.ndarray, " n"]  # 1 on the subject's left, 0 on the right, soft between
    mouth: Int[np.ndarray, "rings length"]
    lids: tuple[np.ndarray, np.ndarray]  # rings of the left and the right eye
    ear: Int[np.ndarray, " k"]  # edge of the face beside the hinge
    jaw_angle: Int[np.ndarray, " j"]  # where the jaw turns up to the ear

    def joints(self, V: Float[np.ndarray, "n 3"]) -> Joints:
        """Place the joints in a neutral face."""
        shift = V - self.template.V
        hinge = HINGE + shift[self.ear].mean(axis=0) * (0, 1, 1)
        hinge += BRANCH * shift[self.jaw_angle].mean(axis=0) * (0, 1, 1)
        eyes = np.stack(
            [
                EYEBALL * (side, 1, 1) + shift[rings[1]].mean(axis=0)
                for side, rings in zip((1, -1), self.lids, strict=True)
            ]
        )
        length = self.mouth.shape[1]
        corners, middle = V[self.mouth[3, [0, length // 2]]], V[self.mouth[3, length // 4]]
        half, depth = np.ptp(corners[:, 0]) / 2, middle[2] - corners[:, 2].mean()
        # The circle through the corners and the middle of the lips, flattened to the bone beneath.
        radius = ARCH_OVER_LIPS * (half**2 + depth**2) / (2 * depth)
        center = corners[:, 2].mean() - np.sqrt(radius**2 - half**2)
        brow = np.array([0.0, 14.0, 40.0]) + shift[self.brow_points].mean(axis=0) * (0, 1, 1)
        return Joints(hinge, eyes, np.array([center, radius]), brow)

    @property
    def brow_points(self) -> Int[np.ndarray, " k"]:
        """Return the vertices that carry the brows."""
        return np.flatnonzero(self.weights["inner brow"] + self.weights["outer brow"] > 0.9)


@lru_cache(maxsize=1)
def build_rig() -> Rig:
    """Weigh the template's vertices for every muscle."""
    template = build_template()
    mouth = template.mesh.rings["mouth"]
    lids = (template.mesh.rings["eye_L"], template.mesh.rings["eye_R"])
    weights = _hills(template) | _spread(template)
    along, row = template.domain
    edge = np.abs(along) > 0.93 * np.abs(along).max()
    ear = np.flatnonzero(edge & (np.abs(row + 22) < 14))
    jaw_angle = np.flatnonzero((np.abs(np.abs(along) - 78) < 7) & (np.abs(row + 98) < 9))
    left = (1 + np.tanh(template.V[:, 0] / 7)) / 2
    return Rig(template, weights, left, mouth, lids, ear, jaw_angle)


def _hills(template: Template) -> dict[str, np.ndarray]:
    x, y = np.abs(template.domain.along), template.front[:, 1]

    def hill(
        cx: float, cy: float, wide: float | np.ndarray, up: float, down: float | None = None
    ) -> np.ndarray:
        u, v = (x - cx) / wide, (y - cy) / np.where(y > cy, up, up if down is None else down)
        return np.asarray(np.exp(-(u**2) - v**2))

    forehead = np.where(y > 26, 34.0, 10.5)
    brow = np.exp(-(((y - 26) / forehead) ** 2))
    return {
        "inner brow": brow * np.exp(-(((x - 10) / np.where(x < 10, 24.0, 15.0)) ** 2)),
        "outer brow": brow * np.exp(-(((x - 45) / np.where(x < 45, 19.0, 16.0)) ** 2)),
        "corrugator": hill(9.0, 23.0, 7.0, 8.0),
        "brow head": hill(19.0, 25.0, 17.0, 9.0),
        "frown": hill(0.0, 24.0, 4.0, 11.0),
        "brow fold": hill(32.0, 15.0, 20.0, 6.0),
        "cheek": hill(40.0, -26.0, 19.0, 14.0, 20.0),
        "cheek pouch": hill(36.0, -32.0, 15.0, 13.0),
        "lower lid bag": hill(32.0, -11.0, 17.0, 5.5),
        "nose side": hill(10.0, -18.0, 7.0, 14.0),
        "wing": hill(14.0, -43.0, 9.0, 11.0),
        "nose root": hill(0.0, 6.0, 8.0, 9.0),
        "fold": hill(29.0, -52.0, 7.0, 13.0),
        "corner": hill(27.0, MOUTH[1], np.where(x < 27, 11.0, 16.0), 16.0),
        "corner pull": hill(27.0, MOUTH[1], 17.0, 16.0, 16.0) * (x / 27).clip(0, 1),
        "corner dimple": hill(29.0, MOUTH[1], 6.0, 8.0),
        "mouth": hill(0.0, MOUTH[1], 34.0, 20.0, 22.0),
        "chin": hill(0.0, -102.0, 19.0, 14.0, 18.0),
        "chin furrow": hill(0.0, -91.0, 16.0, 5.0),
        "muzzle": hill(0.0, -58.0, 26.0, 11.0),
    }


def _spread(template: Template) -> dict[str, np.ndarray]:
    """Diffuse the jaw and the lips over the surface."""
    ring = template.mesh.rings["mouth"]
    length = ring.shape[1]
    upper = np.zeros(template.mesh.n_vertices, dtype=bool)
    upper[ring] = (np.arange(length) > 0) & (np.arange(length) < length // 2)
    lower = np.zeros_like(upper)
    lower[ring] = np.arange(length) > length // 2  # the corners are on neither
    y, z = template.V[:, 1] - HINGE[1], template.V[:, 2] - HINGE[2]
    angle = np.rad2deg(np.arctan2(y, z))  # about the hinge: the lips meet near -32
    jaw = np.where(upper | lower, lower, angle < -33.0).astype(float)
    jaw[ring[:, [0, length // 2]]] = 0.5
    red = np.isin(np.arange(len(jaw)), ring[:5])
    near, wide = _diffuse(template, jaw, 9.0), _diffuse(template, jaw, 17.0)
    beside = 1 / (1 + np.exp(-(np.abs(template.domain.along) - 42) / 5))
    upper_lip, lower_lip = (
        _diffuse(template, (red & side).astype(float), 4.0) for side in (upper, lower)
    )
    return {
        "jaw": near + beside * (wide - near),
        "upper lip": upper_lip / upper_lip.max(),
        "lower lip": lower_lip / lower_lip.max(),
    }


def _diffuse(template: Template, f: np.ndarray, reach: float) -> np.ndarray:
    """Blur a function over the surface by about `reach` mm: two implicit steps of heat."""
    L = cotangent_laplacian(template.V, template.F)
    M = sp.diags_array(lumped_mass(template.V, template.F))
    solve = splu((M + reach**2 / 2 * L).tocsc()).solve
    return np.asarray(solve(M @ solve(M @ f))).clip(0, 1)
