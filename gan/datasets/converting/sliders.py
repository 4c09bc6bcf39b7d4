"""People from an artist's sliders: draws of Vitruvian's, and their principal components."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

PEOPLE, SEED = 5000, 0
# The deviation of a slider whose name begins so; the first that fits.
DEVIATIONS = {
    "Eyes_LowerLidOpenness": 0.15,
    "Eyes_UpperLidOpenness": 0.15,
    "Eyes_Eyebrows": 0.25,
    "Generic_": 0.25,
    "Head_": 0.25,
    "Neck_": 0.25,
    "Ears_": 0.2,
    "": 0.35,
}
# Two sliders that are the ends of one: positive, negative.
GENDER = ("Gender_Male", "Gender_Female")
BROWS = (
    ("Face_BrowRidge_Droop", "Face_BrowRidge_Raise"),
    ("Face_BrowRidge_CurvedDroop", "Face_BrowRidge_CurvedRaise"),
)
# The artist's names, no claim about people: the last of the first places is shared by the second.
RACES = ("African", "EastAsian", "Hispanic", "MiddleEastern", "White")
SOUTH_ASIAN = ("Bengali", "Kannada", "Marathi", "Punjabi", "Sinhalese", "Tamil", "Telegu")
CONCENTRATION = 0.5  # of the Dirichlet distributions
GENDER_SHAPE = 0.6  # of the Beta distribution, both parameters: most people are near an end
BROW_DEVIATION = 0.25


class Components(NamedTuple):
    """Principal components of people, times their deviations.

    Attributes
    ----------
    deviations : of all components, norms over all coordinates
    modes : of the first K; the entry of the largest size is positive
    sliders : what K coefficients do to the sliders
    """

    deviations: Float[np.ndarray, " M"]
    modes: Float[np.ndarray, "K V 3"]
    sliders: Float[np.ndarray, "K M"]


def draw_people(names: Sequence[str], ranges: Float[np.ndarray, "M 2"]) -> Float[np.ndarray, "N M"]:
    """Draw the sliders of people, each independent but for those that exclude each other.

    Of two sides: normal, cut to the range, centred. Of one side: its absolute value.
    """
    rng, n = np.random.default_rng(SEED), PEOPLE
    gender = 2 * rng.beta(GENDER_SHAPE, GENDER_SHAPE, n) - 1
    drawn = dict(zip(GENDER, _ends(gender), strict=True))
    place = rng.dirichlet(np.full(len(RACES) + 1, CONCENTRATION), n)
    within = rng.dirichlet(np.full(len(SOUTH_ASIAN), CONCENTRATION), n) * place[:, -1:]
    for k, name in enumerate(RACES):
        drawn[f"Race_{name}"] = place[:, k]
    for k, name in enumerate(SOUTH_ASIAN):
        drawn[f"Race_{name}"] = within[:, k]
    for pair in BROWS:
        drawn |= zip(pair, _ends(rng.normal(0, BROW_DEVIATION, n)), strict=True)
    for name, (low, high) in zip(names, ranges, strict=True):
        if name not in drawn:
            deviation = next(d for start, d in DEVIATIONS.items() if name.startswith(start))
            x = rng.normal(0, deviation, n)
            x = np.minimum(np.abs(x), high) if low >= 0 else np.clip(x, low, high)
            drawn[name] = x if low >= 0 else x - x.mean()
    return np.stack([drawn[name] for name in names], axis=1)


def components_of(
    people: Float[np.ndarray, "N M"], morphs: Float[np.ndarray, "M V 3"], count: int
) -> Components:
    """Return the principal components of the people that sliders make."""
    centred = people - people.mean(axis=0)
    # The covariance of the sliders is Rᵀ R: people are no longer needed.
    R = np.linalg.qr(centred).R / math.sqrt(len(people) - 1)
    U, s, Vt = np.linalg.svd(R @ morphs.reshape(len(morphs), -1), full_matrices=False)
    count = min(count, len(s))
    modes = s[:count, None] * Vt[:count]
    sign = np.sign(np.take_along_axis(modes, np.abs(modes).argmax(axis=1)[:, None], axis=1))
    return Components(s, (sign * modes).reshape(count, *morphs.shape[1:]), sign * (U.T[:count] @ R))


def _ends(x: Float[np.ndarray, " N"]) -> tuple[np.ndarray, np.ndarray]:
    return np.clip(x, 0, 1), np.clip(-x, 0, 1)
