"""CoMA's network: Chebyshev convolutions between meshes of falling and rising resolution."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as nnf
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils import skip_init

from gan.baselines.chebyshev import ChebyshevConvolution, scaled_laplacian
from meshkit.nn import SparseOperator
from meshkit.operators.pooling import Pooling


def level_sizes(n: int, factor: int, levels: int) -> list[int]:
    """Return how many vertices each coarser mesh has: `factor` times fewer, rounded up."""
    sizes = []
    for _ in range(levels):
        n = -(-n // factor)
        sizes.append(n)
    return sizes


class MeshAutoencoder(nn.Module):
    """From displacements on vertices to a linear code and back, in normalised units.

    Encoder: a convolution, ReLU and down-sampling for every filter count, then a linear layer to
    the code. Decoder: a linear layer and ReLU, then up-sampling, convolution and ReLU for the
    counts in reverse, and a last convolution to three channels without bias.

    Parameters
    ----------
    F, n
        The faces and the number of vertices of the finest mesh.
    levels
        One for each filter count.

    References
    ----------
    Ranjan, Bolkart, Sanyal, Black, Generating 3D faces using convolutional mesh autoencoders, ECCV
    2018, Section 4; the code is linear here, so that it can be negative.
    """

    def __init__(
        self,
        F: Int[np.ndarray, "m 3"],
        n: int,
        levels: Sequence[Pooling],
        *,
        code: int,
        filters: Sequence[int] = (16, 16, 16, 32),
        terms: int = 6,
        rng: torch.Generator,
    ) -> None:
        super().__init__()
        if len(levels) != len(filters):
            raise ValueError(f"{len(filters)} filter counts for {len(levels)} levels")
        sizes = [n, *(len(level.kept) for level in levels)]
        faces = [F, *(level.F for level in levels)]
        self.laplacians = nn.ModuleList(
            SparseOperator(scaled_laplacian(f, size)) for f, size in zip(faces, sizes, strict=True)
        )
        self.down = nn.ModuleList(SparseOperator(level.down) for level in levels)
        self.up = nn.ModuleList(SparseOperator(level.up) for level in levels)

        def convolution(level: int, a: int, b: int, *, bias: bool = True) -> ChebyshevConvolution:
            laplacian = self.laplacians[level]
            assert isinstance(laplacian, SparseOperator)
            return ChebyshevConvolution(laplacian, a, b, terms=terms, bias=bias, rng=rng)

        widths = [3, *filters]
        self.encoder = nn.ModuleList(
            convolution(k, a, b) for k, (a, b) in enumerate(pairwise(widths))
        )
        # Backwards: the coarsest convolution keeps its channels, the others follow the filters.
        back = [filters[-1], *reversed(filters)]
        self.decoder = nn.ModuleList(
            convolution(len(filters) - 1 - k, a, b) for k, (a, b) in enumerate(pairwise(back))
        )
        self.last = convolution(0, filters[0], 3, bias=False)
        self.coarsest = (sizes[-1], filters[-1])
        self.to_code = _linear(sizes[-1] * filters[-1], code, rng)
        self.from_code = _linear(code, sizes[-1] * filters[-1], rng)

    def encode(self, x: Float[Tensor, "B n 3"]) -> Float[Tensor, "B d"]:
        """Return raw codes of normalised displacements."""
        code: Tensor = self.to_code(self.features(x))
        return code

    def features(self, x: Float[Tensor, "B n 3"]) -> Float[Tensor, "B f"]:
        """Return what the last layer of the encoder sees."""
        h = x.transpose(0, 1).contiguous()
        for convolution, down in zip(self.encoder, self.down, strict=True):
            h = _resample(down, nnf.relu(convolution(h)))
        return h.transpose(0, 1).flatten(1)

    def decode(self, w: Float[Tensor, "B d"]) -> Float[Tensor, "B n 3"]:
        """Return normalised displacements of raw codes."""
        h = nnf.relu(self.from_code(w)).view(len(w), *self.coarsest).transpose(0, 1).contiguous()
        for convolution, up in zip(self.decoder, reversed(list(self.up)), strict=True):
            h = nnf.relu(convolution(_resample(up, h)))
        x: Tensor = self.last(h)
        return x.transpose(0, 1)

    def forward(self, x: Float[Tensor, "B n 3"]) -> Float[Tensor, "B n 3"]:
        """Return what is left of normalised displacements after the code."""
        return self.decode(self.encode(x))


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

    def sizes(self) -> list[int]:
        """Return the vertices of every mesh, the coarsest first."""
        return [*(len(level.kept) for level in reversed(self.levels)), self.n_vertices]

    def header(self) -> dict[str, Any]:
        """Return what is not a tensor."""
        return {"code": self.code, "filters": list(self.filters), "terms": self.terms}

    def tensors(self) -> dict[str, Tensor]:
        """Return the pooling of every level; the matrix down follows from the vertices kept."""
        tensors: dict[str, Tensor] = {}
        for k, level in enumerate(self.levels):
            parts = {
                "kept": level.kept,
                "F": level.F,
                "indptr": level.up.indptr.astype(np.int64),
                "indices": level.up.indices.astype(np.int64),
                "data": level.up.data,
            }
            tensors |= {f"level{k}.{name}": torch.from_numpy(a) for name, a in parts.items()}
        return tensors

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
                tensors[f"level{k}.{name}"].cpu().numpy()
                for name in ("kept", "F", "indptr", "indices", "data")
            )
            size = len(kept)
            up = sp.csr_array((data, indices, indptr), shape=(n, size))
            up.check_format()
            down = sp.csr_array((np.ones(size), (np.arange(size), kept)), shape=(size, n))
            levels.append(Pooling(kept, F, down, up))
            n = size
        return cls(
            faces.cpu().numpy(),
            n_vertices,
            levels,
            code=int(header["code"]),
            filters=[int(x) for x in header["filters"]],
            terms=int(header["terms"]),
        )


def _resample(operator: nn.Module, h: Tensor) -> Tensor:
    n, B, channels = h.shape
    y: Tensor = operator(h.reshape(n, B * channels))
    return y.view(-1, B, channels)


def _linear(incoming: int, outgoing: int, rng: torch.Generator) -> nn.Linear:
    layer: nn.Linear = skip_init(nn.Linear, incoming, outgoing)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(outgoing, incoming, generator=rng) / incoming**0.5)
        layer.bias.zero_()
    return layer
