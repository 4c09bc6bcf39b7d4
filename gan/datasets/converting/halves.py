"""Expressions of Vitruvian by side: some of the source's halves break at the midline."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

RAMP = 2.0  # cm: over which one half becomes the other
INNER, OUTER = 1.6, 4.2  # cm from the midline: between them the inner brow becomes the outer
CLOSED = 1.1  # times the source's, so that the lids of the mean meet
LEFT_OUT = re.compile(
    "Chew.*|Ears_.*|Mouth_Closed_Move_.*|Opened_GLOBAL_.*|Pupil_.*|Tongue_.*|Uncompressed"
)
EMOTIONS = {
    *("Angry", "Circumspect", "Compressed", "Disgusted", "Happy"),
    *("Oops", "Revulsion", "Sad", "Scared", "Thinking"),
}
BROKEN = re.compile("(Eyebrows_|Frown|Lips_D|Lips_Up_Corner_|Smile_).*")  # both halves are joined
UNDIVIDED = ("Cheeks_Puffed", "Mouth_Closed_Corner")  # have both sides in one
ONE_SIDED = "Mouth_Closed_Jaw_Move"  # the other side is its mirror image
RAISED = "Eyebrows_Raised"  # is divided into inner and outer besides

Morph = Callable[[str], Float[np.ndarray, "V 3"]]


class Expression(NamedTuple):
    """A shape of the face; L and R are the subject's own sides.

    Attributes
    ----------
    kind : "unit", "viseme" or "emotion"
    source : the files that it is made from
    """

    name: str
    kind: str
    source: str
    mode: Float[np.ndarray, "V 3"]


def mirror_of(V: Float[np.ndarray, "V 3"]) -> Int[np.ndarray, " V"]:
    """Return the vertex across x = 0: the nearest, or the nearest of those that are left over."""
    across = V * [-1, 1, 1]
    mirror = cKDTree(V).query(across)[1]
    odd = np.flatnonzero(mirror[mirror] != np.arange(len(V)))
    if len(odd):
        mirror[odd] = odd[cKDTree(V[odd]).query(across[odd])[1]]
    return np.asarray(mirror)


def expressions_of(
    names: Sequence[str],
    morph: Morph,
    V: Float[np.ndarray, "V 3"],
    quads: Int[np.ndarray, "q 4"],
    mirror: Int[np.ndarray, " V"],
) -> Iterator[Expression]:
    """Yield the expressions of the morphs `names`, in their order, both sides of one together.

    Parameters
    ----------
    V : cm
        The face at rest.
    """
    left = _smooth(V[:, 0] / RAMP + 0.5)[:, None]
    outer = _smooth((np.abs(V[:, 0]) - INNER) / (OUTER - INNER))[:, None]
    across = _Across(V, quads, mirror)
    for name in names:
        stem, _, side = name.rpartition("_")
        if LEFT_OUT.fullmatch(name) or (side == "Right" and f"{stem}_Left" in names):
            continue
        if side != "Left":
            yield from _whole(name, morph(name), left, across)
            continue
        halves = [f"{stem}_Left", f"{stem}_Right"]
        if _leans(morph(halves[0]), V) < 0:  # some are named by the viewer's side
            halves.reverse()
        if not BROKEN.fullmatch(stem):
            times = CLOSED if stem == "Eyes_Closed" else 1.0
            for half, letter in zip(halves, "LR", strict=True):
                yield Expression(f"{stem}_{letter}", "unit", half, times * morph(half))
            continue
        source, joined = "+".join(halves), across.joined(morph(halves[0]) + morph(halves[1]))
        parts = {stem: joined}
        if stem == RAISED:
            parts = {f"{stem}_Inner": joined * (1 - outer), f"{stem}_Outer": joined * outer}
        for part, mode in parts.items():
            yield Expression(f"{part}_L", "unit", source, mode * left)
            yield Expression(f"{part}_R", "unit", source, mode * (1 - left))


def _whole(
    name: str, mode: np.ndarray, left: np.ndarray, across: "_Across"
) -> Iterator[Expression]:
    """Yield a morph without sides as it is, or divided where both sides are in it."""
    if name in UNDIVIDED:
        yield Expression(f"{name}_L", "unit", name, mode * left)
        yield Expression(f"{name}_R", "unit", name, mode * (1 - left))
    elif name == ONE_SIDED:
        yield Expression(f"{name}_L", "unit", name, mode)
        yield Expression(f"{name}_R", "unit", name, across.reflected(mode))
    else:
        viseme = re.fullmatch(r".*_\d\d", name)
        kind = "viseme" if viseme else "emotion" if name in EMOTIONS else "unit"
        yield Expression(name, kind, name, mode)


class _Across:
    """The midline of a mesh, and what lies across it."""

    def __init__(self, V: np.ndarray, quads: np.ndarray, mirror: np.ndarray) -> None:
        n = len(V)
        self.mirror, self.middle = mirror, mirror == np.arange(n)
        ends = np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)])
        ends = np.unique(np.concatenate([ends, ends[:, ::-1]]), axis=0)
        ends = ends[self.middle[ends[:, 0]] & ~self.middle[ends[:, 1]]]
        near = sp.csr_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n, n))
        self.near, self.count = near, np.maximum(near.sum(axis=1), 1)

    def reflected(self, mode: np.ndarray) -> np.ndarray:
        """Return the mirror image of a displacement."""
        return np.asarray(mode[self.mirror] * [-1, 1, 1])

    def joined(self, both: np.ndarray) -> np.ndarray:
        """Make the sum of two halves symmetric; the midline takes the mean of its neighbours."""
        mode = (both + self.reflected(both)) / 2
        mode[self.middle] = ((self.near @ mode) / self.count[:, None])[self.middle]
        return np.asarray(mode)


def _leans(mode: np.ndarray, V: np.ndarray) -> float:
    """Return on which side a displacement is, by its sign: +x is the subject's left."""
    return float((np.linalg.norm(mode, axis=1) * V[:, 0]).sum())


def _smooth(t: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Rise from 0 to 1 without a kink."""
    t = np.clip(t, 0, 1)
    return np.asarray(t * t * (3 - 2 * t))
