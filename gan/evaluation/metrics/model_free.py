"""The model-free check: which part of a face each code moves.

A source of data with linear modes says what belongs to identity and what to expression without any
trained judge. Displacements are split by joint least squares into a part in the identity modes, a
part in the expression modes and the rest; then one code at a time is held fixed and the variance
that goes away is counted. In a decoupled model a part is explained by its own code alone.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple, final

import numpy as np
import torch
from jaxtyping import Float, Int

from gan.datasets.modes import ALONG, REST, ModeSplit
from gan.evaluation.estimate import Estimate, interval, resampled_ratios
from gan.evaluation.generated import decode_blocks, share_code
from gan.evaluation.metric import (
    METRICS,
    AbstractMetric,
    Column,
    Context,
    Matrix,
    Measured,
)
from gan.evaluation.nearest import Read
from gan.evaluation.variance import Components, can_split, variance_components
from gan.models.contract import FaceGenerator

_BATCHES, _BATCH_GROUPS = 10, 50  # at least, of at most: estimates behind a standard error
_DUST = 1e-6  # share of the total variance below which a part is rounding, which nothing explains
_TITLES = {
    "model": "what each code moves",
    "training": "what the labels of the training set tell",
}


@final
@METRICS.register("model-free")
class ModelFree(AbstractMetric):
    """Which part of a face each code moves, by the modes of the data's source: no trained judge.

    "own" is the share of the variance of a factor's part that its own code explains, "leak" the
    most that any other code does; held against what the labels of the training set tell.
    """

    unit = "%"
    meaning = "variance of a factor's part of the faces that its own code, or another, explains"
    needs = ("codes", "modes")
    columns = (
        Column(
            "own.{factor}",
            "own-{short}",
            "model, {factor}, own",
            "training, {factor}, own",
            better="higher",
            meaning="variance of the {factor} part that the {factor} code (label) explains, by the "
            "modes of the data's source",
        ),
        Column(
            "leak.{factor}",
            "leak-{short}",
            "model, {factor}, leak",
            "training, {factor}, leak",
            better="lower",
            meaning="most of that variance that any other code explains: what leaks into the "
            "{factor}",
        ),
    )
    by_default = "always"
    place = 40

    def measure(self, context: Context, *, rng: torch.Generator) -> Measured:
        """Return own and leak of every factor that has modes, and all shares as matrices."""
        split = ModeSplit(context.modes)
        groups = max(20, context.n_samples // 2)
        decompositions = {
            "model": decompose_model(
                context.model, split, groups=groups, rng=context.torch_rng("decomposition")
            )
        }
        if context.labels:
            decompositions["training"] = decompose_collection(
                context.read, context.labels, split, context.dataset.template
            )
        return measured(decompositions)


class PartShares(NamedTuple):
    """One part of the displacements: how large it is, and what explains it.

    Attributes
    ----------
    variance : mm² per vertex
    explained : 1
        For each code (or label), the share of the variance that goes away when it is held fixed.
    """

    variance: float
    explained: dict[str, Estimate]


class Decomposition(NamedTuple):
    """What each code moves.

    Attributes
    ----------
    parts
        For each factor that has modes, and "rest".
    total : mm² per vertex
        Variance of the whole displacement. Parts overlap where modes of two factors do, so their
        variances need not add up to it; `outside` is exact.
    outside : 1
        The share of the total variance that lies in no mode.
    """

    parts: dict[str, PartShares]
    total: float
    outside: float


def decompose_model(
    model: FaceGenerator,
    split: ModeSplit,
    *,
    groups: int,
    size: int = 4,
    rng: torch.Generator,
) -> Decomposition:
    """Split what a model generates; hold one code at a time fixed, the noise included.

    Parameters
    ----------
    groups, size
        For each code: so many values of it, each with so many draws of all the others. Few draws
        of many values serve best. Rounded up to fill at least ten batches of two.
    """
    names = [factor.name for factor in model.factors] + ["noise"] * (model.noise_size > 0)
    batches = max(_BATCHES, -(-groups // _BATCH_GROUPS))
    per_batch = max(2, -(-groups // batches))
    by_code: dict[str, list[dict[str, Components]]] = {name: [] for name in names}
    template = model.template.cpu().numpy()
    group = np.repeat(np.arange(per_batch), size)
    for name in names:
        for _ in range(batches):
            codes = share_code(model.sample_codes(per_batch * size, rng=rng), name, size)
            D = np.concatenate([X - template for X in decode_blocks(model, codes)])
            by_code[name].append(
                {part: variance_components(Y, group) for part, Y in split(D).items()}
            )
    variance, explained = {}, {}
    for part in (*split.names, ALONG):
        everything = [batch[part] for parts in by_code.values() for batch in parts]
        variance[part] = float(np.mean([components.total for components in everything]))
        explained[part] = {
            code: _share([batch[part] for batch in parts]) for code, parts in by_code.items()
        }
    return _summarise(variance, explained, split)


def decompose_collection(
    read: Read,
    labels: Mapping[str, Int[np.ndarray, " n"]],
    split: ModeSplit,
    template: Float[np.ndarray, "V 3"],
    *,
    block: int = 64,
) -> Decomposition:
    """Split the meshes of a collection; hold one label at a time fixed.

    What a label leaves (style, intensity) is not its code's fault: the shares of the training set
    say how much a perfect model could explain by codes that stand for labels alone. Here the
    classes are all there are, not a sample, so a share is that of the collection's own variance
    (the adjusted R²).

    Parameters
    ----------
    labels
        Factor to class of each mesh, -1: unlabelled. Labels of a single class, or that no two
        meshes share, explain nothing that could be told and are left out.
    """
    n = len(next(iter(labels.values())))
    coordinates: dict[str, list[np.ndarray]] = {}
    rest = _Moments()
    for start in range(0, n, block):
        parts = split(read(np.arange(start, min(start + block, n))) - template)
        rest.add(parts.pop(REST))
        for name, Y in parts.items():
            coordinates.setdefault(name, []).append(Y)
    variance, explained = {REST: rest.variance}, dict[str, dict[str, Estimate]]()
    for name, blocks in coordinates.items():
        Y = np.concatenate(blocks)
        variance[name] = float(Y.var(axis=0, ddof=1).sum())
        explained[name] = {}
        for factor, label in labels.items():
            rows = np.flatnonzero(label >= 0)
            if can_split(label[rows]):
                within = variance_components(Y[rows], label[rows]).within
                total = float(Y[rows].var(axis=0, ddof=1).sum())
                share = 1 - within / total if total > 0 else math.nan
                explained[name][factor] = Estimate(share, math.nan, len(rows))
    return _summarise(variance, explained, split)


class _Moments:
    """The total variance of vectors that come in blocks."""

    def __init__(self) -> None:
        self.n, self.sum, self.square = 0, np.zeros(1), 0.0

    def add(self, Y: np.ndarray) -> None:
        self.n += len(Y)
        self.sum = self.sum + Y.sum(axis=0)
        self.square += float(np.square(Y).sum())

    @property
    def variance(self) -> float:
        return (self.square - float(np.square(self.sum).sum()) / self.n) / (self.n - 1)


def _summarise(
    variance: Mapping[str, float],
    explained: Mapping[str, dict[str, Estimate]],
    split: ModeSplit,
) -> Decomposition:
    parts = {
        name: PartShares(variance[name] / split.n_vertices, explained.get(name, {}))
        for name in split.names
    }
    total = variance[ALONG] + variance[REST]
    outside = variance[REST] / total if total > 0 else math.nan
    return Decomposition(parts, total / split.n_vertices, outside)


def _share(batches: list[Components]) -> Estimate:
    """Pool batches to one share; its standard error by the jackknife over batches."""
    between = np.array([b.between for b in batches])
    total = np.array([b.total for b in batches])
    if not total.sum() > 0:
        return Estimate(math.nan, math.nan, len(batches))
    without = (between.sum() - between) / (total.sum() - total)
    n = len(batches)
    error = np.sqrt((n - 1) / n * np.square(without - without.mean()).sum())
    bounds = interval(resampled_ratios(between, total))
    return Estimate(float(between.sum() / total.sum()), float(error), n, *bounds, "batches")


def measured(decompositions: Mapping[str, Decomposition]) -> Measured:
    """Return decompositions of "model" and "training" as what the metric found."""
    values = dict[str, Estimate]()
    for who, decomposition in decompositions.items():
        for factor, part in decomposition.parts.items():
            if factor != REST:
                values |= _own_and_leak(who, factor, part.explained)
    matrices = {who: _matrix(_TITLES[who], d) for who, d in decompositions.items()}
    return Measured(values, matrices=matrices)


def _own_and_leak(who: str, factor: str, explained: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Return what a factor's own code explains of its part, and the most that another does."""
    others = [share for code, share in explained.items() if code != factor]
    values = {f"{who}, {factor}, own": explained[factor]} if factor in explained else {}
    if others:
        values[f"{who}, {factor}, leak"] = max(others, key=lambda share: share.mean)
    return values


def _matrix(title: str, decomposition: Decomposition) -> Matrix:
    """Lay the shares out: a row for each part, a column for each code."""
    parts = decomposition.parts
    codes = list(dict.fromkeys(code for part in parts.values() for code in part.explained))
    unknown = Estimate(math.nan, math.nan, 0)
    cells = [
        tuple(
            part.explained.get(code, unknown)
            if part.variance > _DUST * decomposition.total
            else unknown
            for code in codes
        )
        for part in parts.values()
    ]
    outside = decomposition.outside
    return Matrix(
        title,
        "shares",
        tuple("outside all modes" if name == REST else f"{name} part" for name in parts),
        tuple(f"by {code}" for code in codes),
        tuple(cells),
        tuple(part.variance for part in parts.values()),
        "mm² a vertex",
        "A share is the variance of the part that goes away when one code is held fixed."
        + ("" if math.isnan(outside) else f" {outside:.1%} of the variance lies in no mode."),
    )
