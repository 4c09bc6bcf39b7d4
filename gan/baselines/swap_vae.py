"""Swap VAE: a variational mesh autoencoder whose identity codes are swapped within a person."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, final

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils import skip_init

from gan.baselines.baseline import BASELINES, AbstractBaseline
from gan.baselines.components import CodeGaussian, whiten_classes, whitened
from gan.baselines.convolutional import (
    ConvolutionalConfig,
    architecture_of,
    blocks,
    coordinate_units,
    held_out_distance,
    restored_network,
    stored_network,
)
from gan.baselines.faces import LabelledFaces
from gan.models.contract import Core
from gan.models.files import StoredModel, above, below
from gan.progress import Progress, counter
from gan.sections import NotNegative, Positive

_SAMPLED = 1024  # meshes whose codes give the Gaussians of a checkpoint on the way
_LOG_VARIANCE = -4.0  # of a code at the start: reconstruction first


class SwapVaeConfig(ConvolutionalConfig):
    """Swap VAE. The network is CoMA's; a batch has as many partners again."""

    kind: Literal["swap-vae"] = "swap-vae"
    batch: Annotated[int, Field(ge=2)] = 8
    rate: Positive = 3e-3
    decay: Annotated[float, Field(gt=0, le=1)] = 0.9
    divergence: NotNegative = 1e-4  # weight of the Kullback-Leibler divergence
    consistency: NotNegative = 0.5  # weight of the hinges that compare codes
    margin: NotNegative = 0.5  # of the hinges, in mean squares of a code's entries
    cycle: NotNegative = 0.1  # weight of reading codes back after a swap between people


