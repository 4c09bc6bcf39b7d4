"""DeepFLAME: components for identity, CoMA's mesh autoencoder for expressions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from jaxtyping import Float
from torch import Tensor

from gan.baselines.components import CodeGaussian
from gan.baselines.mesh_network import MeshAutoencoder
from gan.errors import CheckpointError
from gan.models.contract import PRIOR, Core, FaceGenerator
from gan.models.files import CONVOLUTIONAL, check_tensors, read_model, write_model
from meshkit.errors import MeshError
from meshkit.operators.pooling import Pooling

ROUNDS = 3  # of `encode`: identity given the expression, expression given the identity


class Architecture:
    """What a mesh autoencoder is built from, apart from its weights; it can be stored."""

    def __init__(
        self,
        faces: np.ndarray,
        n_vertices: int,
        levels: Sequence[Pooling],
        *,
        code: int,
        filters: Sequence[int],
        terms: int,
    ) -> None:
        self.faces, self.n_vertices, self.levels = faces, n_vertices, tuple(levels)
        self.code, self.filters, self.terms = code, tuple(filters), terms

    def build(self, rng: torch.Generator) -> MeshAutoencoder:
        """Return a network with random weights."""
        return MeshAutoencoder(
            self.faces,
            self.n_vertices,
            self.levels,
            code=self.code,
            filters=self.filters,
            terms=self.terms,
            rng=rng,
        )

    def header(self) -> dict[str, Any]:
        """Return what is not a tensor."""
        return {"code": self.code, "filters": list(self.filters), "terms": self.terms}

    def tensors(self) -> dict[str, Tensor]:
        """Return the pooling of every level; the matrix down follows from the vertices kept."""
        found: dict[str, Tensor] = {}
        for k, level in enumerate(self.levels):
            parts = {
                "kept": level.kept,
                "F": level.F,
                "indptr": level.up.indptr.astype(np.int64),
                "indices": level.up.indices.astype(np.int64),
                "data": level.up.data,
            }
            found |= {f"level{k}.{name}": torch.from_numpy(a) for name, a in parts.items()}
        return found

    @classmethod
    def read(
        cls,
        faces: Tensor,
        n_vertices: int,
        header: Mapping[str, Any],
        tensors: Mapping[str, Tensor],
    ) -> "Architecture":
        """Return what `header` and `tensors` gave; KeyError or ValueError if they are damaged."""
        levels, n = [], n_vertices
        for k in range(len(header["filters"])):
            kept, F, indptr, indices, data = (
                tensors[f"level{k}.{name}"].numpy()
                for name in ("kept", "F", "indptr", "indices", "data")
            )
            size = len(kept)
            up = sp.csr_array((data, indices, indptr), shape=(n, size))
            up.check_format()
            down = sp.csr_array((np.ones(size), (np.arange(size), kept)), shape=(size, n))
            levels.append(Pooling(kept, F, down, up))
            n = size
        return cls(
            faces.numpy(),
            n_vertices,
            levels,
            code=int(header["code"]),
            filters=[int(x) for x in header["filters"]],
            terms=int(header["terms"]),
        )


class ConvolutionalFaceModel(FaceGenerator):
    """`X = mean + a P + unit ⊙ D(w) + rest`: a linear person, and an autoencoder's expression.

    Attributes
    ----------
    mean : (V, 3), mm
        The mean neutral face.
    identity : (d_id, 3V), mm
        Components times their deviations; the identity code a is N(0, I).
    nuisance : (d_exp, 3V), mm
        Linear expression components, with which `encode` first finds out whose face it is.
    rest, unit : (V, 3), mm
        Mean and deviation of each coordinate of the expression displacements.
    gaussian : CodeGaussian
        Of the raw expression codes w of the training faces; the expression code is N(0, I).
    network : MeshAutoencoder
    architecture : Architecture

    References
    ----------
    Ranjan, Bolkart, Sanyal, Black, Generating 3D faces using convolutional mesh autoencoders, ECCV
    2018, Section 6.3 (DeepFLAME).
    """

    def __init__(
        self,
        core: Core,
        *,
        fields: Mapping[str, Tensor],
        gaussian: CodeGaussian,
        network: MeshAutoencoder,
        architecture: Architecture,
    ) -> None:
        super().__init__(core)
        self.fields = dict(fields)  # mean, identity, nuisance, rest, unit
        self.gaussian, self.network, self.architecture = gaussian, network, architecture
        self.network.requires_grad_(False)

    @property
    def _names(self) -> tuple[str, str]:
        identity, expression = self.factors
        return identity.name, expression.name

    def decode(self, codes: Mapping[str, Tensor]) -> Float[Tensor, "B V 3"]:
        """Generate the meshes of a batch of codes, in mm; differentiable in the codes."""
        identity, expression = self._names
        return self._person(codes[identity]) + self._expression(codes[expression])

    def encode(
        self, vertices: Float[Tensor, "B V 3"], *, prior: float = PRIOR
    ) -> dict[str, Tensor]:
        """Return codes whose meshes are near these.

        The autoencoder sees displacements from a neutral face, which is not known. So identity and
        linear expression components are fitted at once, and it encodes the expression part (what
        it has never seen, details of a new person, would lead it astray). Then, in three rounds,
        the identity is fitted to what the autoencoder's expression leaves, and the expression
        anew; a face keeps the codes of the round that came nearest.

        Parameters
        ----------
        vertices : mm
        prior : mm²
            λ of the least squares.
        """
        identity, expression = self._names
        with torch.no_grad():
            P, N = self.fields["identity"], self.fields["nuisance"]
            d = (vertices - self.fields["mean"]).flatten(1)
            offset = d - self.fields["rest"].flatten()
            linear = _least_squares(torch.cat([P, N]), offset, prior)
            a, shown = linear[:, : len(P)], linear[:, len(P) :]
            best = d.new_full((len(d), 1), torch.inf)
            found = (a, torch.zeros_like(shown))
            for _ in range(ROUNDS):
                b = self._read(shown)
                left = d - self._expression(b).flatten(1)
                a = _least_squares(P, left, prior)
                everything = torch.cat([left - a @ P, prior**0.5 * a, prior**0.5 * b], dim=1)
                cost = everything.square().sum(dim=1, keepdim=True)
                found = (
                    torch.where(cost < best, a, found[0]),
                    torch.where(cost < best, b, found[1]),
                )
                best = torch.minimum(best, cost)
                shown = _least_squares(N, offset - a @ P, prior)
            empty = d.new_zeros(len(d), self.noise_size)
            return {identity: found[0], expression: found[1], "noise": empty}

    def _read(self, shown: Tensor) -> Tensor:
        """Return the expression codes of linear expression coefficients."""
        x = (shown @ self.fields["nuisance"]).view(len(shown), -1, 3)
        return self.gaussian.whiten(self.network.encode(x / self.fields["unit"]))

    def _person(self, a: Tensor) -> Tensor:
        return self.fields["mean"] + (a @ self.fields["identity"]).view(len(a), -1, 3)

    def _expression(self, b: Tensor) -> Tensor:
        x = self.network.decode(self.gaussian.color(b))
        return self.fields["rest"] + self.fields["unit"] * x

    def to(self, device: torch.device | str) -> "ConvolutionalFaceModel":
        """Return the same model on another device."""
        network = self.architecture.build(torch.Generator())
        network.load_state_dict(self.network.state_dict())
        return ConvolutionalFaceModel(
            self.core.to(device),
            fields={name: field.to(device) for name, field in self.fields.items()},
            gaussian=self.gaussian.to(device),
            network=network.to(device),
            architecture=self.architecture,
        )

    def describe(self) -> str:
        """Say which layers stand between codes and mesh."""
        weights = sum(weight.numel() for weight in self.network.parameters())
        sizes = " → ".join(f"{n:,}" for n in self._sizes())
        people = int((self.fields["identity"] != 0).any(dim=1).sum())
        return (
            f"DeepFLAME: {people} identity components; CoMA autoencoder of expressions with "
            f"{weights:,} weights, {sizes} vertices"
        )

    def _sizes(self) -> list[int]:
        levels = [len(level.kept) for level in self.architecture.levels]
        return [*reversed(levels), len(self.template)]

    def save(self, path: Path) -> None:
        """Write one safetensors file."""
        tensors = {f"field.{name}": field for name, field in self.fields.items()}
        tensors |= {f"network.{name}": w for name, w in self.network.named_parameters()}
        tensors |= {f"gaussian.{n}": t for n, t in self.gaussian._asdict().items()}
        tensors |= self.architecture.tensors()
        write_model(path, CONVOLUTIONAL, self, tensors, self.architecture.header())

    @classmethod
    def load(cls, path: Path) -> "ConvolutionalFaceModel":
        """Read a file written by `save`.

        Raises
        ------
        CheckpointError
            The file is of another kind, or damaged.
        """
        stored = read_model(path, CONVOLUTIONAL)
        try:
            core = stored.core()
            architecture = Architecture.read(
                core.faces, len(core.template), stored.header, stored.tensors
            )
            network = architecture.build(torch.Generator())
            weights = dict(network.named_parameters())
            found = stored.below("network.")
            if weights.keys() != found.keys():
                raise ValueError("the network's layers are others")
            with torch.no_grad():
                for name, weight in weights.items():
                    if weight.shape != found[name].shape:
                        raise ValueError(f"{name} has another shape")
                    weight.copy_(found[name])
            model = cls(
                core,
                fields=stored.below("field."),
                gaussian=CodeGaussian(**stored.below("gaussian.")),
                network=network,
                architecture=architecture,
            )
            identity, expression = model.factors
        except (KeyError, TypeError, ValueError, IndexError, MeshError) as error:
            raise CheckpointError(f"{path}: the face model is incomplete: {error}") from None
        V, d = len(model.template), expression.code_size
        shapes = {
            "mean": (V, 3),
            "rest": (V, 3),
            "unit": (V, 3),
            "identity": (identity.code_size, 3 * V),
            "nuisance": (d, 3 * V),
        }
        own: dict[str, tuple[Tensor | None, tuple[int, ...]]] = {
            f"field.{name}": (model.fields.get(name), shape) for name, shape in shapes.items()
        }
        own |= {
            "gaussian.mean": (model.gaussian.mean, (d,)),
            "gaussian.spread": (model.gaussian.spread, (d, d)),
            "gaussian.inverse": (model.gaussian.inverse, (d, d)),
        }
        check_tensors(path, model, own)
        return model


def _least_squares(B: Tensor, d: Tensor, prior: float) -> Tensor:
    """Solve `min_z ‖z B − d‖² + prior ‖z‖²` for every row of d."""
    basis = B.double()
    A = basis @ basis.T + prior * torch.eye(len(B), dtype=basis.dtype, device=B.device)
    solution: Tensor = torch.linalg.solve(A, basis @ d.double().T)
    return solution.T.to(d.dtype)
