"""What every face model offers, whatever it is made of: codes in, meshes out, and back.

The trained generator (`gan.models.face_model`) and the baselines (`gan.baselines`) are face
generators; sampling, evaluation, reports, fitting and editing know no more than this.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import scipy.sparse as sp
import torch
from jaxtyping import Float, Int
from torch import Tensor

from meshkit.nn import SparseOperator

NOISE = "noise"
PRIOR = 1.0  # mm²: λ of `encode`; a vertex that lies a millimetre off costs as much as ‖z‖ = 1


@dataclass(frozen=True)
class Factor:
    """A labelled source of variation: its name, the size of its code, its classes in order."""

    name: str
    code_size: int
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Core:
    """What every face model has beside its weights; see `FaceGenerator`."""

    factors: tuple[Factor, ...]
    codes: Mapping[str, Tensor]
    template: Float[Tensor, "V 3"]
    faces: Int[Tensor, "T 3"]
    UV: Float[Tensor, "V 2"]
    landmarks: Int[Tensor, " L"] | None = None
    noise_size: int = 0
    provenance: Mapping[str, object] = field(default_factory=dict)

    def to(self, device: torch.device | str) -> "Core":
        """Return the same on another device."""
        return replace(
            self,
            codes={name: code.to(device) for name, code in self.codes.items()},
            template=self.template.to(device),
            faces=self.faces.to(device),
            UV=self.UV.to(device),
            landmarks=None if self.landmarks is None else self.landmarks.to(device),
        )


class FaceGenerator(ABC):
    """A model of faces with one code for each factor, and one for what has no label, "noise".

    Codes are in units in which the training faces' are N(0, I): random faces, and the prior
    `λ ‖z‖²` of a fit, mean the same in every model.

    Attributes
    ----------
    factors : tuple of Factor
    codes : dict of (C, d)
        The code of every class of a factor, row c for class c.
    noise_size : int
        0 for a model without noise, whose noise codes are (B, 0).
    template : (V, 3), mm
    faces : (T, 3)
    UV : (V, 2)
    landmarks : (68,) or None
        Vertices of the Multi-PIE / iBUG points, where the data has them.
    provenance : dict
        "step" and "dataset" (the fingerprint of the data) at least, for a model out of a run.
    own_encoder : bool
        Whether `encode` is part of what was learned, and no search for codes that `decode` best.
    encodes, differentiable : bool
        Whether there are codes of meshes, and gradients of `decode`: in all models of ours.
    """

    own_encoder: bool = True
    encodes: bool = True
    differentiable: bool = True

    def __init__(self, core: Core) -> None:
        self.factors = core.factors
        self.codes = dict(core.codes)
        self.noise_size = core.noise_size
        self.template, self.faces, self.UV = core.template, core.faces, core.UV
        self.landmarks = core.landmarks
        self.provenance = dict(core.provenance)

    @property
    def core(self) -> Core:
        """What this model has in common with every other, as it is now."""
        return Core(
            factors=self.factors,
            codes=self.codes,
            template=self.template,
            faces=self.faces,
            UV=self.UV,
            landmarks=self.landmarks,
            noise_size=self.noise_size,
            provenance=self.provenance,
        )

    @abstractmethod
    def decode(self, codes: Mapping[str, Tensor]) -> Float[Tensor, "B V 3"]:
        """Generate the meshes of a batch of codes, in mm; differentiable in the codes."""

    @abstractmethod
    def encode(self, vertices: Float[Tensor, "B V 3"]) -> dict[str, Tensor]:
        """Return codes whose meshes are near these, in mm; the inverse of `decode` up to loss."""

    def encode_with_rest(
        self, vertices: Float[Tensor, "B V 3"], rest: Float[Tensor, "B V 3"]
    ) -> dict[str, Tensor]:
        """Return the codes of people of whom a mesh at rest is known as well, in mm.

        A model that was trained on what an expression adds to a face overrides this.
        """
        return self.encode(vertices)

    @abstractmethod
    def to(self, device: torch.device | str) -> "FaceGenerator":
        """Return the same model on another device."""

    @abstractmethod
    def save(self, path: Path) -> None:
        """Write one safetensors file that `gan.models.loading.load_model_file` reads."""

    @abstractmethod
    def describe(self) -> str:
        """Say in one line what stands between codes and mesh."""

    def factor(self, name: str) -> Factor:
        """Return the factor called `name`.

        Raises
        ------
        ValueError
            The model has no such factor; the message lists those it has.
        """
        for factor in self.factors:
            if factor.name == name:
                return factor
        known = ", ".join(f.name for f in self.factors)
        raise ValueError(f"the model has no factor {name!r}; it has {known}")

    def label_index(self, factor: str, label: int | str) -> int:
        """Return the class index of a label given as an index or as a name.

        Raises
        ------
        ValueError
            The factor has no such class; the message lists or counts those it has.
        """
        classes = self.factor(factor).classes
        if isinstance(label, str) and label in classes:
            return classes.index(label)
        if isinstance(label, str) and not label.lstrip("-").isdigit():
            listed = ", ".join(classes[:12]) + (", …" if len(classes) > 12 else "")
            raise ValueError(f"{factor} has no class {label!r}; it has {listed}")
        index = int(label)
        if not 0 <= index < len(classes):
            raise ValueError(f"{factor} {index} is out of range: 0 to {len(classes) - 1}")
        return index

    def sample_codes(
        self,
        n: int,
        *,
        rng: torch.Generator,
        labels: Mapping[str, int | str] | None = None,
    ) -> dict[str, Tensor]:
        """Draw n codes per factor, N(0, I), and the noise; a labelled factor takes its fixed code.

        Every factor is drawn whether it is labelled or not, so that fixing one leaves the others
        as they were under the same seed.
        """
        labels = dict(labels or {})
        for name in labels:
            self.factor(name)

        def draw(size: int) -> Tensor:
            # On the generator's device, then moved: a seed gives the same faces on any device.
            return torch.randn(n, size, generator=rng, device=rng.device).to(self.template.device)

        drawn = {}
        for factor in self.factors:
            z = draw(factor.code_size)
            if factor.name in labels:
                fixed = self.codes[factor.name][self.label_index(factor.name, labels[factor.name])]
                z = fixed.expand(n, -1).clone()
            drawn[factor.name] = z
        drawn[NOISE] = draw(self.noise_size)
        return drawn

    def sample(
        self,
        n: int,
        *,
        rng: torch.Generator,
        labels: Mapping[str, int | str] | None = None,
    ) -> Float[Tensor, "n V 3"]:
        """Generate n faces, in mm; `labels` as in `sample_codes`."""
        return self.decode(self.sample_codes(n, rng=rng, labels=labels))

    def transfer(
        self, source: Float[Tensor, "B V 3"], target: Float[Tensor, "B V 3"], factor: str
    ) -> Float[Tensor, "B V 3"]:
        """Give the target faces one factor of the source faces: encode both, swap, decode.

        Everything but that factor's code is the target's own. Meshes in mm.

        Raises
        ------
        ValueError
            The model has no such factor; the message lists those it has.
        """
        name = self.factor(factor).name
        return self.decode(self.encode(target) | {name: self.encode(source)[name]})

    def point_decoder(
        self, operator: sp.csr_array
    ) -> Callable[[Mapping[str, Tensor]], Float[Tensor, "B k 3"]]:
        """Return a decoder of a few points of the surface, in mm, differentiable in the codes.

        Parameters
        ----------
        operator : (k, V)
            The points as rows over the vertices. A model whose last layer is linear folds it in,
            and a call costs nothing that grows with V.
        """
        pick = SparseOperator(operator).to(self.template.device)
        return lambda codes: pick(self.decode(codes))

    def join(self, codes: Mapping[str, Tensor]) -> Float[Tensor, "B Z"]:
        """Lay the codes of the factors in order, and the noise, side by side."""
        return torch.cat([codes[name] for name, _ in self._layout()], dim=1)

    def split(self, z: Float[Tensor, "B Z"]) -> dict[str, Tensor]:
        """Take side by side codes apart: the inverse of `join`."""
        names, sizes = zip(*self._layout(), strict=True)
        return dict(zip(names, z.split(sizes, dim=1), strict=True))

    def _layout(self) -> list[tuple[str, int]]:
        own = [(factor.name, factor.code_size) for factor in self.factors]
        return [*own, (NOISE, self.noise_size)]
