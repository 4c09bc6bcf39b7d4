"""The 68 Multi-PIE / iBUG landmarks as vertices of the template.

In the order of the annotation: seen from the front, from the picture's left (the subject's right).
"""

import numpy as np
from jaxtyping import Int

from gan.datasets.procedural.sculpt import Template


def find_landmarks(template: Template) -> Int[np.ndarray, " 68"]:
    """Pick the landmarks: on rings where there are rings, else the nearest vertex to a place."""
    chosen = [*_jaw(template), *_places(template), *_eyes(template), *_mouth(template)]
    return np.array(chosen, dtype=np.int64)


def _nearest(template: Template, along: float, row: float) -> int:
    gap = np.stack([template.domain.along - along, template.domain.row - row], axis=1)
    return int((gap**2).sum(axis=1).argmin())


def _mirrored(template: Template, right: list[int]) -> list[int]:
    """Continue a list from the subject's right to the left."""
    return [*right, *(int(template.mesh.mirror[k]) for k in reversed(right))]


def _jaw(template: Template) -> list[int]:
    along = [-102.0, -97.0, -90.0, -82.0, -72.0, -59.0, -43.0, -24.0]
    row = [-2.0, -24.0, -46.0, -68.0, -87.0, -102.0, -110.0, -113.0]
    right = [_nearest(template, a, r) for a, r in zip(along, row, strict=True)]
    return [*right, _nearest(template, 0.0, -115.0), *_mirrored(template, right)[8:]]


def _places(template: Template) -> list[int]:
    """Brows, the ridge of the nose, its base."""
    brow = [(-52.0, 20.0), (-44.0, 24.5), (-34.0, 26.0), (-24.0, 25.0), (-15.0, 22.5)]
    brows = _mirrored(template, [_nearest(template, a, r) for a, r in brow])
    ridge = [_nearest(template, 0.0, row) for row in (3.0, -12.0, -26.0, -39.0)]
    base = [_nearest(template, a, r) for a, r in ((-14.0, -48.0), (-7.5, -49.5))]
    return [*brows, *ridge, *base, _nearest(template, 0.0, -51.0), *_mirrored(template, base)[2:]]


def _eyes(template: Template) -> list[int]:
    right, left = template.mesh.rings["eye_R"][1], template.mesh.rings["eye_L"][1]
    # Rings start at the corner on the subject's left and go over the upper lid.
    return [*right[[18, 12, 6, 0, 30, 24]].tolist(), *left[[18, 12, 6, 0, 30, 24]].tolist()]


def _mouth(template: Template) -> list[int]:
    outer, inner = template.mesh.rings["mouth"][4], template.mesh.rings["mouth"][1]
    around = [24, 19, 14, 12, 10, 5, 0, 43, 38, 36, 34, 29]
    return [*outer[around].tolist(), *inner[[24, 17, 12, 7, 0, 41, 36, 31]].tolist()]
