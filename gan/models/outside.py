"""Models from outside: a decoder and the sizes of its codes become a face model like any other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gan.errors import CheckpointError
from gan.models.contract import NOISE, PRIOR, Core, FaceGenerator, Factor
from gan.models.inversion import DecoderInverse


class Surface(NamedTuple):
    """What meshes of a model lie on; a model from outside that says nothing takes the data's."""

    template: Float[Tensor, "V 3"]  # mm
    faces: Int[Tensor, "T 3"]
    UV: Float[Tensor, "V 2"]
    landmarks: Int[Tensor, " L"] | None = None


@dataclass(frozen=True)
class OutsideModel:
    """What a function `package.module:function` returns for `gan evaluate` and its neighbours.

    Attributes
    ----------
    code_sizes
        Of every factor, in order, and of "noise" if there is some. Codes of random faces are
        N(0, I): a decoder with other codes scales them itself.
    decode
        From a mapping of codes (B, d) to meshes (B, V, 3), in mm, vertices as in the data set.
        If gradients flow through it, metrics that fit codes by descent can be measured.
    encode
        From meshes (B, V, 3) to codes. None: codes are searched, by differences of `decode`.
    codes
        By factor and class, the code (d,) that makes faces of this class, where there is one.
    """

    code_sizes: Mapping[str, int]
    decode: Callable[[Mapping[str, Tensor]], Tensor]
    encode: Callable[[Tensor], Mapping[str, Tensor]] | None = None
    codes: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)


class OutsideFaceModel(FaceGenerator):
    """A face model whose decoder is not ours; it lives on the CPU.

    Raises
    ------
    CheckpointError
        Sizes or fixed codes do not fit each other, or decoded meshes not the surface.
    """

    def __init__(self, outside: OutsideModel, surface: Surface, name: str) -> None:
        sizes = {name: int(size) for name, size in outside.code_sizes.items()}
        factors, codes = [], {}
        for factor, size in sizes.items():
            if factor != NOISE:
                fixed = outside.codes.get(factor, {})
                factors.append(Factor(factor, size, tuple(fixed)))
                codes[factor] = _stacked(fixed, size, f"{name}: codes of {factor!r}")
        if unknown := sorted(outside.codes.keys() - codes.keys()):
            raise CheckpointError(f"{name}: fixed codes of {unknown[0]!r}, which has no code size")
        core = Core(
            factors=tuple(factors),
            codes=codes,
            template=surface.template,
            faces=surface.faces,
            UV=surface.UV,
            landmarks=surface.landmarks,
            noise_size=sizes.get(NOISE, 0),
            provenance={"outside": name},
        )
        super().__init__(core)
        self.outside, self.name = outside, name
        at_rest = {factor: torch.zeros(2, size) for factor, size in sizes.items()}
        self.differentiable = self._try({NOISE: torch.zeros(2, 0)} | at_rest)
        # Descent finds codes faster than differences; without gradients these are what there is.
        self.own_encoder = outside.encode is not None or not self.differentiable

    def _try(self, codes: Mapping[str, Tensor]) -> bool:
        """Decode two faces; refuse what they are if they are none, and tell if gradients flow."""
        X = self.outside.decode({name: z.requires_grad_() for name, z in codes.items()})
        expected = (2, *self.template.shape)
        shape = tuple(X.shape) if isinstance(X, Tensor) else type(X).__name__
        if shape != expected:
            raise CheckpointError(
                f"{self.name}: decode makes {shape} of two codes, expected {expected}, "
                "a torch tensor of meshes in mm"
            )
        if not torch.isfinite(X).all():
            raise CheckpointError(f"{self.name}: decode makes vertices that are not finite")
        return X.requires_grad

    def decode(self, codes: Mapping[str, Tensor]) -> Float[Tensor, "B V 3"]:
        """Generate the meshes of a batch of codes, in mm."""
        return self.outside.decode(codes).to(self.template.dtype)

    def encode(self, vertices: Float[Tensor, "B V 3"]) -> dict[str, Tensor]:
        """Return codes whose meshes are near these, in mm."""
        if self.outside.encode is None:
            return DecoderInverse(self).encode(vertices, prior=PRIOR)
        with torch.no_grad():
            codes = dict(self.outside.encode(vertices))
        return {NOISE: vertices.new_zeros(len(vertices), self.noise_size)} | codes

    def to(self, device: torch.device | str) -> "OutsideFaceModel":
        """Return the model itself: it stays on the CPU."""
        return self

    def save(self, path: Path) -> None:
        """Refuse: its code is elsewhere."""
        raise CheckpointError(f"{self.name} cannot be saved: its decoder is no file of ours")

    def describe(self) -> str:
        """Say where the decoder is, and how large its codes are."""
        sizes = ", ".join(f"{name} {size}" for name, size in self.outside.code_sizes.items())
        return f"{self.name}: codes of {sizes} → {len(self.template):,} × 3"


class GeneratedMeshes(FaceGenerator):
    """Meshes that some model has made, without codes: a random face is one of them.

    Its noise code has one entry, which draws a mesh.
    """

    encodes = differentiable = False

    def __init__(self, meshes: Float[Tensor, "N V 3"], surface: Surface, name: str) -> None:
        core = Core(
            factors=(),
            codes={},
            template=surface.template,
            faces=surface.faces,
            UV=surface.UV,
            landmarks=surface.landmarks,
            noise_size=1,
            provenance={"outside": name},
        )
        super().__init__(core)
        self.meshes, self.name = meshes, name

    def decode(self, codes: Mapping[str, Tensor]) -> Float[Tensor, "B V 3"]:
        """Return the meshes that the noise draws, each as likely as any."""
        level = torch.special.ndtr(codes[NOISE][:, 0].double())
        return self.meshes[(level * len(self.meshes)).long().clamp(max=len(self.meshes) - 1)]

    def encode(self, vertices: Float[Tensor, "B V 3"]) -> dict[str, Tensor]:
        """Refuse: there are no codes."""
        raise CheckpointError(f"{self.name} holds meshes alone: nothing is known of their codes")

    def to(self, device: torch.device | str) -> "GeneratedMeshes":
        """Return the collection itself: it stays on the CPU."""
        return self

    def save(self, path: Path) -> None:
        """Refuse: the meshes are there already."""
        raise CheckpointError(f"{self.name} holds meshes alone: there is no model to save")

    def describe(self) -> str:
        """Say how many meshes there are."""
        return f"{self.name}: {len(self.meshes):,} meshes of {len(self.template):,} vertices"


def _stacked(fixed: Mapping[str, Tensor], size: int, where: str) -> Float[Tensor, "C d"]:
    rows = [torch.as_tensor(code, dtype=torch.float32) for code in fixed.values()]
    for label, row in zip(fixed, rows, strict=True):
        if row.shape != (size,):
            raise CheckpointError(
                f"{where}: that of {label!r} has shape {tuple(row.shape)}, expected ({size},)"
            )
    return torch.stack(rows) if rows else torch.zeros(0, size)
