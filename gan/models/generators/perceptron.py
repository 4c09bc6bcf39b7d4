"""The paper's generator: a perceptron with one hidden layer, and a last layer of components."""

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as nnf
from jaxtyping import Float
from torch import Tensor, nn

from gan.models.generator import GENERATORS, Anchors, Components
from gan.models.generators.span import ComponentLayer, LinearEnd
from meshkit.nn import SparseOperator


class AbstractPerceptron(LinearEnd):
    """`d = W₂ LeakyReLU(W₁ z + b₁) + b₂`, in units of the data's deviation, vertex-major.

    What W₂ and b₂ are made of is left to the subclass; the function is always this one.

    References
    ----------
    Fernández Abrevaya et al., ICCV 2019, Section 4.2.
    """

    def __init__(self, *, code_size: int, hidden: int, slope: float, rng: torch.Generator) -> None:
        super().__init__()
        self.slope = slope
        # Rows of unit expected norm: pre-activations are N(0, 1) when codes are.
        W1 = torch.randn(hidden, code_size, generator=rng) / math.sqrt(code_size)
        self.W1 = nn.Parameter(W1)
        self.b1 = nn.Parameter(torch.zeros(hidden))

    def hidden(self, z: Float[Tensor, "B Z"]) -> Float[Tensor, "B H"]:
        """Return the activations of the hidden layer."""
        return nnf.leaky_relu(nnf.linear(z, self.W1, self.b1), self.slope)

    @abstractmethod
    def plain(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return W1, b1, W2, b2 of the function that these values of the parameters give."""

    def _drive(self, groups: Sequence[Components], rng: torch.Generator) -> Tensor:
        """Let each group's codes alone drive its units, in place; return their (K, H) gains."""
        H = self.W1.shape[0]
        gains = torch.zeros(sum(len(group.basis) for group in groups), H)
        spare = H - sum(_least_units(group, self.W1) for group in groups)
        row = unit = 0
        with torch.no_grad():
            for group in groups:
                # A few units more than components: anchors then disturb random codes less.
                extra = min(spare, 4 * sum(len(anchor.codes) for anchor in group.anchors))
                count = _least_units(group, self.W1) + extra
                units, rows = slice(unit, unit + count), slice(row, row + len(group.basis))
                self.W1[units] = 0
                fill = self._in_pairs if group.linear else self._at_random
                fill(gains[rows, units], units, group, rng)
                row, unit, spare = rows.stop, units.stop, spare - extra
        return gains

    def _in_pairs(
        self, gains: Tensor, units: slice, group: Components, rng: torch.Generator
    ) -> None:
        """Make component k follow entry k alone: f(x) − f(−x) = (1 + slope) x for a LeakyReLU."""
        plus = torch.arange(units.start, units.stop, 2)
        k = torch.arange(len(plus))
        column = k + group.columns.start
        self.W1[plus, column], self.W1[plus + 1, column] = 1.0, -1.0
        gains[k, 2 * k], gains[k, 2 * k + 1] = 1 / (1 + self.slope), -1 / (1 + self.slope)

    def _at_random(
        self, gains: Tensor, units: slice, group: Components, rng: torch.Generator
    ) -> None:
        """Make every component follow a unit that looks at the code in a random direction."""
        first, second = _activation_moments(self.slope)
        seen = self.W1[units, group.columns].shape[1]
        draws = torch.randn(units.stop - units.start, seen, generator=rng)
        self.W1[units, group.columns] = draws / math.sqrt(seen)
        gains.fill_diagonal_(1 / math.sqrt(second - first**2))
        for anchor in group.anchors:
            gains += self._correction(gains, units, anchor, rng)

    def _correction(
        self, gains: Tensor, units: slice, anchor: Anchors, rng: torch.Generator
    ) -> Tensor:
        """Return the smallest change of the gains that makes the anchors' mean faces right."""
        z = torch.randn(1024, len(anchor.codes), self.W1.shape[1], generator=rng)
        z[:, :, anchor.columns] = anchor.codes
        mean = self.hidden(z.flatten(0, 1)).view(1024, len(anchor.codes), -1).mean(dim=0)
        h = (mean[:, units] - _activation_moments(self.slope)[0]).T  # (units, C)
        change: Tensor = (anchor.targets.T - gains @ h) @ torch.linalg.pinv(h)
        return change


@GENERATORS.register("mlp")
class MLPGenerator(AbstractPerceptron):
    """The paper's: W₂ and b₂ are free."""

    def __init__(
        self,
        *,
        code_size: int,
        hidden: int,
        slope: float,
        mean: Float[Tensor, " n"],
        groups: Sequence[Components],
        rng: torch.Generator,
    ) -> None:
        super().__init__(code_size=code_size, hidden=hidden, slope=slope, rng=rng)
        W2 = 1e-3 * torch.randn(len(mean), hidden, generator=rng)
        if groups:
            W2 = torch.cat([group.basis for group in groups]).T @ self._drive(groups, rng)
        self.W2 = nn.Parameter(W2)
        self.b2 = nn.Parameter(mean - _activation_moments(slope)[0] * W2.sum(dim=1))

    def displacement(self, h: Float[Tensor, "B H"]) -> Float[Tensor, "V 3 B"]:
        """Return displacements from hidden activations."""
        return torch.addmm(self.b2[:, None], self.W2, h.T).view(-1, 3, len(h))

    def folded(self, operator: SparseOperator) -> tuple[Float[Tensor, "k H"], Float[Tensor, " k"]]:
        """Return the last layer after an operator on vertices."""
        n = operator.shape[1]
        W = operator(self.W2.view(n, -1)).view(-1, self.W2.shape[1])
        return W, operator(self.b2.view(n, 3)).view(-1)

    def plain(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the parameters themselves."""
        return {name: weights[name].detach().clone() for name in ("W1", "b1", "W2", "b2")}


@GENERATORS.register("pca-mlp")
def principal_components_mlp(
    *,
    code_size: int,
    hidden: int,
    slope: float,
    mean: Float[Tensor, " n"],
    groups: Sequence[Components],
    rng: torch.Generator,
) -> MLPGenerator:
    """Make the paper's generator, its last layer started from the data's components.

    The same network as `mlp` with any start but "random", which is refused.
    """
    if not groups:
        raise ValueError("generator pca-mlp starts from components; for a random start take mlp")
    return MLPGenerator(
        code_size=code_size, hidden=hidden, slope=slope, mean=mean, groups=groups, rng=rng
    )


@GENERATORS.register("mlp-components")
class ComponentGenerator(ComponentLayer, AbstractPerceptron):
    """Ours: `W₂ = Φ A`, `b₂ = Φ a + mean`: the paper's function, W₂ in the components' span."""

    def __init__(
        self,
        *,
        code_size: int,
        hidden: int,
        slope: float,
        mean: Float[Tensor, " n"],
        groups: Sequence[Components],
        rng: torch.Generator,
    ) -> None:
        super().__init__(code_size=code_size, hidden=hidden, slope=slope, rng=rng)
        if not groups:
            raise ValueError("generator mlp-components needs a start from components, not random")
        A = self._drive(groups, rng)
        self.put_layer(A, -_activation_moments(slope)[0] * A.sum(dim=1), groups, mean)

    def plain(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the last layer multiplied out."""
        with torch.no_grad():
            W2 = self.basis @ weights["A"]
            b2 = torch.addmv(self.mean, self.basis, weights["a"])
        W1, b1 = (weights[name].detach().clone() for name in ("W1", "b1"))
        return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}


def _least_units(group: Components, W1: Tensor) -> int:
    """Return how many hidden units a group needs: one a component, a pair an entry of its code."""
    K = len(group.basis)
    return 2 * min(K, W1[:, group.columns].shape[1]) if group.linear else K


def _activation_moments(slope: float) -> tuple[float, float]:
    """Return E[f] and E[f²] of a LeakyReLU under N(0, 1)."""
    return (1 - slope) / math.sqrt(2 * math.pi), (1 + slope**2) / 2
