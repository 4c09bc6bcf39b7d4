"""What a run with a generator of any kind yields; the plug-in that made it must be installed."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import scipy.sparse as sp
import torch
from jaxtyping import Float
from torch import Tensor, nn

from gan.models.contract import PRIOR, Core
from gan.models.files import StoredModel, above, below
from gan.models.generator import GENERATORS, Anchors, Components, Spanning, composed
from gan.models.inversion import DecoderInverse, SpanInverse
from meshkit.nn import SparseOperator


class NetworkFaceModel(StoredModel):
    """A trained generator: `X = X̄ + scale · G(z)`.

    Tensors: G's parameters and buffers below "generator."; header: "scale", mm, and "generator",
    a `recipe`.
    """

    FORMAT = "meshkit-gan network face model 1"
    own_encoder = False

    def __init__(
        self, core: Core, tensors: Mapping[str, Tensor], header: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(core, tensors, header)
        self.scale = float(self.header["scale"])
        self._code_size = sum(factor.code_size for factor in self.factors) + self.noise_size
        made, n = self.header["generator"], self.template.numel()
        self.generator = _rebuilt(made, self._code_size, n)
        _take_over(self.generator, below(self.tensors, "generator."))
        self.generator.to(self.template.device).eval().requires_grad_(False)

    def decode(self, codes: Mapping[str, Tensor]) -> Float[Tensor, "B V 3"]:
        """Generate the meshes of a batch of codes, in mm; differentiable in the codes."""
        d: Tensor = self.generator(self.join(codes))
        return self.template + self.scale * d.permute(2, 0, 1)

    def encode(
        self, vertices: Float[Tensor, "B V 3"], *, prior: float = PRIOR
    ) -> dict[str, Tensor]:
        """Return codes whose meshes are near these, as `FaceModel.encode` does."""
        if not isinstance(self.generator, Spanning):
            return DecoderInverse(self).encode(vertices, prior=prior)
        d = (vertices - self.template).flatten(1)
        with torch.no_grad():
            return self.split(self._inverse.solve(d, self._code_size, prior=prior))

    @cached_property
    def _inverse(self) -> SpanInverse:
        assert isinstance(self.generator, Spanning)
        return SpanInverse(self.generator, self.scale)

    def point_decoder(
        self, operator: sp.csr_array
    ) -> Callable[[Mapping[str, Tensor]], Float[Tensor, "B k 3"]]:
        """Return a decoder of a few points of the surface; folded where the generator can."""
        pick = SparseOperator(operator).to(self.template.device)
        at, displaced = pick(self.template), composed(self.generator, pick)
        return lambda codes: at + self.scale * displaced(self.join(codes)).permute(2, 0, 1)

    def describe(self) -> str:
        """Say which network stands between codes and mesh."""
        codes = ", ".join(f"{factor.name} {factor.code_size}" for factor in self.factors)
        name, V = self.header["generator"]["name"], len(self.template)
        count = sum(weight.numel() for weight in self.generator.parameters())
        return f"codes of {codes}, noise {self.noise_size}: {name} of {count:,} weights → {V:,} × 3"

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the generator's tensors."""
        state = above(self.generator.state_dict(), "generator.")
        return {name: tuple(tensor.shape) for name, tensor in state.items()}


def network_face_model(
    core: Core,
    generator: nn.Module,
    weights: Mapping[str, Tensor],
    *,
    made: Mapping[str, Any],
    scale: float,
) -> NetworkFaceModel:
    """Copy a generator with these values of its parameters; `made` is its `recipe`."""
    state = generator.state_dict() | dict(weights)
    tensors = {name: tensor.detach().clone() for name, tensor in state.items()}
    header = {"scale": scale, "generator": dict(made)}
    return NetworkFaceModel(core, above(tensors, "generator."), header)


def recipe(
    name: str,
    options: Mapping[str, Any],
    *,
    hidden: int,
    slope: float,
    groups: Sequence[Components],
) -> dict[str, Any]:
    """Return, as JSON, what a generator was made from; of the start, how much there was of it."""
    start = [
        {
            "columns": [group.columns.start, group.columns.stop],
            "components": len(group.basis),
            "linear": group.linear,
            "anchors": [[a.columns.start, a.columns.stop, len(a.codes)] for a in group.anchors],
        }
        for group in groups
    ]
    return {"name": name, "options": dict(options), "hidden": hidden, "slope": slope} | {
        "start": start
    }


def _rebuilt(made: Mapping[str, Any], code_size: int, n: int) -> nn.Module:
    """Make a generator of the same shape; its values are arbitrary."""
    rng = torch.Generator().manual_seed(0)
    groups = []
    for group in made["start"]:
        K = int(group["components"])
        anchors = [
            Anchors(
                slice(first, stop),
                torch.randn(C, len(range(code_size)[first:stop]), generator=rng),
                torch.randn(C, K, generator=rng),
            )
            for first, stop, C in group["anchors"]
        ]
        # Random rather than zero: a constructor may invert what it is given.
        basis = torch.randn(K, n, generator=rng)
        groups.append(Components(slice(*group["columns"]), basis, anchors, bool(group["linear"])))
    return GENERATORS.build(
        made["name"],
        made["options"],
        code_size=code_size,
        hidden=int(made["hidden"]),
        slope=float(made["slope"]),
        mean=torch.zeros(n),
        groups=groups,
        rng=rng,
    )


def _take_over(generator: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Set all parameters and buffers, in place; ValueError if they are others."""
    wanted = {name: tuple(tensor.shape) for name, tensor in generator.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name in sorted(wanted.keys() | given.keys()):
        if wanted.get(name) != given.get(name):
            raise ValueError(
                f"generator.{name} has shape {given.get(name)}, and {wanted.get(name)} in the "
                "generator that is installed here"
            )
    generator.load_state_dict(dict(tensors))
