"""Generators with a linear last layer, and one in the span of the data's components."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gan.models.generator import Components
from meshkit.nn import SparseOperator


class LinearEnd(nn.Module, ABC):
    """A generator whose last layer is linear in what the layers before it make of codes."""

    @abstractmethod
    def hidden(self, z: Float[Tensor, "B Z"]) -> Float[Tensor, "B H"]:
        """Return what the last layer is linear in."""

    @abstractmethod
    def displacement(self, h: Float[Tensor, "B H"]) -> Float[Tensor, "V 3 B"]:
        """Return displacements from hidden values, in the layout that sparse products want."""

    @abstractmethod
    def folded(self, operator: SparseOperator) -> tuple[Float[Tensor, "k H"], Float[Tensor, " k"]]:
        """Return weight and offset of the last layer after an operator on vertices."""

    def forward(self, z: Float[Tensor, "B Z"]) -> Float[Tensor, "V 3 B"]:
        """Return displacements."""
        return self.displacement(self.hidden(z))

    def fold(self, operator: SparseOperator) -> Callable[[Tensor], Tensor]:
        """Return the function from codes to `operator @ forward(z)`, (k, 3, B)."""
        W, b = self.folded(operator)
        return lambda z: torch.addmm(b[:, None], W, self.hidden(z).T).view(-1, 3, len(z))


class ComponentLayer(LinearEnd):
    """`d = Φ (A h + a) + mean`, Φ the data's components times their deviations, which stay.

    Adam works in the data's own units: it cannot write noise into vertices that no pixel sees, and
    steps are cheap, since A is (K, H) where Φ A is (3V, H). The subclass makes h of codes.
    """

    basis: Tensor
    mean: Tensor

    def put_layer(
        self,
        A: Float[Tensor, "K H"],
        a: Float[Tensor, " K"],
        groups: Sequence[Components],
        mean: Float[Tensor, " n"],
    ) -> None:
        """Make the layer from its first weights and the components of all groups in order."""
        self.A, self.a = nn.Parameter(A), nn.Parameter(a)
        self.register_buffer("basis", torch.cat([group.basis for group in groups]).T.contiguous())
        self.register_buffer("mean", mean)
        self._folded: tuple[SparseOperator, Tensor, Tensor] | None = None

    def coefficients(self, z: Float[Tensor, "B Z"]) -> Float[Tensor, "K B"]:
        """Return the multiples of the components."""
        return self.combined(self.hidden(z))

    def combined(self, h: Float[Tensor, "B H"]) -> Float[Tensor, "K B"]:
        """Return the multiples of the components that hidden values give."""
        return torch.addmm(self.a[:, None], self.A, h.T)

    def displacement(self, h: Float[Tensor, "B H"]) -> Float[Tensor, "V 3 B"]:
        """Return displacements from hidden values."""
        return torch.addmm(self.mean[:, None], self.basis, self.combined(h)).view(-1, 3, len(h))

    def folded(self, operator: SparseOperator) -> tuple[Float[Tensor, "k H"], Float[Tensor, " k"]]:
        """Return the layer after an operator on vertices, S Φ A and S b; S Φ is computed once."""
        if self._folded is None or self._folded[0] is not operator:
            n = operator.shape[1]
            basis = operator(self.basis.view(n, -1)).view(-1, self.basis.shape[1])
            self._folded = (operator, basis, operator(self.mean.view(n, 3)).view(-1))
        _, basis, mean = self._folded
        return basis @ self.A, torch.addmv(mean, basis, self.a)
