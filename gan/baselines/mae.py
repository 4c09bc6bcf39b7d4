"""MAE: a network that reads codes from a depth image, a multilinear tensor that makes the mesh."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, final

import numpy as np
import scipy.sparse as sp
import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from gan.baselines.baseline import BASELINES, AbstractBaseline
from gan.baselines.components import (
    CodeGaussian,
    exact_components,
    pick_points,
    whiten_classes,
    whitened,
)
from gan.baselines.config import TrainedConfig
from gan.baselines.depth import (
    DepthCamera,
    DepthEncoder,
    cached_depth,
    depth_camera,
    with_mixtures,
)
from gan.baselines.faces import LabelledFaces
from gan.baselines.hosvd import SAMPLED, starting_tensor
from gan.cache import cache_folder
from gan.errors import DatasetError
from gan.models.contract import Core
from gan.models.files import StoredModel, above, below, load_weights
from gan.progress import Progress, counter
from gan.sections import Count, NotNegative, Positive
from meshkit.nn import SparseOperator

_BLOCK = 128
_HELD_OUT = 128  # validation meshes


class MaeConfig(TrainedConfig):
    """MAE. Its layer sizes are ours."""

    kind: Literal["mae"] = "mae"
    epochs: Count = 100
    batch: Annotated[int, Field(ge=2)] = 32
    optimizer: Literal["sgd", "adam"] = "adam"
    rate: Positive = 1e-3
    decay: Annotated[float, Field(gt=0, le=1)] = 0.96
    tensor_rate: NotNegative = 0.1  # of the core tensor, in units of `rate`
    image: Annotated[int, Field(ge=16, le=512)] = 64  # pixels of a side of the depth image
    widths: Annotated[tuple[Count, ...], Field(min_length=1)] = (16, 32, 64, 128)
    hidden: Count = 256
    components: Count = 300  # of the displacements: the span in which the tensor lives
    label: NotNegative = 0.03  # weight of the distance between codes of equal labels
    mixed: NotNegative = 1.0  # weight of the reconstruction of mixtures of faces


class MultilinearFaceModel(StoredModel):
    """`X = mean + Φ (C ×₂ w_id ×₃ w_exp)`, the raw codes w read from a depth image of the mesh.

    Attributes
    ----------
    mean : (V, 3), mm
    basis : (K, 3V)
        Φ: orthonormal rows.
    core_tensor : (K, d_id, d_exp), mm
    gaussians : of the raw codes of the training faces, in the order of the factors
        The codes themselves are N(0, I).
    encoder : DepthEncoder
    camera : DepthCamera
    image_mean : (h, w), mm
    image_unit : float, mm
        What the encoder sees is `(depth − image_mean) / image_unit`.

    References
    ----------
    Fernández Abrevaya, Wuhrer, Boyer, Multilinear autoencoder for 3D face model learning, WACV
    2018.
    """

    FORMAT = "meshkit-gan multilinear face model 1"

    def __init__(
        self, core: Core, tensors: Mapping[str, Tensor], header: Mapping[str, Any]
    ) -> None:
        super().__init__(core, tensors, header)
        self.fields = below(tensors, "tensor.")  # mean, basis, core_tensor, image_mean
        self.gaussians = tuple(
            CodeGaussian(**below(tensors, f"gaussian.{factor.name}.")) for factor in core.factors
        )
        x, y, z, half_extent, floor = (float(value) for value in header["camera"])
        size = int(header["image"])
        self.camera = DepthCamera(np.array([x, y, z]), half_extent, floor, size)
        self.image_unit = float(header["image_unit"])
        encoder = DepthEncoder(
            size=size,
            widths=[int(width) for width in header["widths"]],
            hidden=int(header["hidden"]),
            codes=sum(factor.code_size for factor in core.factors),
            rng=torch.Generator(),
        )
        load_weights(encoder, below(tensors, "encoder."))
        self.encoder = encoder.to(core.template.device)

    def decode(self, codes: Mapping[str, Tensor]) -> Float[Tensor, "B V 3"]:
        """Generate the meshes of a batch of codes, in mm; differentiable in the codes."""
        y = self._coefficients(codes)
        return self.fields["mean"] + (y @ self.fields["basis"]).view(len(y), -1, 3)

    def point_decoder(
        self, operator: sp.csr_array
    ) -> Callable[[Mapping[str, Tensor]], Float[Tensor, "B k 3"]]:
        """Return a decoder of a few points of the surface: Φ at these points."""
        pick = SparseOperator(operator).to(self.template.device)
        mean, basis = pick(self.fields["mean"]), pick_points(pick, self.fields["basis"])

        def decode(codes: Mapping[str, Tensor]) -> Tensor:
            y = self._coefficients(codes)
            points: Tensor = mean + (y @ basis).view(len(y), -1, 3)
            return points

        return decode

    def _coefficients(self, codes: Mapping[str, Tensor]) -> Tensor:
        """Return the coordinates of faces in the span of Φ."""
        w_id, w_exp = (
            gaussian.color(codes[factor.name])
            for gaussian, factor in zip(self.gaussians, self.factors, strict=True)
        )
        return multiply(self.fields["core_tensor"], w_id, w_exp)

    def encode(self, vertices: Float[Tensor, "B V 3"]) -> dict[str, Tensor]:
        """Return the codes that the network reads from depth images of these meshes, in mm."""
        with torch.no_grad():
            images = self.camera.see(vertices.cpu().numpy(), self.faces.cpu().numpy())
            seen = torch.from_numpy(images).to(self.template)
            w = self.encoder((seen - self.fields["image_mean"]) / self.image_unit)
            codes = whitened(w, self.factors, self.gaussians)
            return codes | {"noise": w.new_zeros(len(w), self.noise_size)}

    def describe(self) -> str:
        """Say which layers stand between codes and mesh."""
        weights = sum(weight.numel() for weight in self.encoder.parameters())
        K, i, j = self.fields["core_tensor"].shape
        return (
            f"MAE: encoder of {self.camera.size}² depth images with {weights:,} weights; "
            f"tensor {K} × {i} × {j} → {len(self.template):,} × 3"
        )

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of what is no network."""
        V, n, K = len(self.template), self.camera.size, len(self.fields["basis"])
        shapes: dict[str, tuple[int, ...]] = {
            "tensor.mean": (V, 3),
            "tensor.basis": (K, 3 * V),
            "tensor.core_tensor": (K, *(factor.code_size for factor in self.factors)),
            "tensor.image_mean": (n, n),
        }
        for factor in self.factors:
            d = factor.code_size
            own = {"mean": (d,), "spread": (d, d), "inverse": (d, d)}
            shapes |= {f"gaussian.{factor.name}.{name}": shape for name, shape in own.items()}
        return shapes


