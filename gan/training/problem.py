"""What is frozen before the first step: template, mapping, statistics, images, labels."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gan.cache import cache_folder
from gan.config import Config, FactorConfig
from gan.datasets.label_share import share_of_labels
from gan.datasets.store import Dataset
from gan.errors import DatasetError
from gan.losses.classification import class_weights
from gan.models.face_model import Factor
from gan.parallel import draw_share
from gan.sections import MappingConfig
from gan.training.choices import check_choices
from gan.training.images import RealImages, cached_images
from gan.training.statistics import Statistics, displacement_statistics
from meshkit.nn import AntialiasedMapping, GeometryMapping
from meshkit.param import Parameterization, parameterize
from meshkit.raster import rasterize_uv

TRAIN = 0
MIN_SEEN = 0.5  # share of the vertices that images of this size could show
SHAPED = 0.99  # of the variance between classes, and within, that shaped noise covers
SAMPLES = 3  # along each side of a texel of an antialiased image, unless configured


@dataclass(frozen=True)
class FactorLabels:
    """The labels of one factor over the training split, as indices into its classes or −1."""

    labels: Tensor  # (N,)
    weights: Tensor  # (C,) of the cross entropy
    share: float  # of the training split that carries a label

    @cached_property
    def _by_class(self) -> tuple[Tensor, Tensor, Tensor]:
        """All meshes sorted by label, and where each class begins there, and its size."""
        count = torch.bincount(self.labels[self.labels >= 0], minlength=len(self.weights))
        begin = (self.labels < 0).sum() + count.cumsum(0) - count
        return self.labels.argsort(stable=True), begin, count

    @cached_property
    def even_weights(self) -> Float[Tensor, " C"]:
        """The weights of the cross entropy where all classes come equally often."""
        count = self._by_class[2]
        return self.weights * count * len(count) / count.sum()

    def draw(self, n: int, *, rng: torch.Generator) -> Int[Tensor, " n"]:
        """Return this process's n labelled meshes, all classes equally likely."""
        order, begin, count = self._by_class
        u = draw_share(torch.rand, (n, 2), rng=rng)
        label = _one_of(torch.full_like(u[:, 0], len(count), dtype=torch.int64), u[:, 0])
        return order[begin[label] + _one_of(count[label], u[:, 1])]

    @cached_property
    def _paired(self) -> Int[Tensor, " C"]:
        """The labels of two meshes or more."""
        return torch.nonzero(self._by_class[2] > 1)[:, 0]

    @property
    def has_pairs(self) -> bool:
        """Whether two meshes have one label."""
        return len(self._paired) > 0

    def draw_pairs(self, n: int, *, rng: torch.Generator) -> Int[Tensor, " two_n"]:
        """Return this process's n pairs of different meshes of one label: firsts, then seconds."""
        order, begin, count = self._by_class
        u = draw_share(torch.rand, (n, 3), rng=rng)
        label = self._paired[
            _one_of(torch.full_like(u[:, 0], len(self._paired), dtype=torch.int64), u[:, 0])
        ]
        size = count[label]
        first = _one_of(size, u[:, 1])
        second = (first + 1 + _one_of(size - 1, u[:, 2])) % size
        return order[torch.cat([begin[label] + first, begin[label] + second])]


@dataclass(frozen=True)
class Problem:
    """Everything that a data set and a configuration fix for the whole training."""

    factors: tuple[Factor, ...]
    labels: dict[str, FactorLabels]
    template: np.ndarray  # (V, 3) mm
    faces: np.ndarray  # (T, 3)
    UV: np.ndarray  # (V, 2)
    statistics: Statistics
    images: RealImages
    mapping: GeometryMapping
    offset: Tensor  # (n², 3): the normalised image of the template itself
    shapes: tuple[Tensor, Tensor]  # (k, 3 n²): directions of shaped noise in normalised images,
    # between the classes of the first factor and within; k = 0 without such noise
    half_height: float  # mm
    indices: np.ndarray  # of the training meshes in the data set
    landmarks: np.ndarray | None  # (68,) vertices
    fingerprint: str


