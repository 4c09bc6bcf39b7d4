"""Monotone maps from N(0, 1) to the distributions of data, one each column, and back."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import norm
from torch import Tensor

_KNOTS = 25
_LEVELS = 1000  # quantiles that stand for more numerous data
_MIN_SLOPE = 0.02  # of the data's deviation: values that many share must not make a step


class QuantileMap(NamedTuple):
    """`x = Q(u)`: a rational quadratic spline between knots, straight lines beyond.

    It rises everywhere, its slope is continuous, and it is inverted in closed form.

    References
    ----------
    Gregory, Delbourgo, Piecewise rational quadratic interpolation to monotonic data, IMA Journal of
    Numerical Analysis 1982; the inverse as in Durkan et al., Neural spline flows, NeurIPS 2019.
    """

    score: Float[Tensor, " m"]  # u at the knots, rising
    value: Float[Tensor, "d m"]  # x there, rising
    slope: Float[Tensor, "d m"]  # dx/du there, positive

    def __call__(self, u: Float[Tensor, "B d"]) -> Float[Tensor, "B d"]:
        """Return the values of normal scores."""
        score = self.score.expand_as(self.value).contiguous()
        u0, x0, s0, u1, x1, s1 = self._bins(score, u)
        width, chord = u1 - u0, (x1 - x0) / (u1 - u0)
        t = ((u - u0) / width).clamp(0, 1)
        rise = chord * t.square() + s0 * t * (1 - t)
        inside = x0 + (x1 - x0) * rise / (chord + (s0 + s1 - 2 * chord) * t * (1 - t))
        # Beyond the outer knots t rests at 0 or 1, and what is left goes along the line.
        return inside + s0 * (u - u0).clamp(max=0) + s1 * (u - u1).clamp(min=0)

    def inverse(self, x: Float[Tensor, "B d"]) -> Float[Tensor, "B d"]:
        """Return the normal scores of values."""
        u0, x0, s0, u1, x1, s1 = self._bins(self.value, x)
        width, chord, bend = u1 - u0, (x1 - x0) / (u1 - u0), s0 + s1 - 2 * (x1 - x0) / (u1 - u0)
        y = (x - x0).clamp(min=0).minimum(x1 - x0)
        a = (x1 - x0) * (chord - s0) + y * bend
        b = (x1 - x0) * s0 - y * bend
        c = -chord * y
        # The root in [0, 1], written so that nothing cancels.
        t = 2 * c / (-b - (b.square() - 4 * a * c).clamp(min=0).sqrt())
        return u0 + width * t + (x - x0).clamp(max=0) / s0 + (x - x1).clamp(min=0) / s1

    def _bins(self, edges: Float[Tensor, "d m"], at: Float[Tensor, "B d"]) -> list[Tensor]:
        """Return u, x and slope at the knots before and after."""
        inner = edges[:, 1:-1].contiguous()
        k = torch.searchsorted(inner, at.detach().T.contiguous(), right=True)  # (d, B)
        tables = (self.score.expand_as(self.value), self.value, self.slope)
        return [table.gather(1, k + after).T for after in (0, 1) for table in tables]

    def to(self, device: torch.device | str) -> "QuantileMap":
        """Return the same on another device."""
        return QuantileMap(*(part.to(device) for part in self))


def fit_quantiles(columns: Float[np.ndarray, "N d"]) -> QuantileMap:
    """Fit the quantiles of every column as a function of the normal score.

    At each knot a straight line is fitted to the sorted values over their normal scores, weighed by
    a Gaussian kernel whose width falls with N: its value and its slope there are the knot's. Tails
    go on with the last slope, so that they are Gaussian. A column without variance is left as it
    is: `Q(u) = u`.

    References
    ----------
    Fan, Local linear regression smoothers and their minimax efficiencies, Annals of Statistics
    1993.
    """
    n = min(len(columns), _LEVELS)
    level = (np.arange(n) + 0.5) / n
    values = np.quantile(columns, level, axis=0, method="hazen")  # (n, d), rising
    score = norm.ppf(level)
    knots = np.linspace(score[0], score[-1], _KNOTS)
    offset = score - knots[:, None]  # (m, n)
    width = 0.9 * len(columns) ** -0.2
    # No narrower than the gap to the next data: lone values in the tails are what there is.
    gap = np.sort(np.abs(offset), axis=1)[:, min(4, n - 1)]
    weight = np.exp(-0.5 * (offset / np.maximum(width, gap)[:, None]) ** 2)
    moments = [(weight * offset**k).sum(axis=1) for k in range(3)]
    determinant = moments[0] * moments[2] - moments[1] ** 2
    of_value = weight * (moments[2][:, None] - moments[1][:, None] * offset)
    of_slope = weight * (moments[0][:, None] * offset - moments[1][:, None])
    fitted, slope = (w @ values / determinant[:, None] for w in (of_value, of_slope))
    deviation = columns.std(axis=0)
    least = _MIN_SLOPE * np.where(deviation > 0, deviation, 1)
    rising = np.maximum(np.diff(fitted, axis=0), np.diff(knots)[:, None] * least)
    fitted = np.concatenate([fitted[:1], fitted[:1] + rising.cumsum(axis=0)])
    slope = np.maximum(slope, least)
    constant = deviation == 0
    fitted[:, constant], slope[:, constant] = knots[:, None], 1.0
    knot, value, rise = (torch.from_numpy(a).float() for a in (knots, fitted.T, slope.T))
    return QuantileMap(knot, value.contiguous(), rise.contiguous())