class SwapVaeFaceModel(StoredModel):
    """`X = rest + unit ⊙ D(w_id, w_exp)`, D a decoder of mesh convolutions.

    Attributes
    ----------
    rest, unit : (V, 3), mm
        Mean and deviation of each coordinate of the faces.
    gaussians : of the raw codes w of the training faces, in the order of the factors
        The codes themselves are N(0, I).
    network : MeshAutoencoder
    architecture : Architecture

    References
    ----------
    Foti, Koo, Stoyanov, Clarkson, 3D shape variational autoencoder latent disentanglement via
    mini-batch feature swapping for bodies and faces, CVPR 2022.
    """

    FORMAT = "meshkit-gan swap vae face model 1"

    def __init__(
        self, core: Core, tensors: Mapping[str, Tensor], header: Mapping[str, Any]
    ) -> None:
        super().__init__(core, tensors, header)
        self.rest, self.unit = self.tensors["rest"], self.tensors["unit"]
        self.gaussians = tuple(
            CodeGaussian(**below(tensors, f"gaussian.{factor.name}.")) for factor in core.factors
        )
        self.architecture, self.network = restored_network(core, self.header, tensors)

    def decode(self, codes: Mapping[str, Tensor]) -> Float[Tensor, "B V 3"]:
        """Generate the meshes of a batch of codes, in mm; differentiable in the codes."""
        raw = [
            gaussian.color(codes[factor.name])
            for gaussian, factor in zip(self.gaussians, self.factors, strict=True)
        ]
        return self.rest + self.unit * self.network.decode(torch.cat(raw, dim=1))

    def encode(self, vertices: Float[Tensor, "B V 3"]) -> dict[str, Tensor]:
        """Return the codes that the network reads from meshes, in mm."""
        with torch.no_grad():
            w = self.network.encode((vertices - self.rest) / self.unit)
            codes = whitened(w, self.factors, self.gaussians)
            return codes | {"noise": w.new_zeros(len(w), self.noise_size)}

    def describe(self) -> str:
        """Say which layers stand between codes and mesh."""
        weights = sum(weight.numel() for weight in self.network.parameters())
        sizes = " → ".join(f"{n:,}" for n in self.architecture.sizes())
        return f"swap VAE: mesh autoencoder with {weights:,} weights, {sizes} vertices"

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of what is no network."""
        V = len(self.template)
        shapes: dict[str, tuple[int, ...]] = {"rest": (V, 3), "unit": (V, 3)}
        for factor in self.factors:
            d = factor.code_size
            own: dict[str, tuple[int, ...]] = {"mean": (d,), "spread": (d, d), "inverse": (d, d)}
            shapes |= above(own, f"gaussian.{factor.name}.")
        return shapes


@final
@BASELINES.register("swap-vae")
class SwapVaeBaseline(AbstractBaseline):
    """A variational autoencoder of whole faces, with two codes that must not mix.

    Foti et al. swap regions of the meshes in a batch and demand that codes follow. Here factors
    are swapped, by their labels. A batch has for every face a partner of the same person, and as
    many faces with an expression label, with partners of equal label. Terms of the loss:

    * `l1`: every face is decoded with the identity code of its partner; mean absolute error in
      normalised units, `(x − mean) / deviation` per coordinate;
    * `divergence`: Kullback-Leibler, of the codes from N(0, I);
    * `identity`, `expression`: codes of equal labels are nearer than others, by a margin;
    * `cycle`: a face made of one person's identity and another's expression is read as these.
    """

    title = "Swap VAE"
    Config = SwapVaeConfig
    Model = SwapVaeFaceModel

    def __init__(
        self,
        *,
        config: SwapVaeConfig,
        faces: LabelledFaces,
        validation: LabelledFaces | None,
        progress: Progress,
    ) -> None:
        super().__init__(config, faces)
        self.validation = validation
        advance = counter(progress, "reading the faces")
        rest, unit = coordinate_units(faces.vertices, len(faces), advance)
        self.register_buffer("rest", rest)
        self.register_buffer("unit", unit)
        self.sizes = (config.identity_size, config.expression_size)
        self.architecture = architecture_of(faces, config, code=sum(self.sizes))
        self.network = self.architecture.build(torch.Generator().manual_seed(config.seed))
        self.log_variance = skip_init(nn.Linear, self.network.to_code.in_features, sum(self.sizes))
        nn.init.zeros_(self.log_variance.weight)
        nn.init.constant_(self.log_variance.bias, _LOG_VARIANCE)
        self.person = _Partners(faces.person)
        self.label = _Partners(faces.expression)

    config: SwapVaeConfig
    rest: Tensor
    unit: Tensor

    def loss(self, which: Int[Tensor, " B"], step: int) -> dict[str, Float[Tensor, ""]]:
        """Return the sum, and its terms without their weights."""
        config, faces, B = self.config, self.faces, len(which)
        rng = np.random.default_rng([config.seed, step])
        mine = which.cpu().numpy()
        partner = self.person.of(mine, rng)
        shown = rng.choice(self.label.known, B)
        chosen = np.concatenate([mine, partner, shown, self.label.of(shown, rng)])
        x = self._normalised(faces, chosen)
        features = self.network.features(x)
        w = self.network.to_code(features)
        log_variance = self.log_variance(features[: 2 * B])
        noise = torch.from_numpy(rng.standard_normal(log_variance.shape)).to(w)
        drawn_id, drawn_exp = self._split(w[: 2 * B] + noise * (0.5 * log_variance).exp())
        swapped = torch.cat([drawn_id.roll(B, dims=0), drawn_exp], dim=1)
        error = (self.network.decode(swapped) - x[: 2 * B]).abs()
        w_id, w_exp = self._split(w)
        terms = {
            "l1": error.mean(),
            "divergence": _divergence(w[: 2 * B], log_variance),
            "identity": self._apart(w_id[: 2 * B], faces.person[mine]),
            "expression": self._apart(w_exp[2 * B :], faces.expression[shown]),
            "cycle": self._cycle(w_id[:B], w_exp[:B]),
        }
        total = terms["l1"] + config.divergence * terms["divergence"]
        total = total + config.consistency * (terms["identity"] + terms["expression"])
        total = total + config.cycle * terms["cycle"]
        shown_terms = {name: term.detach() for name, term in terms.items()}
        return {"loss": total, **shown_terms, "l1_mm": (error.detach() * self.unit).mean()}

    def face_model(self, step: int, *, thorough: bool) -> SwapVaeFaceModel:
        """Return the model as it is now, with Gaussians fitted to its codes."""
        which = np.arange(len(self.faces)) if thorough else self.faces.spread(_SAMPLED)
        gaussians, codes = whiten_classes(self._codes, self.faces, self.config, which)
        tensors = stored_network(self.architecture, self.network)
        tensors |= {"rest": self.rest, "unit": self.unit}
        for name, gaussian in gaussians.items():
            tensors |= above(gaussian._asdict(), f"gaussian.{name}.")
        core = self.faces.core(self.config, codes, step).to(self.rest.device)
        return SwapVaeFaceModel(core, tensors, self.architecture.header())

    def held_out(self) -> dict[str, float]:
        """Return the mean vertex distance of validation faces from what their codes make."""
        distance = held_out_distance(self.network, self.unit, self._normalised, self.validation)
        return {} if distance is None else {"validation/reconstruction_mm": distance}

    def _cycle(self, w_id: Tensor, w_exp: Tensor) -> Tensor:
        """Return how far codes are that are read from faces of swapped expressions."""
        w = torch.cat([w_id, w_exp.roll(1, dims=0)], dim=1).detach()
        return (self.network.encode(self.network.decode(w)) - w).square().mean()

    def _apart(self, w: Float[Tensor, "C d"], label: Int[np.ndarray, " B"]) -> Tensor:
        """Return the hinge between the second half's codes of equal labels and of the next one."""
        first, second = w.chunk(2)
        same = (first - second).square().mean(dim=1)
        other = (first - second.roll(1, dims=0)).square().mean(dim=1)
        differs = torch.from_numpy(label != np.roll(label, 1)).to(w)
        hinge = nn.functional.relu(same - other + self.config.margin) * differs
        return hinge.sum() / differs.sum().clamp(min=1)

    def _split(self, w: Tensor) -> tuple[Tensor, Tensor]:
        w_id, w_exp = w.split(self.sizes, dim=1)
        return w_id, w_exp

    def _codes(self, which: np.ndarray) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            parts = [
                self.network.encode(self._normalised(self.faces, block)) for block in blocks(which)
            ]
        return self._split(torch.cat(parts))

    def _normalised(self, faces: LabelledFaces, which: np.ndarray) -> Tensor:
        X = torch.from_numpy(faces.vertices(which)).to(self.rest)
        return (X - self.rest) / self.unit


