"""Meshes that look like mistakes: far from the mean shape, by robust statistics; and twins."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gan.datasets.importing.alignment import Measures

DEVIATION = 1.4826  # median absolute deviation to standard deviation, for normal data
MEASURES = {"rms": "distance to the mean shape", "largest": "farthest vertex"}


class Limit(NamedTuple):
    """Where a measure begins to be suspicious, mm: median + threshold times deviation."""

    median: float
    deviation: float
    limit: float


class Outlier(NamedTuple):
    """A mesh beyond a limit."""

    place: int  # index of the mesh
    measure: str  # key of MEASURES
    value: float  # mm
    score: float  # deviations above the median


def robust_limit(value: Float[np.ndarray, " k"], threshold: float) -> Limit:
    """Return the limit of a measure; half the values may be anything.

    References
    ----------
    Leys et al., Detecting outliers: do not use standard deviation around the mean, use absolute
    deviation around the median, Journal of Experimental Social Psychology 2013.
    """
    median = float(np.median(value))
    deviation = DEVIATION * float(np.median(np.abs(value - median)))
    return Limit(median, deviation, median + threshold * deviation)


def find_outliers(measures: Measures, threshold: float) -> tuple[dict[str, Limit], list[Outlier]]:
    """Return the limits and the meshes beyond them, each by its worse measure, worst first.

    Raises
    ------
    ValueError
        The threshold is not positive.
    """
    if not threshold > 0:
        raise ValueError(f"the outlier threshold must be above 0, got {threshold}")
    limits, worst = {}, dict[int, Outlier]()
    for name in MEASURES:
        value = getattr(measures, name)
        limits[name] = limit = robust_limit(value, threshold)
        for k in np.flatnonzero(value > limit.limit).tolist():
            # Without any spread, whatever differs is beyond measure.
            spread = max(limit.deviation, np.finfo(float).tiny)
            score = min(float((value[k] - limit.median) / spread), 1e9)
            if k not in worst or score > worst[k].score:
                worst[k] = Outlier(k, name, float(value[k]), score)
    return limits, sorted(worst.values(), key=lambda outlier: (-outlier.score, outlier.place))


def find_twins(digest: Sequence[str]) -> list[tuple[int, ...]]:
    """Return groups of meshes with the same vertices, bit for bit."""
    groups: dict[str, list[int]] = {}
    for k, value in enumerate(digest):
        groups.setdefault(value, []).append(k)
    return [tuple(group) for group in groups.values() if len(group) > 1]
