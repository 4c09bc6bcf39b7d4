"""A generator in which who acts changes what is done: quadratic in two nonlinear coordinates."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as nnf
from jaxtyping import Float
from torch import Tensor, nn

from gan.models.generator import GENERATORS, Components
from gan.models.generators.span import ComponentLayer

COUPLINGS, WIDTH = 6, 48  # how many, and the hidden units of each
MAX_STRETCH = 2.0  # of the logarithm of one coupling's factor: exp must not overflow
KNOTS, LAST_KNOT = 21, 2.5  # of a marginal, evenly from −2.5 to 2.5 deviations of the code


@GENERATORS.register("quadratic")
class QuadraticGenerator(ComponentLayer):
    """`d = Φ (A h + a) + mean`, `h = (u, e, e e, u e, …)`, of coordinates of person and state.

    u follows from the first factor's code entry by entry, by monotone `Marginals`; e from the
    second's by an invertible `Couplings`. So codes that are N(0, I) can follow the data's own, far
    from normal distributions. Without a fit both maps are the identity, and products weigh 0.
    Products of the leading entries of u and e are the interaction: how a person of this shape
    makes this expression. Codes of further factors, and the noise, enter
    linearly. It starts from a fit to the data (`generator.start = "fitted"`).

    Parameters
    ----------
    people, states
        Entries of u and of e that take part in products.
    """

    pairs: Tensor

    def __init__(
        self,
        *,
        code_size: int,
        hidden: int,
        slope: float,
        mean: Float[Tensor, " n"],
        groups: Sequence[Components],
        rng: torch.Generator,
        people: int = 8,
        states: int = 8,
    ) -> None:
        super().__init__()
        if len(groups) < 2 or not all(group.linear for group in groups):
            raise ValueError('generator quadratic needs two factors and generator.start = "fitted"')
        first, second = (group.columns for group in groups[:2])
        n_first, n_second = first.stop - first.start, second.stop - second.start
        self.columns, self.further = (first, second), slice(second.stop, code_size)
        self.people, self.states = min(people, n_first), min(states, n_second)
        self.marginals = Marginals(n_first)
        self.couplings = Couplings(n_second, rng)
        self.register_buffer("pairs", torch.triu_indices(self.states, self.states))
        products = self.pairs.shape[1] + self.people * self.states
        K = sum(len(group.basis) for group in groups)
        A = torch.zeros(K, code_size + products)
        row = 0
        for group in groups:
            count = min(len(group.basis), group.columns.stop - group.columns.start)
            k = torch.arange(count)
            A[row + k, group.columns.start + k] = 1.0
            row += len(group.basis)
        self.put_layer(A, torch.zeros(K), groups, mean)

    def hidden(self, z: Float[Tensor, "B Z"]) -> Float[Tensor, "B H"]:
        """Return the coordinates and their products."""
        first, second = self.columns
        return self.features(
            self.marginals(z[:, first]), self.couplings(z[:, second]), z[:, self.further]
        )

    def features(
        self, u: Float[Tensor, "B P"], e: Float[Tensor, "B S"], rest: Float[Tensor, "B R"]
    ) -> Float[Tensor, "B H"]:
        """Return h of coordinates of person and state, and of the further codes."""
        s = e[:, : self.states]
        mixed = (u[:, : self.people, None] * s[:, None]).flatten(1)
        squares = s[:, self.pairs[0]] * s[:, self.pairs[1]]
        return torch.cat([u, e, rest, squares, mixed], dim=1)


class Marginals(nn.Module):
    """Monotone maps of each entry of a code, straight between knots and beyond them.

    Attributes
    ----------
    values : (d, KNOTS) coordinates at the knots, in components' deviations, increasing.
    """

    values: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("values", knots().expand(size, -1).contiguous())

    def forward(self, z: Float[Tensor, "B d"]) -> Float[Tensor, "B d"]:
        """Return the coordinates of codes."""
        step = 2 * LAST_KNOT / (KNOTS - 1)
        place = (z + LAST_KNOT) / step
        k = place.detach().floor().clamp(0, KNOTS - 2).long()
        lower, upper = (self.values.T.gather(0, k + i) for i in (0, 1))
        return lower + (place - k) * (upper - lower)

    def inverse(self, u: Float[Tensor, "B d"]) -> Float[Tensor, "B d"]:
        """Return the codes of coordinates."""
        k = torch.searchsorted(self.values, u.T.contiguous()).T.sub(1).clamp(0, KNOTS - 2)
        lower, upper = (self.values.T.gather(0, k + i) for i in (0, 1))
        step = 2 * LAST_KNOT / (KNOTS - 1)
        return (k + (u - lower) / (upper - lower)) * step - LAST_KNOT


def knots() -> Float[Tensor, " k"]:
    """Return the codes at which `Marginals` has values."""
    return torch.linspace(-LAST_KNOT, LAST_KNOT, KNOTS)


class Couplings(nn.Module):
    """An invertible map from codes to coordinates: affine couplings, then scale and shift.

    References
    ----------
    Dinh, Sohl-Dickstein, Bengio, Density estimation using Real NVP, ICLR 2017.
    """

    masks: Tensor

    def __init__(self, size: int, rng: torch.Generator) -> None:
        super().__init__()
        masks = torch.zeros(COUPLINGS, size)
        for mask in masks:
            mask[torch.randperm(size, generator=rng)[: size // 2]] = 1.0
        self.register_buffer("masks", masks)
        self.first = nn.ParameterList(
            torch.randn(WIDTH, size, generator=rng) / math.sqrt(size) for _ in masks
        )
        self.offset = nn.ParameterList(torch.zeros(WIDTH) for _ in masks)
        self.second = nn.ParameterList(torch.zeros(2 * size, WIDTH) for _ in masks)
        self.shift = nn.Parameter(torch.zeros(size))
        self.log_scale = nn.Parameter(torch.zeros(size))

    def forward(self, z: Float[Tensor, "B d"]) -> Float[Tensor, "B d"]:
        """Return the coordinates of codes."""
        for k in range(len(self.masks)):
            move, stretch = self._coupling(k, z)
            z = z * stretch.exp() + move
        return z * self.log_scale.exp() + self.shift

    def inverse(self, e: Float[Tensor, "B d"]) -> tuple[Float[Tensor, "B d"], Float[Tensor, " B"]]:
        """Return the codes of coordinates, and the logarithm of the volume that they lose."""
        z = (e - self.shift) * (-self.log_scale).exp()
        lost = -self.log_scale.sum().expand(len(e))
        for k in reversed(range(len(self.masks))):
            move, stretch = self._coupling(k, z)
            z = (z - move) * (-stretch).exp()
            lost = lost - stretch.sum(dim=1)
        return z, lost

    def _coupling(self, k: int, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return move and log stretch of the entries that this coupling changes; 0 elsewhere."""
        h = nnf.silu(nnf.linear(z * self.masks[k], self.first[k], self.offset[k]))
        move, stretch = nnf.linear(h, self.second[k]).chunk(2, dim=1)
        changed = 1 - self.masks[k]
        return move * changed, MAX_STRETCH * torch.tanh(stretch / MAX_STRETCH) * changed
