"""People of three factors, and face models of known quality: the data itself, and worse ones."""

from collections.abc import Mapping
from pathlib import Path
from statistics import NormalDist

import numpy as np
import torch
from torch import Tensor

from gan.datasets.store import Dataset, write_dataset
from gan.models.contract import Core, FaceGenerator, Factor
from meshkit.primitives import hemisphere

TRAIN, TEST = 12, 6
EXPRESSIONS, VISEMES = ("neutral", "left", "up", "wide"), ("closed", "open")


def write_people(path: Path, **changes) -> Path:
    """Write every combination once: 12 people to train on, 6 held out."""
    V, F = hemisphere(7)
    rng = np.random.default_rng(0)
    n = TRAIN + TEST
    shape = rng.uniform(-0.25, 0.25, size=(n, 1, 1, 1, 3))
    sides = [np.zeros(len(V)), V[:, 0] > 0.2, V[:, 1] > 0.2, abs(V[:, 0]) > 0.4]
    bulge = 0.35 * V * np.stack(sides)[:, :, None]
    mouth = np.stack([np.zeros_like(V), 0.35 * V * (V[:, 1:2] < -0.3)])
    X = V * (1 + shape) + bulge[None, :, None] + mouth[None, None]
    X = 100 * X + rng.normal(size=X.shape) * 0.2
    subject, expression, viseme = np.indices(X.shape[:3]).reshape(3, -1)
    contents = {
        "faces": F,
        "template": 100 * V,
        "labels": {"identity": subject, "expression": expression, "viseme": viseme},
        "names": {
            "identity": [f"subject {k}" for k in range(n)],
            "expression": list(EXPRESSIONS),
            "viseme": list(VISEMES),
        },
        "subject": subject,
        "sequence": np.full(len(subject), -1),
        "frame": np.zeros(len(subject), dtype=int),
        "split": np.where(subject < TRAIN, 0, 2),
        "vertices": [X.reshape(-1, *V.shape)],
        "n": len(subject),
        "provenance": {"source": "people"},
    }
    write_dataset(path, **(contents | changes))
    return path


class Replay(FaceGenerator):
    """Generates the meshes of a split: every code of one number picks a class.

    `ignored` factors pick by chance, whatever their code; all of `collapsed` is one face; identity
    and expression of a `shuffled` model pick from each other's classes.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        ignored: tuple[str, ...] = (),
        collapsed: bool = False,
        shuffled: bool = False,
        split: str = "train",
    ) -> None:
        people = TRAIN if split == "train" else TEST
        sizes = {"identity": people, "expression": len(EXPRESSIONS), "viseme": len(VISEMES)}
        centres = {
            name: torch.tensor([[NormalDist().inv_cdf((c + 0.5) / k)] for c in range(k)])
            for name, k in sizes.items()
        }
        super().__init__(
            Core(
                factors=tuple(
                    Factor(name, 1, tuple(dataset.names[name][:k])) for name, k in sizes.items()
                ),
                codes=centres,
                template=torch.from_numpy(dataset.template),
                faces=torch.from_numpy(dataset.faces),
                UV=torch.zeros(len(dataset.template), 2),
                noise_size=1,
                provenance={"step": 0, "dataset": dataset.fingerprint},
            )
        )
        self.meshes = torch.from_numpy(dataset.vertices(dataset.indices(split)))
        self.sizes, self.ignored, self.collapsed = sizes, ignored, collapsed
        self.read_from = {name: name for name in sizes}
        if shuffled:
            self.read_from |= {"identity": "expression", "expression": "identity"}
        self.chance = np.random.default_rng(5)

    def decode(self, codes: Mapping[str, Tensor]) -> Tensor:
        index = torch.zeros(len(codes["noise"]), dtype=torch.int64)
        for name, size in self.sizes.items():
            share = torch.special.ndtr(codes[self.read_from[name]][:, 0])
            if name in self.ignored:
                share = torch.from_numpy(self.chance.random(len(share)))
            index = index * size + (share * size).long().clamp(max=size - 1)
        return self.meshes[index * (not self.collapsed)]

    def encode(self, vertices: Tensor) -> dict[str, Tensor]:
        distance = torch.cdist(vertices.flatten(1), self.meshes.flatten(1))
        index, codes = distance.argmin(dim=1), {}
        for name, size in reversed(self.sizes.items()):
            codes[name] = self.codes[name][index % size]
            index = index // size
        return codes | {"noise": torch.zeros(len(vertices), 1)}

    def to(self, device: torch.device | str) -> "Replay":
        return self

    def save(self, path: Path) -> None:
        raise NotImplementedError

    def describe(self) -> str:
        return "the training set itself"
