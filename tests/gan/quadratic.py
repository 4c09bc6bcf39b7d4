"""A small quadratic generator with arbitrary weights, and its model."""

from collections.abc import Sequence

import torch

from gan.models.contract import Core, Factor
from gan.models.generator import Components
from gan.models.generators.quadratic import QuadraticGenerator
from gan.models.network_model import NetworkFaceModel, network_face_model, recipe

V, P, S = 20, 6, 4  # vertices, entries of the codes of person and state
rng = torch.Generator().manual_seed(0)


def shaken(module: torch.nn.Module, size: float = 0.1) -> torch.nn.Module:
    """Move every weight, so that nothing is at its start."""
    with torch.no_grad():
        for weight in module.parameters():
            weight += size * torch.randn(weight.shape, generator=rng)
    return module


def groups() -> list[Components]:
    return [
        Components(slice(0, P), torch.randn(7, 3 * V, generator=rng), linear=True),
        Components(slice(P, P + S), torch.randn(5, 3 * V, generator=rng), linear=True),
    ]


def quadratic_generator(start: Sequence[Components], *, noise: int) -> QuadraticGenerator:
    made = QuadraticGenerator(
        code_size=P + S + noise,
        hidden=8,
        slope=0.2,
        mean=torch.randn(3 * V, generator=rng),
        groups=start,
        rng=rng,
        people=3,
        states=2,
    )
    made.marginals.values += 0.1 * torch.rand(made.marginals.values.shape, generator=rng)
    return shaken(made)


def quadratic_model() -> NetworkFaceModel:
    start = groups()
    G = quadratic_generator(start, noise=0)
    core = Core(
        factors=(Factor("identity", P, ("a", "b")), Factor("expression", S, ("neutral", "happy"))),
        codes={
            "identity": torch.randn(2, P, generator=rng),
            "expression": torch.randn(2, S, generator=rng),
        },
        template=torch.randn(V, 3, generator=rng),
        faces=torch.tensor([[0, 1, 2]]),
        UV=torch.rand(V, 2, generator=rng),
    )
    made = recipe("quadratic", {"people": 3, "states": 2}, hidden=8, slope=0.2, groups=start)
    return network_face_model(core, G, dict(G.named_parameters()), made=made, scale=2.0)
