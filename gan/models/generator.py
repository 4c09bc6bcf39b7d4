"""What a generator is: any `nn.Module` from codes to displacements of the template.

`forward(z)` takes codes (B, Z), the factors' in order and then the noise, and returns displacements
(V, 3, B) in units of the data's deviation, vertex-major as sparse products want them. A network
that makes (B, V, 3) ends with `.permute(1, 2, 0)`. What changes with training is a parameter or a
buffer, whose shapes follow from what the constructor is given: a model's file then holds them all.

What else a generator can do it says by having the method of a protocol below; whatever needs it
asks for it, and goes the general way without.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gan.errors import ConfigError
from gan.registry import Registry
from meshkit.nn import SparseOperator


class Anchors(NamedTuple):
    """Codes whose faces are known at the start."""

    columns: slice  # of the code vector z
    codes: Float[Tensor, "C d"]
    targets: Float[Tensor, "C K"]  # what each code gives, in multiples of the components


class Components(NamedTuple):
    """Directions of variation in the data, and the codes that drive them at the start."""

    columns: slice  # of the code vector z
    basis: Float[Tensor, "K n"]  # principal components times their deviations, flattened
    anchors: Sequence[Anchors] = ()
    linear: bool = False  # entry k of the code is the coefficient of component k, no anchors


GENERATORS: Registry[nn.Module] = Registry(
    "generator",
    "meshkit_gan.generators",
    nn.Module,
    context=("code_size", "hidden", "slope", "mean", "groups", "rng"),
    package="gan.models.generators",
)


@runtime_checkable
class Foldable(Protocol):
    """A generator whose last layer is linear: an operator on vertices goes into its weights."""

    def fold(self, operator: SparseOperator) -> Callable[[Tensor], Tensor]:
        """Return the function from codes to `operator @ forward(z)`, (k, 3, B).

        It holds while the weights stay as they are; the mesh is never made.
        """
        ...


@runtime_checkable
class Spanning(Protocol):
    """A generator whose displacements are combinations of fixed ones: `d = Φ c(z) + mean`."""

    basis: Float[Tensor, "n K"]
    mean: Float[Tensor, " n"]

    def coefficients(self, z: Float[Tensor, "B Z"]) -> Float[Tensor, "K B"]:
        """Return c(z), differentiable."""
        ...


@runtime_checkable
class Perceptron(Protocol):
    """A generator whose function is `W₂ LeakyReLU(W₁ z + b₁) + b₂`, whatever W₂ is made of.

    Its model is a `FaceModel`, which is edited, inverted and written to ONNX by closed forms.
    """

    slope: float

    def plain(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return W1, b1, W2, b2 of the function that these values of the parameters give."""
        ...


def composed(generator: nn.Module, operator: SparseOperator) -> Callable[[Tensor], Tensor]:
    """Return the function from codes to `operator @ forward(z)`, (k, 3, B); folded if possible."""
    if isinstance(generator, Foldable):
        return generator.fold(operator)

    def function(z: Float[Tensor, "B Z"]) -> Float[Tensor, "k 3 B"]:
        d = generator(z)
        pixels: Tensor = operator(d.reshape(len(d), -1))
        return pixels.view(-1, 3, len(z))

    return function


def check_generator(generator: nn.Module, name: str, code_size: int, n_vertices: int) -> None:
    """Raise ConfigError unless `forward` returns (V, 3, B)."""
    training = generator.training
    with torch.no_grad():
        d = generator.eval()(torch.zeros(2, code_size))
    generator.train(training)
    shape = tuple(d.shape) if isinstance(d, Tensor) else type(d).__name__
    if shape != (n_vertices, 3, 2):
        swapped = shape == (2, n_vertices, 3)
        remedy = "; end its forward with .permute(1, 2, 0)" if swapped else ""
        raise ConfigError(
            f"generator {name!r} makes {shape} of two codes, expected (V, 3, B) = "
            f"({n_vertices}, 3, 2){remedy}"
        )
