"""The mesh generator: a multilayer perceptron from codes to displacements of the template."""

import math

import torch
import torch.nn.functional as nnf
from jaxtyping import Float
from torch import Tensor, nn

from gan.registry import Registry

GENERATORS: Registry[nn.Module] = Registry("generator")


@GENERATORS.register("mlp")
class MLPGenerator(nn.Module):
    """`d = W₂ LeakyReLU(W₁ z + b₁) + b₂`, in units of the data's deviation, vertex-major.

    The last layer is kept as a matrix over coordinates, so that a frozen operator on vertices can
    be folded into it: `S d = (S W₂) h + S b₂`.

    References
    ----------
    Fernández Abrevaya et al., ICCV 2019, Section 4.2.
    """

    def __init__(
        self, *, code_size: int, n_vertices: int, hidden: int, slope: float, rng: torch.Generator
    ) -> None:
        super().__init__()
        self.slope = slope
        # Rows of unit expected norm: pre-activations are N(0, 1) when codes are.
        self.W1 = nn.Parameter(_normal(hidden, code_size, rng=rng) / math.sqrt(code_size))
        self.b1 = nn.Parameter(torch.zeros(hidden))
        self.W2 = nn.Parameter(_normal(3 * n_vertices, hidden, rng=rng) * 1e-3)
        self.b2 = nn.Parameter(torch.zeros(3 * n_vertices))

    def hidden(self, z: Float[Tensor, "B Z"]) -> Float[Tensor, "B H"]:
        """Return the activations of the hidden layer."""
        return nnf.leaky_relu(nnf.linear(z, self.W1, self.b1), self.slope)

    def displacement(self, h: Float[Tensor, "B H"]) -> Float[Tensor, "V 3 B"]:
        """Return displacements from hidden activations, in the layout sparse products want."""
        return torch.addmm(self.b2[:, None], self.W2, h.T).view(-1, 3, len(h))

    def start_from_components(
        self, mean: Float[Tensor, " n"], components: Float[Tensor, "K n"]
    ) -> None:
        """Set the last layer, in place, so that random codes give the data's mean and covariance.

        Parameters
        ----------
        mean : 1
            Mean displacement of the data, flattened, in units of its deviation.
        components : 1
            Principal components times their deviations; hidden units past K start at 0.
        """
        first, second = (1 - self.slope) / math.sqrt(2 * math.pi), (1 + self.slope**2) / 2
        K = min(len(components), self.W2.shape[1])
        with torch.no_grad():
            self.W2.zero_()
            # The activation of a N(0, 1) unit has this mean and variance.
            self.W2[:, :K] = components[:K].T / math.sqrt(second - first**2)
            self.b2.copy_(mean - first * self.W2.sum(dim=1))


def _normal(*shape: int, rng: torch.Generator) -> Tensor:
    return torch.randn(*shape, generator=rng)