def prepare(dataset: Dataset, config: Config, device: torch.device) -> Problem:
    """Flatten the template, map the real faces, gather statistics and labels.

    Raises
    ------
    ConfigError
        A plug-in, or an option of one, is not known.
    DatasetError
        The data set has no training split, or a factor without labels or with one class; images
        miss most vertices.
    MeshError
        The template cannot be flattened.
    """
    check_choices(config)
    indices = _training_meshes(dataset, config.training.batch)
    factors, classes = _factors(dataset, config, indices)
    flat, mapping = _flatten(dataset, config.mapping)
    check_seen(mapping)
    folder = cache_folder() / dataset.fingerprint[:16]
    folder.mkdir(exist_ok=True)
    raw = cached_images(dataset, indices, mapping.matrix(), config.mapping.size, folder)
    images, mapping = RealImages(raw, device), mapping.to(device)
    template = dataset.template.astype(np.float64)
    on_device = torch.from_numpy(template).float().to(device)
    plain = {name: labels.numpy() for name, labels in classes.items()}
    statistics = displacement_statistics(dataset, indices, plain, config.generator.hidden, folder)
    noise, unit = config.discriminator, statistics.scale / images.deviation
    return Problem(
        factors=factors,
        labels=_tables(config.factors, classes, device),
        template=template,
        faces=dataset.faces.astype(np.int64),
        UV=flat.UV,
        statistics=statistics,
        images=images,
        mapping=mapping,
        offset=(mapping(on_device) - images.mean.flatten(1).T) / images.deviation,
        shapes=(
            _noise_shapes(
                statistics.between, mapping, unit, noise.shaped_noise + noise.labelled_noise
            ),
            _noise_shapes(statistics.within, mapping, unit, noise.shaped_noise),
        ),
        half_height=float(np.ptp(template[:, 1]) / 2),
        indices=indices,
        landmarks=dataset.landmarks,
        fingerprint=dataset.fingerprint,
    )


def _one_of(n: Int[Tensor, " k"], u: Float[Tensor, " k"]) -> Int[Tensor, " k"]:
    """Return floor(n u), 0 … n − 1 also where the product rounds to n."""
    return torch.minimum((n * u).long(), n - 1)


def seen_vertices(mapping: GeometryMapping) -> tuple[int, float]:
    """Return how many vertices reach a texel, and their share of those that could at this size."""
    S = mapping.matrix()
    rows, n = S.shape
    seen = int((np.diff(S.tocsc().indptr) > 0).sum())
    of_a_texel = int(np.diff(S.tocsr().indptr).max())  # 3, or more in the mean of k² samples
    return seen, seen / min(n, of_a_texel * rows)


def check_seen(mapping: GeometryMapping) -> None:
    """Raise DatasetError where the images miss most of the surface."""
    seen, share = seen_vertices(mapping)
    if share < MIN_SEEN:
        H, W = mapping.resolution
        raise DatasetError(
            f"images of {H} x {W} texels show {seen:,} of {mapping.shape[1]:,} vertices, "
            f"{share:.0%} of those that they could: the discriminator would not see the rest",
            remedy="show-vertices",
        )


def _noise_shapes(
    components: Float[np.ndarray, "K n"], mapping: GeometryMapping, unit: float, wanted: float
) -> Float[Tensor, "k p"]:
    """Return the images of components, of `unit` normalised units; none if no noise is wanted.

    Those of little variance are left out: they cost time, and white noise covers them.
    """
    pixels, n = mapping.shape
    device = next(mapping.buffers()).device
    if not wanted:
        return torch.empty((0, 3 * pixels), device=device)
    variance = np.square(components, dtype=np.float64).sum(axis=1)
    k = 1 + int((variance.cumsum() < SHAPED * variance.sum()).sum())
    directions = torch.from_numpy(components[:k]).to(device)
    images = mapping(directions.T.reshape(n, -1))  # (n², 3 k)
    shapes: Tensor = unit * images.view(pixels, 3, -1).permute(2, 1, 0).flatten(1)
    return shapes