@final
@BASELINES.register("mae")
class MaeBaseline(AbstractBaseline):
    """Encoder and tensor, which descend together on the reconstruction of all faces.

    The tensor starts from the HOSVD of persons × expressions: the mean face of each labelled cell,
    unknown cells filled additively. There are fewer labelled expressions than entries of the
    expression code; the other entries start as the components of what the HOSVD leaves of the
    unlabelled faces, the same for all persons. Everything happens in the coordinates of the first
    components Φ of the data: a gradient never points out of the span of the faces.

    Terms: the mean squared vertex distance over the variance of the data; the same for mixtures of
    four faces, whose depth images are mixed alike (nearly those of the mixed meshes, since faces
    lie upon each other), without which the encoder learns the people by heart; and, for every
    labelled factor, the squared distance of a code from the code of its class over the classes'
    variance (weak supervision: equal labels, equal codes).
    """

    title = "MAE"
    Config = MaeConfig
    Model = MultilinearFaceModel

    def __init__(
        self,
        *,
        config: MaeConfig,
        faces: LabelledFaces,
        validation: LabelledFaces | None,
        progress: Progress,
    ) -> None:
        super().__init__(config, faces)
        advance = counter(progress, "reading the faces")
        some = faces.vertices(faces.spread(SAMPLED))
        span = exact_components(some.reshape(len(some), -1), config.components)
        self.mean, self.basis = span.mean, span.basis
        advance(len(some))
        Y = self._coordinates(faces)
        self.variance = float(Y.var(axis=0, ddof=1).sum())
        self.register_buffer("Y", torch.from_numpy(Y).float())
        self._start(Y)
        self._see(faces, validation, advance)
        self.encoder = DepthEncoder(
            size=config.image,
            widths=config.widths,
            hidden=config.hidden,
            codes=config.identity_size + config.expression_size,
            rng=torch.Generator().manual_seed(config.seed),
        )
        with torch.no_grad():
            first = torch.cat([self.persons.mean(dim=0), self.expressions.mean(dim=0)])
            self.encoder.last.bias.copy_(first)

    config: MaeConfig
    Y: Tensor
    images: Tensor
    image_mean: Tensor
    person: Tensor
    expression: Tensor

    def loss(self, which: Int[Tensor, " B"], step: int) -> dict[str, Float[Tensor, ""]]:
        """Return the sum, the reconstruction alone (in mm²), and the distances from the classes."""
        images, Y, n_plain = self.images[which], self.Y[which], len(which)
        if self.config.mixed:
            images, Y = with_mixtures(images, Y, seed=hash((self.config.seed, step)))
        w_id, w_exp = self._codes(images)
        y = multiply(self.core_tensor, w_id, w_exp) * self.unit
        errors = (y - Y).square().sum(dim=1)
        error = errors[:n_plain].mean()
        w_id, w_exp = w_id[:n_plain], w_exp[:n_plain]
        person, expression = self.person[which], self.expression[which]
        known = expression >= 0
        identity = _apart(w_id, self.persons, person)
        shown = _apart(w_exp[known], self.expressions, expression[known])
        total = error / self.variance + self.config.label * (identity + shown)
        if self.config.mixed:
            total = total + self.config.mixed * errors[n_plain:].mean() / self.variance
        n = self.basis.shape[1] / 3
        return {
            "loss": total,
            "reconstruction_mm2": error.detach() / n,
            "label_identity": identity.detach(),
            "label_expression": shown.detach(),
        }

    def groups(self) -> Sequence[dict[str, Any]]:
        """Return the encoder's weights, and the tensor with its classes at a rate of their own."""
        config = self.config
        tensor = [self.core_tensor, self.persons, self.expressions]
        return [
            {"params": list(self.encoder.parameters()), "lr": config.rate},
            {"params": tensor, "lr": config.rate * config.tensor_rate},
        ]

    def face_model(self, step: int, *, thorough: bool) -> MultilinearFaceModel:
        """Return the model as it is now, with Gaussians fitted to its codes."""
        config, faces = self.config, self.faces
        which = np.arange(len(faces)) if thorough else faces.spread(SAMPLED)
        gaussians, codes = whiten_classes(self._encoded, faces, config, which)
        device = self.Y.device
        fields = {
            "mean": torch.from_numpy(self.mean.reshape(-1, 3)).float().to(device),
            "basis": torch.from_numpy(self.basis).float().to(device),
            "core_tensor": (self.core_tensor * self.unit).detach(),
            "image_mean": self.image_mean,
        }
        weights = {name: weight.detach() for name, weight in self.encoder.named_parameters()}
        tensors = above(fields, "tensor.") | above(weights, "encoder.")
        for name, gaussian in gaussians.items():
            tensors |= above(gaussian._asdict(), f"gaussian.{name}.")
        camera = self.camera
        header = {
            "widths": list(config.widths),
            "hidden": config.hidden,
            "image": camera.size,
            "image_unit": self.image_unit,
            "camera": [*camera.center.tolist(), camera.half_extent, camera.floor],
        }
        core = faces.core(config, codes, step).to(device)
        return MultilinearFaceModel(core, tensors, header)

    def held_out(self) -> dict[str, float]:
        """Return the mean vertex distance of validation faces from what their codes make."""
        if self.unseen is None:
            return {}
        images, X = self.unseen
        with torch.no_grad():
            y = multiply(self.core_tensor, *self._codes(images.to(self.Y.device))) * self.unit
        made = self.mean + y.double().cpu().numpy() @ self.basis
        distance = np.linalg.norm((made - X).reshape(len(X), -1, 3), axis=2)
        return {"validation/reconstruction_mm": float(distance.mean())}

    def _coordinates(self, faces: LabelledFaces) -> Float[np.ndarray, "N K"]:
        parts = [
            (faces.vertices(block).reshape(len(block), -1) - self.mean) @ self.basis.T
            for block in _blocks(np.arange(len(faces)))
        ]
        return np.concatenate(parts)

    def _start(self, Y: np.ndarray) -> None:
        """Set the tensor and the classes' codes to the HOSVD, and add what it leaves."""
        config, faces = self.config, self.faces
        sizes = (config.identity_size, config.expression_size)
        try:
            first = starting_tensor(Y, faces.person, faces.expression, sizes)
        except ValueError as error:
            raise DatasetError(f"{faces.dataset.path}: {error}") from None
        self.unit = float(np.sqrt(self.variance / Y.shape[1]))
        self.core_tensor = nn.Parameter(torch.from_numpy(first.core / self.unit).float())
        self.persons = nn.Parameter(torch.from_numpy(first.persons).float())
        self.expressions = nn.Parameter(torch.from_numpy(first.expressions).float())
        self.register_buffer("person", torch.from_numpy(faces.person))
        self.register_buffer("expression", torch.from_numpy(faces.expression))

    def _see(
        self,
        faces: LabelledFaces,
        validation: LabelledFaces | None,
        advance: Callable[[int], None],
    ) -> None:
        """Draw the depth images of all faces, and normalise them."""
        self.camera = depth_camera(faces.dataset.template, self.config.image)
        folder = cache_folder() / faces.dataset.fingerprint[:16]
        folder.mkdir(exist_ok=True)
        images = np.array(cached_depth(faces.dataset, faces.rows, self.camera, folder, advance))
        mean = images.mean(axis=0, dtype=np.float64)
        self.image_unit = float(np.sqrt(np.square(images - mean).mean()))
        self.register_buffer("image_mean", torch.from_numpy(mean).float())
        normalised = (images - mean.astype(np.float32)) / self.image_unit
        self.register_buffer("images", torch.from_numpy(normalised.astype(np.float32)))
        self.unseen: tuple[Tensor, np.ndarray] | None = None
        if validation is not None:
            X = validation.vertices(validation.spread(_HELD_OUT))
            depth = self.camera.see(X, faces.dataset.faces)
            shown = torch.from_numpy(((depth - mean) / self.image_unit).astype(np.float32))
            self.unseen = (shown, X.reshape(len(X), -1))

    def _codes(self, images: Tensor) -> tuple[Tensor, Tensor]:
        w_id, w_exp = self.encoder(images).split(
            [self.config.identity_size, self.config.expression_size], dim=1
        )
        return w_id, w_exp

    def _encoded(self, which: np.ndarray) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            parts = [
                torch.cat(self._codes(self.images[torch.from_numpy(block)]), dim=1)
                for block in _blocks(which)
            ]
        w_id, w_exp = torch.cat(parts).split(
            [self.config.identity_size, self.config.expression_size], dim=1
        )
        return w_id, w_exp


def multiply(
    C: Float[Tensor, "K i j"], w_id: Float[Tensor, "B i"], w_exp: Float[Tensor, "B j"]
) -> Float[Tensor, "B K"]:
    """Return `C ×₂ w_id ×₃ w_exp` for a batch."""
    outer = (w_id[:, :, None] * w_exp[:, None, :]).flatten(1)
    return outer @ C.flatten(1).T


def _apart(w: Tensor, classes: Tensor, label: Tensor) -> Tensor:
    """Return the mean squared distance from the classes' codes, over the classes' variance."""
    if len(w) == 0 or len(classes) == 1:  # one class is apart from nothing
        return classes.sum() * 0
    spread = classes.detach().var(dim=0, correction=0).sum()
    return (w - classes[label]).square().sum(dim=1).mean() / spread


def _blocks(which: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(which), _BLOCK):
        yield which[start : start + _BLOCK]
