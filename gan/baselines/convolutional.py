"""What baselines with mesh convolutions share: configuration, units, the network of their data."""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from gan.baselines.config import TrainedConfig
from gan.baselines.faces import LabelledFaces
from gan.baselines.mesh_network import Architecture, MeshAutoencoder, level_sizes
from gan.models.contract import Core
from gan.models.files import above, below, load_weights
from gan.sections import Count, Positive
from meshkit.operators.pooling import pooling_levels

_BLOCK = 32
_HELD_OUT = 64  # validation meshes
_MIN_UNIT = 1e-2  # unit of a coordinate, over the mean deviation


class ConvolutionalConfig(TrainedConfig):
    """CoMA's network, and how it descends."""

    epochs: Count = 300
    batch: Annotated[int, Field(ge=2)] = 16
    optimizer: Literal["sgd", "adam"] = "adam"
    rate: Positive = 1e-3
    decay: Annotated[float, Field(gt=0, le=1)] = 0.99
    filters: Annotated[tuple[Count, ...], Field(min_length=1)] = (16, 16, 16, 32)
    terms: Annotated[int, Field(ge=1, le=32)] = 6  # of each Chebyshev polynomial
    pooling: Annotated[int, Field(ge=2)] = 4  # vertices before over vertices after


def architecture_of(
    faces: LabelledFaces, config: ConvolutionalConfig, *, code: int
) -> Architecture:
    """Return the network for the meshes of a data set; its levels keep the template's form."""
    template = faces.dataset.template.astype(np.float64)
    sizes = level_sizes(len(template), config.pooling, len(config.filters))
    return Architecture(
        faces.dataset.faces,
        len(template),
        pooling_levels(template, faces.dataset.faces, sizes),
        code=code,
        filters=config.filters,
        terms=config.terms,
    )


def stored_network(architecture: Architecture, network: MeshAutoencoder) -> dict[str, Tensor]:
    """Return the tensors of a network and of its levels, as `restored_network` reads them."""
    weights = {name: weight.detach() for name, weight in network.named_parameters()}
    return above(weights, "network.") | architecture.tensors()


def restored_network(
    core: Core, header: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> tuple[Architecture, MeshAutoencoder]:
    """Return a network from a model's file; KeyError or ValueError if it is damaged."""
    architecture = Architecture.read(core.faces, len(core.template), header, tensors)
    network = architecture.build(torch.Generator())
    load_weights(network, below(tensors, "network."))
    return architecture, network.to(core.template.device)


class Units(NamedTuple):
    """Mean and deviation of every coordinate, in mm: the network sees `(x − rest) / unit`.

    No unit is less than a hundredth of the mean deviation: what never moves is left alone, not
    blown up.
    """

    rest: Float[Tensor, "V 3"]
    unit: Float[Tensor, "V 3"]


def coordinate_units(
    read: Callable[[Int[np.ndarray, " k"]], np.ndarray], n: int, advance: Callable[[int], None]
) -> Units:
    """Measure the units of n signals on vertices, (k, V, 3) in mm, which `read` returns."""
    total, squares = np.zeros(1), np.zeros(1)
    for block in blocks(np.arange(n)):
        D = read(block).astype(np.float64)
        total = total + D.sum(axis=0)
        squares = squares + np.square(D).sum(axis=0)
        advance(len(block))
    mean = total / n
    deviation = np.sqrt((squares / n - mean**2).clip(0))
    unit = np.maximum(deviation, _MIN_UNIT * np.sqrt(np.square(deviation).mean()))
    return Units(torch.from_numpy(mean).float(), torch.from_numpy(unit).float())


def held_out_distance(
    network: MeshAutoencoder,
    unit: Float[Tensor, "V 3"],
    normalised: Callable[[LabelledFaces, Int[np.ndarray, " k"]], Tensor],
    faces: LabelledFaces | None,
) -> float | None:
    """Return the mean vertex distance, in mm, of validation meshes from what the network makes."""
    if faces is None:
        return None
    errors = []
    for block in blocks(faces.spread(_HELD_OUT)):
        with torch.no_grad():
            x = normalised(faces, block)
            d = (network(x) - x) * unit
        errors.append(d.norm(dim=2).mean(dim=1))
    return float(torch.cat(errors).mean())


def blocks(which: Int[np.ndarray, " k"]) -> Iterator[Int[np.ndarray, " _"]]:
    """Yield numbers of meshes, as many at once as a network takes."""
    for start in range(0, len(which), _BLOCK):
        yield which[start : start + _BLOCK]