class _Partners:
    """Draws, for meshes with a label, others with the same; itself where there is none."""

    def __init__(self, label: Int[np.ndarray, " N"]) -> None:
        self.label = label
        self.known = np.flatnonzero(label >= 0)
        self.order = self.known[np.argsort(label[self.known], kind="stable")]
        self.count = np.bincount(label[self.known])
        self.start = np.concatenate([[0], self.count.cumsum()[:-1]])
        self.place = np.zeros(len(label), dtype=np.int64)  # of a mesh within its class
        self.place[self.order] = np.arange(len(self.order)) - self.start[label[self.order]]

    def of(self, which: Int[np.ndarray, " B"], rng: np.random.Generator) -> Int[np.ndarray, " B"]:
        label = self.label[which]
        count = self.count[label]
        steps = 1 + np.floor(rng.random(len(which)) * np.maximum(count - 1, 1)).astype(np.int64)
        other = (self.place[which] + steps) % count
        return np.asarray(self.order[self.start[label] + other])


def _divergence(w: Float[Tensor, "B d"], log_variance: Float[Tensor, "B d"]) -> Float[Tensor, ""]:
    """Return the mean Kullback-Leibler divergence of N(w, σ²) from N(0, I)."""
    return (w.square() + log_variance.exp() - log_variance - 1).sum(dim=1).mean() / 2
