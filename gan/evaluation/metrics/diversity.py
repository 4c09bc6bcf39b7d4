"""How different faces are: the mean distance between the two of a pair.

Fernández Abrevaya et al., ICCV 2019, Section 5.3. Div: pairs at random. Div-Id, Div-Exp: pairs
which share the identity, the expression; what is left is the variation of everything else.
"""

from collections.abc import Iterator
from typing import final

import numpy as np
import torch
from jaxtyping import Int

from gan.evaluation.context import NO_LABEL
from gan.evaluation.distance import mean_vertex_distance
from gan.evaluation.estimate import Estimate, estimate, estimate_pairs
from gan.evaluation.generated import decode_blocks, share_code
from gan.evaluation.metric import METRICS, AbstractMetric, Column, Context, Measured
from gan.evaluation.nearest import Read
from gan.models.contract import FaceGenerator

_BLOCK_PAIRS = 128


@final
@METRICS.register("diversity")
class Diversity(AbstractMetric):
    """Mean vertex distance of two random faces, and of two that share the code of a factor.

    Held against pairs of training faces, at random or with equal labels.

    References
    ----------
    Fernández Abrevaya et al., ICCV 2019, Section 5.3 (Div, Div-Id, Div-Exp).
    """

    unit = "mm"
    meaning = "mean distance of two random faces, or of two that share a code (label)"
    better = "reference"
    needs = ("pairs",)
    columns = (
        Column("diversity.any", "Div", meaning="mean distance of two random faces", headline=True),
        Column(
            "diversity.{factor}",
            "Div-{short}",
            "model, same {factor}",
            "training, same {factor}",
            meaning="mean distance of two faces that share the {factor} code (label)",
        ),
    )
    by_default = "always"
    place = 20

    def measure(self, context: Context, *, rng: torch.Generator) -> Measured:
        """Return the diversities of the model and of the training set."""
        values, skipped = dict[str, Estimate](), dict[str, str]()
        for share in (None, *context.factors):
            stream, part = share or "any", f", same {share}" if share else ""
            values[f"model{part}"] = model_diversity(
                context.model,
                context.n_pairs,
                rng=context.torch_rng(f"diversity {stream}"),
                share=share,
            )
            if share is not None and share not in context.labels:
                skipped[f"training{part}"] = NO_LABEL
                continue
            try:
                values[f"training{part}"] = collection_diversity(
                    context.read,
                    len(context.rows),
                    context.n_pairs,
                    rng=context.numpy_rng(f"training diversity {stream}"),
                    label=None if share is None else context.labels[share],
                    subject=context.subject,
                )
            except ValueError as error:  # every class has a single mesh
                skipped[f"training{part}"] = str(error)
        return Measured(values, skipped=skipped)


def model_diversity(
    model: FaceGenerator, n_pairs: int, *, rng: torch.Generator, share: str | None = None
) -> Estimate:
    """Average the mean vertex distance over random pairs of generated faces.

    Parameters
    ----------
    share
        The factor (or "noise") whose random code the two faces of a pair have in common.

    Returns
    -------
    diversity : mm

    Raises
    ------
    KeyError
        The model has no such factor; the message lists those it has.
    """
    codes = model.sample_codes(2 * n_pairs, rng=rng)
    if share is not None:
        codes = share_code(codes, share, 2)
    blocks = decode_blocks(model, codes, multiple=2)
    distance = np.concatenate([mean_vertex_distance(X[::2], X[1::2]) for X in blocks])
    return estimate(distance, unit="pairs")


def collection_diversity(
    read: Read,
    n: int,
    n_pairs: int,
    *,
    rng: np.random.Generator,
    label: Int[np.ndarray, " n"] | None = None,
    subject: Int[np.ndarray, " n"] | None = None,
) -> Estimate:
    """Average the mean vertex distance over random pairs of different meshes of a collection.

    Parameters
    ----------
    read
        Returns the meshes with given indices: `Dataset.vertices`, or an array's `__getitem__`.
    label
        The two of a pair have the same label: the first is drawn from all labelled meshes that are
        not the only ones of their class, the second from the others of its class. -1: unlabelled.
    subject
        Whose mesh it is: the collection then stands for all people, and subjects are resampled.

    Returns
    -------
    diversity : mm
        Without `subject`, the standard error is that of drawing the pairs; the collection itself
        is taken as given.

    Raises
    ------
    ValueError
        No two meshes make a pair.
    """
    pairs = draw_pairs(np.zeros(n, np.int64) if label is None else label, n_pairs, rng=rng)
    # Sorted: neighbours on the disk are read together.
    pairs = pairs[np.argsort(pairs.min(axis=1), kind="stable")]
    distances = [
        mean_vertex_distance(read(block[:, 0]), read(block[:, 1])) for block in _blocks(pairs)
    ]
    distance = np.concatenate(distances)
    if subject is None:
        return estimate(distance, unit="pairs")
    return estimate_pairs(distance, subject[pairs[:, 0]], subject[pairs[:, 1]])


def draw_pairs(
    label: Int[np.ndarray, " n"], n_pairs: int, *, rng: np.random.Generator
) -> Int[np.ndarray, "p 2"]:
    """Draw pairs of different indices with equal labels; negative labels take no part."""
    order = np.argsort(label, kind="stable")
    order = order[label[order] >= 0]
    _, start, count = np.unique(label[order], return_index=True, return_counts=True)
    start, count = (np.repeat(x, count) for x in (start, count))
    paired = np.flatnonzero(count > 1)  # positions in `order`
    if len(paired) == 0:
        raise ValueError("no two meshes have the same label")
    first = rng.choice(paired, n_pairs)
    # Any position of the class but the first's own: the last takes the place of that one.
    second = start[first] + rng.integers(0, count[first] - 1)
    second[second == first] = (start + count - 1)[first[second == first]]
    return np.asarray(np.stack([order[first], order[second]], axis=1))


def _blocks(pairs: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(pairs), _BLOCK_PAIRS):
        yield pairs[start : start + _BLOCK_PAIRS]
