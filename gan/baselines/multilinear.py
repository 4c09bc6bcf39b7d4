"""MAE: a network that reads codes from a depth image, a multilinear tensor that makes the mesh."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import skip_init

from gan.baselines.components import CodeGaussian, pick_points
from gan.baselines.depth import DepthCamera
from gan.errors import CheckpointError
from gan.models.contract import Core, FaceGenerator
from gan.models.files import MULTILINEAR, check_tensors, read_model, write_model
from meshkit.nn import SparseOperator


class DepthEncoder(nn.Module):
    """Convolutions of kernel 4 and stride 2 with ReLU, a hidden layer, and one layer to all codes.

    Parameters
    ----------
    size
        Pixels of a side, a multiple of 2 to the number of `widths`.
    """

    def __init__(
        self, *, size: int, widths: Sequence[int], hidden: int, codes: int, rng: torch.Generator
    ) -> None:
        super().__init__()
        if size % 2 ** len(widths):
            raise ValueError(f"image {size} is not a multiple of {2 ** len(widths)}")
        self.convolutions = nn.ModuleList(
            skip_init(nn.Conv2d, a, b, 4, stride=2, padding=1) for a, b in pairwise([1, *widths])
        )
        flat = widths[-1] * (size >> len(widths)) ** 2
        self.hidden = skip_init(nn.Linear, flat, hidden)
        self.last = skip_init(nn.Linear, hidden, codes)
        for layer in (*self.convolutions, self.hidden):
            assert isinstance(layer, nn.Conv2d | nn.Linear)
            assert layer.bias is not None
            incoming = layer.weight[0].numel()
            with torch.no_grad():
                draws = torch.randn(layer.weight.shape, generator=rng)
                layer.weight.copy_(draws * (2 / incoming) ** 0.5)
                layer.bias.zero_()
        nn.init.zeros_(self.last.weight)  # the first guess for every face is the bias
        nn.init.zeros_(self.last.bias)

    def forward(self, images: Float[Tensor, "B h w"]) -> Float[Tensor, "B d"]:
        """Return raw codes of normalised depth images."""
        h = images[:, None]
        for convolution in self.convolutions:
            h = nn.functional.relu(convolution(h))
        codes: Tensor = self.last(nn.functional.relu(self.hidden(h.flatten(1))))
        return codes


class MultilinearFaceModel(FaceGenerator):
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
    shape : dict
        "widths" and "hidden" of the encoder.
    image_mean : (h, w), mm
    image_unit : float, mm
        What the encoder sees is `(depth − image_mean) / image_unit`.

    References
    ----------
    Fernández Abrevaya, Wuhrer, Boyer, Multilinear autoencoder for 3D face model learning, WACV
    2018.
    """

    def __init__(
        self,
        core: Core,
        *,
        tensors: Mapping[str, Tensor],
        gaussians: Sequence[CodeGaussian],
        encoder: DepthEncoder,
        widths: Sequence[int],
        camera: DepthCamera,
        image_unit: float,
    ) -> None:
        super().__init__(core)
        self.tensors = dict(tensors)  # mean, basis, core_tensor, image_mean
        self.gaussians, self.encoder = tuple(gaussians), encoder
        self.widths, self.camera, self.image_unit = tuple(widths), camera, image_unit
        self.encoder.requires_grad_(False)

    def decode(self, codes: Mapping[str, Tensor]) -> Float[Tensor, "B V 3"]:
        """Generate the meshes of a batch of codes, in mm; differentiable in the codes."""
        y = self._coefficients(codes)
        return self.tensors["mean"] + (y @ self.tensors["basis"]).view(len(y), -1, 3)

    def point_decoder(
        self, operator: sp.csr_array
    ) -> Callable[[Mapping[str, Tensor]], Float[Tensor, "B k 3"]]:
        """Return a decoder of a few points of the surface: Φ at these points."""
        pick = SparseOperator(operator).to(self.template.device)
        mean, basis = pick(self.tensors["mean"]), pick_points(pick, self.tensors["basis"])

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
        return multiply(self.tensors["core_tensor"], w_id, w_exp)

    def encode(self, vertices: Float[Tensor, "B V 3"]) -> dict[str, Tensor]:
        """Return the codes that the network reads from depth images of these meshes, in mm."""
        with torch.no_grad():
            images = self.camera.see(vertices.cpu().numpy(), self.faces.cpu().numpy())
            seen = torch.from_numpy(images).to(self.template)
            w = self.encoder((seen - self.tensors["image_mean"]) / self.image_unit)
            parts = w.split([factor.code_size for factor in self.factors], dim=1)
            codes = {
                factor.name: gaussian.whiten(part)
                for factor, gaussian, part in zip(self.factors, self.gaussians, parts, strict=True)
            }
            return codes | {"noise": w.new_zeros(len(w), self.noise_size)}

    def to(self, device: torch.device | str) -> "MultilinearFaceModel":
        """Return the same model on another device."""
        encoder = self._encoder(self.core, self._header())
        encoder.load_state_dict(self.encoder.state_dict())
        return MultilinearFaceModel(
            self.core.to(device),
            tensors={name: tensor.to(device) for name, tensor in self.tensors.items()},
            gaussians=[gaussian.to(device) for gaussian in self.gaussians],
            encoder=encoder.to(device),
            widths=self.widths,
            camera=self.camera,
            image_unit=self.image_unit,
        )

    def describe(self) -> str:
        """Say which layers stand between codes and mesh."""
        weights = sum(weight.numel() for weight in self.encoder.parameters())
        K, i, j = self.tensors["core_tensor"].shape
        return (
            f"MAE: encoder of {self.camera.size}² depth images with {weights:,} weights; "
            f"tensor {K} × {i} × {j} → {len(self.template):,} × 3"
        )

    def save(self, path: Path) -> None:
        """Write one safetensors file."""
        tensors = {f"tensor.{name}": tensor for name, tensor in self.tensors.items()}
        tensors |= {f"encoder.{name}": w for name, w in self.encoder.named_parameters()}
        for factor, gaussian in zip(self.factors, self.gaussians, strict=True):
            tensors |= {f"gaussian.{factor.name}.{n}": t for n, t in gaussian._asdict().items()}
        write_model(path, MULTILINEAR, self, tensors, self._header())

    def _header(self) -> dict[str, object]:
        return {
            "widths": list(self.widths),
            "hidden": self.encoder.hidden.out_features,
            "image": self.camera.size,
            "image_unit": self.image_unit,
            "camera": [*self.camera.center.tolist(), self.camera.half_extent, self.camera.floor],
        }

    @staticmethod
    def _encoder(core: Core, header: Mapping[str, object]) -> DepthEncoder:
        widths, hidden, size = header["widths"], header["hidden"], header["image"]
        assert isinstance(widths, list)
        assert isinstance(hidden, int)
        assert isinstance(size, int)
        codes = sum(factor.code_size for factor in core.factors)
        rng = torch.Generator()
        return DepthEncoder(size=size, widths=widths, hidden=hidden, codes=codes, rng=rng)

    @classmethod
    def load(cls, path: Path) -> "MultilinearFaceModel":
        """Read a file written by `save`.

        Raises
        ------
        CheckpointError
            The file is of another kind, or damaged.
        """
        stored = read_model(path, MULTILINEAR)
        header = stored.header
        try:
            core = stored.core()
            encoder = cls._encoder(core, header)
            encoder.load_state_dict(stored.below("encoder."))
            x, y, z, half_extent, floor = (float(value) for value in header["camera"])
            model = cls(
                core,
                tensors=stored.below("tensor."),
                gaussians=[
                    CodeGaussian(**stored.below(f"gaussian.{f.name}.")) for f in core.factors
                ],
                encoder=encoder,
                widths=[int(width) for width in header["widths"]],
                camera=DepthCamera(np.array([x, y, z]), half_extent, floor, int(header["image"])),
                image_unit=float(header["image_unit"]),
            )
        except (KeyError, TypeError, ValueError, AssertionError, RuntimeError) as error:
            raise CheckpointError(f"{path}: the face model is incomplete: {error}") from None
        model._check(path)
        return model

    def _check(self, path: Path) -> None:
        V, n, K = len(self.template), self.camera.size, len(self.tensors.get("basis", ()))
        sizes = [factor.code_size for factor in self.factors]
        shapes: dict[str, tuple[int, ...]] = {
            "mean": (V, 3),
            "basis": (K, 3 * V),
            "core_tensor": (K, *sizes),
            "image_mean": (n, n),
        }
        own: dict[str, tuple[Tensor | None, tuple[int, ...]]] = {
            f"tensor.{name}": (self.tensors.get(name), shape) for name, shape in shapes.items()
        }
        for factor, gaussian, d in zip(self.factors, self.gaussians, sizes, strict=True):
            own |= {
                f"gaussian.{factor.name}.mean": (gaussian.mean, (d,)),
                f"gaussian.{factor.name}.spread": (gaussian.spread, (d, d)),
                f"gaussian.{factor.name}.inverse": (gaussian.inverse, (d, d)),
            }
        check_tensors(path, self, own)


def multiply(
    C: Float[Tensor, "K i j"], w_id: Float[Tensor, "B i"], w_exp: Float[Tensor, "B j"]
) -> Float[Tensor, "B K"]:
    """Return `C ×₂ w_id ×₃ w_exp` for a batch."""
    outer = (w_id[:, :, None] * w_exp[:, None, :]).flatten(1)
    return outer @ C.flatten(1).T
