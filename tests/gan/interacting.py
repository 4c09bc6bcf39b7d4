"""People whose expressions depend on whose face they are on, and the model that made them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gan.datasets.benchmark.transfer_pairs import transfer_path, write_transfer
from gan.models.contract import Core, FaceGenerator, Factor
from gan.models.inversion import DecoderInverse
from meshkit.primitives import hemisphere

PEOPLE, EXPRESSIONS, STRENGTHS = 7, ("neutral", "smile", "frown"), (0.5, 1.0)


class Interacting(FaceGenerator):
    """`X = template + a P + b Q + Σ a_i b_j C_ij`, its own inverse by a search.

    With `swapped` codes each factor's code moves what is the other's; all of `collapsed` is one
    face; `plain` leaves out the interaction.
    """

    own_encoder = False

    def __init__(
        self,
        *,
        rings: int = 6,
        swapped: bool = False,
        collapsed: bool = False,
        plain: bool = False,
    ) -> None:
        V, F = hemisphere(rings)
        rng = np.random.default_rng(0)
        waves = 2 * V @ rng.normal(size=(3, 3 + 3 + 9))
        fields = torch.from_numpy(np.sin(waves).T[:, :, None] * rng.normal(size=(15, 1, 3)))
        self.P, self.Q, self.C = (8 * x.float() for x in fields.split([3, 3, 9]))
        self.C = self.C.view(3, 3, *V.shape) * (0 if plain else 1)
        self.swapped, self.collapsed = swapped, collapsed
        fixed = torch.tensor([[0.0, 0, 0], [2, 0, 0], [0, 2, 0]])
        super().__init__(
            Core(
                factors=(
                    Factor("identity", 3, tuple(f"subject {k}" for k in range(3))),
                    Factor("expression", 3, EXPRESSIONS),
                ),
                codes={"identity": torch.eye(3), "expression": fixed},
                template=torch.from_numpy(100 * V).float(),
                faces=torch.from_numpy(F),
                UV=torch.zeros(len(V), 2),
                provenance={"step": 0},
            )
        )

    def decode(self, codes: Mapping[str, Tensor]) -> Tensor:
        a, b = codes["identity"], codes["expression"]
        if self.swapped:
            a, b = b, a
        if self.collapsed:
            a, b = 0 * a, 0 * b
        return (
            self.template
            + torch.einsum("bi,ivc->bvc", a, self.P)
            + torch.einsum("bj,jvc->bvc", b, self.Q)
            + torch.einsum("bi,bj,ijvc->bvc", a, b, self.C)
        )

    def encode(self, vertices: Tensor) -> dict[str, Tensor]:
        return DecoderInverse(self).encode(vertices, prior=1.0)

    def to(self, device: torch.device | str) -> "Interacting":
        return self

    def save(self, path: Path) -> None:
        raise NotImplementedError

    def describe(self) -> str:
        return "people whose expressions interact with their shape"


def write_pairs(dataset: Path, model: Interacting) -> Path:
    """Write the pairs beside a data set: everyone of PEOPLE shows something to the next one."""
    rng = torch.Generator().manual_seed(3)
    a = torch.randn(PEOPLE, 3, generator=rng)
    actor, expression, level = np.indices((PEOPLE, 2, len(STRENGTHS))).reshape(3, -1)
    receiver = (actor + 1 + expression) % PEOPLE
    strength = np.array(STRENGTHS)[level]
    b = model.codes["expression"][1 + expression] * torch.from_numpy(strength).float()[:, None]

    def faces(person: np.ndarray, b: Tensor) -> np.ndarray:
        codes = {"identity": a[person], "expression": b, "noise": torch.zeros(len(b), 0)}
        return model.decode(codes).numpy()

    everyone = np.arange(PEOPLE)
    write_transfer(
        transfer_path(dataset),
        arrays={
            "faces": model.faces.numpy(),
            "rest": faces(everyone, torch.zeros(PEOPLE, 3)),
            "person": 40 + everyone,
            "person_a": 40 + receiver,
            "person_b": 40 + actor,
            "expression": 1 + expression,
            "strength": strength,
        },
        posed=[(faces(actor, b), faces(receiver, b))],
        names=EXPRESSIONS,
        provenance={},
    )
    return transfer_path(dataset)
