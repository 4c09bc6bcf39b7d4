"""Who lives in the benchmark: a mixture of groups, in each of which other features go together.

A face model says N(0, 1) for each coefficient, which is one Gaussian: sampling from a PCA would be
the right model of people. Here people come from six groups. In each, the leading coefficients have
means of their own, and what is left of their unit variance is correlated in the group's own way;
the further coefficients vary more in some groups than in others. Over all people each coefficient
has mean 0 and variance 1, so faces are as large and as varied as the model's. Models whose
identities are sliders with rules of their own (ancestries that sum to 1, one end of two) keep their
sampler, which is a mixture already.
"""

from functools import cache

import numpy as np
from jaxtyping import Float

SHARES = np.array([0.27, 0.22, 0.18, 0.14, 0.11, 0.08])  # of the groups
LEADING = 16  # coefficients in which groups differ
BETWEEN = 0.45  # share of their variance between the groups
TOGETHER = 0.7  # of the variance within a group that a few directions of its own hold
DIRECTIONS = 3
UNEVEN = 0.45  # deviation of the logarithm of how much a group varies in further coefficients


def sample_coefficients(n: int, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
    """Draw the coefficients of a person, each with mean 0 and variance 1 over all people."""
    means, directions, deviations = _groups(min(n, LEADING))
    group = int(rng.choice(len(SHARES), p=SHARES))
    z = rng.standard_normal(n)
    lead = means.shape[1]
    common = directions[group] @ rng.standard_normal(DIRECTIONS)
    alone = np.sqrt((1 - TOGETHER) * (1 - BETWEEN)) * z[:lead]
    further = deviations[group] * z[lead:]
    return np.concatenate([means[group] + common + alone, further])


@cache
def _groups(lead: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the groups' means (G, lead), directions (G, lead, D) and further deviations (G,)."""
    rng = np.random.default_rng(20_13)
    means = rng.standard_normal((len(SHARES), lead))
    means -= SHARES @ means
    means *= np.sqrt(BETWEEN / (SHARES @ means**2))
    directions = rng.standard_normal((len(SHARES), lead, DIRECTIONS))
    spread = SHARES @ (directions**2).sum(axis=2)  # (lead,): one over all people
    directions *= np.sqrt(TOGETHER * (1 - BETWEEN) / spread)[:, None]
    deviations = np.exp(rng.normal(0, UNEVEN, len(SHARES)))
    return means, directions, deviations / np.sqrt(SHARES @ deviations**2)
