"""What several judges say of faces that share a code, and of faces that share nothing."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from gan.evaluation.estimate import RESAMPLES, SEED, Estimate, interval, keep

UNIT = "faces and judges"


def judge_codes(
    shared: Float[np.ndarray, "J N M"],
    apart: Float[np.ndarray, "J P"],
    pairs: Int[np.ndarray, "P 2"],
    threshold: Float[np.ndarray, " J"],
    *,
    common: str = "",
) -> dict[str, Estimate]:
    """Return the shares "same" and "unrelated" that judges accept, their difference "", "area".

    The area is that under the curve of same shares over unrelated ones as the threshold moves: the
    chance that two faces which share a code are nearer to each other than two which do not. The
    N faces and the J judges are resampled together, each as a whole; judges by a little more than
    they differ, as three of them know little of their spread.

    Parameters
    ----------
    shared : 1
        Distances, to each judge, of face n from its M companions that share its code.
    apart : 1
        Distances of faces that share nothing, the first face of every `pairs` from the second.
    threshold : 1
        Of each judge; what is nearer is the same.
    common
        Of `gan.evaluation.estimate.estimate`.

    References
    ----------
    DeLong, DeLong, Clarke-Pearson, Comparing the areas under two or more correlated receiver
    operating characteristic curves, Biometrics 1988: placements. Owen, The pigeonhole bootstrap,
    Annals of Applied Statistics 2007: two kinds of units that are crossed.
    """
    J, N, M = shared.shape
    same = (shared < threshold[:, None, None]).mean(axis=2)
    accepted = (apart < threshold[:, None]).astype(np.float64)
    both = list(zip(apart, shared, strict=True))
    above = np.stack([placed(a, s.ravel()).reshape(N, M).mean(axis=1) for a, s in both])
    below = 1 - np.stack([placed(s.ravel(), a) for a, s in both])
    area = above.mean(axis=1)
    weigh = _weights(J, N, pairs)

    def value(of_faces: np.ndarray, of_pairs: np.ndarray, less: np.ndarray) -> Estimate:
        """Average a number of faces plus one of pairs; a judge's own mean is taken off `less`."""
        mean = float((of_faces.mean(axis=1) + of_pairs.mean(axis=1) - less).mean())
        draws = weigh(of_faces, of_pairs, less)
        error = float(draws.std(ddof=1)) if len(draws) > 1 else np.nan
        kept = keep(draws, common, np.array([J, N, M]))
        return Estimate(mean, error, N * M, *interval(draws), UNIT, *kept)

    zero, no_face, no_pair = np.zeros(J), np.zeros((J, N)), np.zeros(accepted.shape)
    return {
        "": value(same, -accepted, zero),
        "same": value(same, no_pair, zero),
        "unrelated": value(no_face, accepted, zero),
        "area": value(above, below, area),
    }


def placed(others: Float[np.ndarray, " k"], values: Float[np.ndarray, " n"]) -> np.ndarray:
    """Return for each value the share of the others above it, those equal by half."""
    ordered = np.sort(others)
    first, last = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    return np.asarray(1 - (first + last) / (2 * len(ordered)))


def _weights(
    J: int, N: int, pairs: Int[np.ndarray, "P 2"]
) -> Callable[[np.ndarray, np.ndarray, np.ndarray], Float[np.ndarray, " r"]]:
    """Return what averages a number of each face and one of each pair over resampled ones."""
    rng = np.random.default_rng(SEED)

    def times(k: int) -> np.ndarray:
        drawn = rng.integers(0, k, (RESAMPLES, k))
        return np.stack([np.bincount(row, minlength=k) for row in drawn]).astype(np.float64)

    faces, judges = times(N), times(J)
    # The mean square of J drawn judges around their mean is too small by (J − 1) / J.
    judges = 1 + np.sqrt(J / max(J - 1, 1)) * (judges - 1)
    of_pairs = faces[:, pairs[:, 0]] * faces[:, pairs[:, 1]]
    total = of_pairs.sum(axis=1)
    faces, judges, of_pairs = (x[total > 0] for x in (faces / N, judges / J, of_pairs))
    of_pairs /= total[total > 0, None]

    def weigh(of_face: np.ndarray, of_pair: np.ndarray, less: np.ndarray) -> np.ndarray:
        return np.asarray((judges * (faces @ of_face.T + of_pairs @ of_pair.T - less)).sum(axis=1))

    return weigh