def _training_meshes(dataset: Dataset, batch: int) -> np.ndarray:
    """Return the rows of the training split; refuse fewer than a batch."""
    indices = np.flatnonzero(dataset.split == TRAIN)
    if len(indices) < batch:
        raise DatasetError(
            f"{dataset.path}: {len(indices)} training meshes, fewer than a batch of {batch}; use "
            "more data, or a smaller training.batch"
        )
    return indices


def _flatten(dataset: Dataset, settings: MappingConfig) -> tuple[Parameterization, GeometryMapping]:
    """Return the flat map of the template and the layer from meshes to images."""
    template, faces = dataset.template.astype(np.float64), dataset.faces.astype(np.int64)
    n = settings.size * _samples(settings)
    size = (n, n) if settings.balance else None
    flat = parameterize(template, faces, weights=settings.weights, fill_holes=True, balance=size)
    return flat, image_mapping(flat, settings, len(template))


def image_mapping(
    flat: Parameterization, settings: MappingConfig, n_vertices: int
) -> GeometryMapping:
    """Return the layer from meshes to images; warn if faces of the flat map lie on each other."""
    n = settings.size
    if len(flat.flips):
        warnings.warn(
            f"mapping.weights = {settings.weights!r}: {len(flat.flips)} faces of the flat map are "
            "flipped, and hide others; 'auto' leaves none",
            stacklevel=2,
        )
    if settings.name == "plain":
        return GeometryMapping(flat.F, rasterize_uv(flat.UV, flat.F, (n, n)), n_vertices)
    k = _samples(settings)
    fine = rasterize_uv(flat.UV, flat.F, (n * k, n * k))
    return AntialiasedMapping(flat.F, fine, n_vertices, k)


def _samples(settings: MappingConfig) -> int:
    """Return how many samples a texel has along each side."""
    return 1 if settings.name == "plain" else settings.samples or SAMPLES


def _factors(
    dataset: Dataset, config: Config, indices: np.ndarray
) -> tuple[tuple[Factor, ...], dict[str, Tensor]]:
    """Keep the classes that occur in training; renumber the labels, of which a share is seen."""
    factors, table = [], {}
    for factor in config.factors:
        if factor.name not in dataset.labels:
            known = ", ".join(dataset.labels) or "none"
            raise DatasetError(f"{dataset.path}: no labels for {factor.name!r}; it has {known}")
        labels = dataset.labels[factor.name][indices].astype(np.int64)
        present = np.unique(labels[labels >= 0])
        if len(present) < 2:
            classes_there = f"{len(present)} class" if len(present) else "no labelled mesh"
            raise DatasetError(
                f"{dataset.path}: {factor.name!r} has {classes_there} in the training split; "
                "a factor needs two classes or more"
            )
        names = dataset.names[factor.name]
        renumber = np.full(len(names) + 1, -1)  # the last entry serves the label −1
        renumber[present] = np.arange(len(present))
        classes = tuple(names[c] for c in present)
        seen = share_of_labels(
            renumber[labels], classes, factor.label_share, seed=config.training.seed
        )
        table[factor.name] = torch.from_numpy(seen)
        factors.append(Factor(factor.name, factor.code_size, classes))
    return tuple(factors), table


def _tables(
    factors: Sequence[FactorConfig], classes: dict[str, Tensor], device: torch.device
) -> dict[str, FactorLabels]:
    """Weigh the classes by their shares of the labelled meshes."""
    tables = {}
    for factor in factors:
        labels = classes[factor.name]
        weights = torch.ones(int(labels.max()) + 1)
        if factor.balance == "uniform":
            weights = class_weights(labels, len(weights))
        share = float((labels >= 0).double().mean())
        tables[factor.name] = FactorLabels(labels.to(device), weights.to(device), share)
    return tables
