"""What a run yields: codes in, meshes out. Needs torch, and no dataset."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gan.errors import CheckpointError
from meshkit.files import atomic_path

FORMAT = "meshkit-gan face model 1"


@dataclass(frozen=True)
class Factor:
    """A labelled source of variation: its name, the size of its code, its classes in order."""

    name: str
    code_size: int
    classes: tuple[str, ...]


class FaceModel:
    """A trained generator with its fixed codes and its template.

    `X = X̄ + scale · (W₂ LeakyReLU(W₁ z + b₁) + b₂)`, z the codes of the factors in order, then
    the noise code.

    Attributes
    ----------
    factors : tuple of Factor
    codes : dict of (C, d)
        The fixed code of every class of a factor, row c for class c.
    noise_size : int
    template : (V, 3), mm
    faces : (T, 3)
    UV : (V, 2)
    weights : dict
        W1 (H, Z), b1 (H,), W2 (3V, H), b2 (3V,): row 3 v + c of W2 is coordinate c of vertex v.
    scale : float, mm
        One unit of the generator's output.
    slope : float
        Of the LeakyReLU below zero.
    """

    def __init__(
        self,
        *,
        factors: tuple[Factor, ...],
        codes: Mapping[str, Tensor],
        noise_size: int,
        template: Float[Tensor, "V 3"],
        faces: Int[Tensor, "T 3"],
        UV: Float[Tensor, "V 2"],
        weights: Mapping[str, Tensor],
        scale: float,
        slope: float,
        provenance: Mapping[str, object] | None = None,
    ) -> None:
        self.factors = factors
        self.codes = dict(codes)
        self.noise_size = noise_size
        self.template, self.faces, self.UV = template, faces, UV
        self.weights = dict(weights)
        self.scale, self.slope = scale, slope
        self.provenance = dict(provenance or {})

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
        drawn["noise"] = draw(self.noise_size)
        return drawn

    def decode(self, codes: Mapping[str, Tensor]) -> Float[Tensor, "B V 3"]:
        """Generate the meshes of a batch of codes, in mm; differentiable in the codes."""
        z = torch.cat([codes[factor.name] for factor in self.factors] + [codes["noise"]], dim=1)
        w = self.weights
        h = torch.nn.functional.leaky_relu(z @ w["W1"].T + w["b1"], self.slope)
        d = torch.addmm(w["b2"], h, w["W2"].T)
        return self.template + self.scale * d.view(len(z), -1, 3)

    def to(self, device: torch.device | str) -> "FaceModel":
        """Return the same model on another device."""
        return FaceModel(
            factors=self.factors,
            codes={name: code.to(device) for name, code in self.codes.items()},
            noise_size=self.noise_size,
            template=self.template.to(device),
            faces=self.faces.to(device),
            UV=self.UV.to(device),
            weights={name: weight.to(device) for name, weight in self.weights.items()},
            scale=self.scale,
            slope=self.slope,
            provenance=self.provenance,
        )

    def save(self, path: Path) -> None:
        """Write one safetensors file; nothing in it can run code."""
        tensors = {f"codes.{name}": code for name, code in self.codes.items()}
        tensors |= {f"generator.{name}": weight for name, weight in self.weights.items()}
        tensors |= {"template": self.template, "faces": self.faces, "UV": self.UV}
        header = {
            "factors": [[f.name, f.code_size, list(f.classes)] for f in self.factors],
            "noise_size": self.noise_size,
            "scale": self.scale,
            "slope": self.slope,
            "provenance": self.provenance,
        }
        tensors = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
        with atomic_path(path) as aside:
            save_file(tensors, aside, {"format": FORMAT, "model": json.dumps(header)})

    @classmethod
    def load(cls, path: Path) -> "FaceModel":
        """Read a file written by `save`.

        Raises
        ------
        CheckpointError
            The file is not a face model, or is damaged.
        """
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise CheckpointError(f"{path} is damaged or not a safetensors file: {error}") from None
        if metadata.get("format") != FORMAT:
            raise CheckpointError(f"{path} is not a {FORMAT!r} file")
        try:
            header = json.loads(metadata["model"])
            model = cls(
                factors=tuple(Factor(n, int(d), tuple(c)) for n, d, c in header["factors"]),
                codes=_below("codes.", tensors),
                noise_size=int(header["noise_size"]),
                template=tensors["template"],
                faces=tensors["faces"],
                UV=tensors["UV"],
                weights=_below("generator.", tensors),
                scale=float(header["scale"]),
                slope=float(header["slope"]),
                provenance=header["provenance"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path}: the face model is incomplete: {error}") from None
        model._check(path)
        return model

    def _check(self, path: Path) -> None:
        """Refuse tensors that do not fit each other, before they meet in a product."""
        V, H = len(self.template), len(self.weights.get("b1", ()))
        Z = sum(factor.code_size for factor in self.factors) + self.noise_size
        expected: dict[str, tuple[int, ...]] = {
            "template": (V, 3),
            "UV": (V, 2),
            "faces": (len(self.faces), 3),
        }
        expected |= {"W1": (H, Z), "b1": (H,), "W2": (3 * V, H), "b2": (3 * V,)}
        expected |= {f.name: (len(f.classes), f.code_size) for f in self.factors}
        found = {"template": self.template, "UV": self.UV, "faces": self.faces}
        found |= self.weights | self.codes
        for name, shape in expected.items():
            if name not in found or tuple(found[name].shape) != shape:
                got = tuple(found[name].shape) if name in found else "nothing"
                raise CheckpointError(f"{path}: {name} must have shape {shape}, got {got}")
        if self.faces.numel() and not 0 <= int(self.faces.min()) <= int(self.faces.max()) < V:
            raise CheckpointError(f"{path}: faces name a vertex outside 0 to {V - 1}")


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
