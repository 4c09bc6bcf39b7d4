"""Whether a label's fixed code generates what the label says."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

from gan.evaluation.distance import mean_vertex_distance
from gan.evaluation.estimate import Estimate, estimate
from gan.evaluation.generated import decode_blocks
from gan.evaluation.nearest import NearestMesh, Read
from gan.models.contract import FaceGenerator

AT_REST = ("neutral", "rest")  # the class of rest of a factor that has one


class ClassMatch(NamedTuple):
    """Generated classes against the training means of all classes.

    Attributes
    ----------
    classes
        The C classes compared.
    at_rest
        Index of the class of rest, -1 if there is none. Displacements are taken from it, so its
        own is 0 by construction: its match says little, and `sample_share` leaves it out.
    nearest
        For each class, the class whose training mean is nearest to its mean generated displacement.
    distance : mm
        From the mean generated displacement of each class to the training mean of the same class.
    confusion
        Row: class whose code generated the samples; column: class whose mean they are nearest to.
    """

    classes: tuple[str, ...]
    at_rest: int
    nearest: Int[np.ndarray, " C"]
    distance: Float[np.ndarray, " C"]
    confusion: Int[np.ndarray, "C C"]

    @property
    def matched(self) -> int:
        """How many classes have a mean generated displacement nearest their own training mean."""
        return int((self.nearest == np.arange(len(self.classes))).sum())

    @property
    def sample_share(self) -> float:
        """The share of single samples nearest their own class, the class of rest left out."""
        return self.share.mean

    @property
    def share(self) -> Estimate:
        """`sample_share` with its error; single samples are drawn independently."""
        rows = np.arange(len(self.classes)) != self.at_rest
        right, all_of_them = np.diag(self.confusion)[rows].sum(), self.confusion[rows].sum()
        return estimate((np.arange(all_of_them) < right).astype(np.float64))


def class_means(
    read: Read,
    label: Int[np.ndarray, " n"],
    n_classes: int,
    *,
    subject: Int[np.ndarray, " n"],
    template: Float[np.ndarray, "V 3"],
    at_rest: int = -1,
) -> Float[np.ndarray, "C V 3"]:
    """Average the displacements of each class of a collection.

    Parameters
    ----------
    read
        Returns the meshes with given indices.
    label
        -1: unlabelled, takes no part.
    at_rest
        Displacements are taken from the mean of the same subject's meshes of this class; subjects
        without one take no part. -1: from the template, for a factor that has no such class.

    Returns
    -------
    mean : mm
        NaN for a class without a mesh that takes part.
    """
    total, count = np.zeros((n_classes, *template.shape)), np.zeros((n_classes, 1, 1))
    for s in np.unique(subject[label >= 0]):
        mine = (subject == s) & (label >= 0)
        origin = template.astype(np.float64)
        if at_rest >= 0:
            rest = np.flatnonzero(mine & (label == at_rest))
            if len(rest) == 0:
                continue
            origin = _sum(read, rest) / len(rest)
        for c in np.unique(label[mine]):
            rows = np.flatnonzero(mine & (label == c))
            total[c] += _sum(read, rows) - len(rows) * origin
            count[c] += len(rows)
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def match_classes(
    displacements: Callable[[str], Iterable[Float[np.ndarray, "_ V 3"]]],
    means: Float[np.ndarray, "C V 3"],
    classes: tuple[str, ...],
    *,
    at_rest: int = -1,
) -> ClassMatch:
    """Compare the displacements generated for every class with the training means of all.

    Parameters
    ----------
    displacements : mm
        Called with the name of a class; yields blocks of samples.
    means : mm
        From `class_means`, all finite.
    """
    C = len(classes)
    search = NearestMesh(means.__getitem__, C, means.mean(axis=0))
    centres, confusion = np.empty_like(means), np.zeros((C, C), np.int64)
    for c, name in enumerate(classes):
        total, n = np.zeros(means.shape[1:]), 0
        for D in displacements(name):
            confusion[c] += np.bincount(search.query(D).mesh, minlength=C)
            total += D.sum(axis=0, dtype=np.float64)
            n += len(D)
        centres[c] = total / n
    distance = mean_vertex_distance(centres, means)
    return ClassMatch(classes, at_rest, search.query(centres).mesh, distance, confusion)


def model_displacements(
    model: FaceGenerator,
    labels: Mapping[str, str],
    n: int,
    *,
    rng: torch.Generator,
    rest: Mapping[str, str] | None = None,
) -> Iterator[Float[np.ndarray, "_ V 3"]]:
    """Generate n faces with the fixed codes of labels, all else random; yield their displacements.

    Parameters
    ----------
    labels
        Factor to class.
    rest
        Displacements are taken from the same faces with the fixed codes of these labels; None:
        from the template.
    """
    codes = model.sample_codes(n, rng=rng, labels=labels)
    if rest is None:
        origin = model.template.cpu().numpy()
        yield from (X - origin for X in decode_blocks(model, codes))
        return
    at_rest = dict(codes)
    for factor, label in rest.items():
        at_rest[factor] = model.codes[factor][model.label_index(factor, label)].expand(n, -1)
    pairs = zip(decode_blocks(model, codes), decode_blocks(model, at_rest), strict=True)
    yield from (X - Y for X, Y in pairs)


def _sum(read: Read, rows: np.ndarray, block: int = 64) -> np.ndarray:
    total = np.float64(0)
    for start in range(0, len(rows), block):
        total = total + read(rows[start : start + block]).sum(axis=0, dtype=np.float64)
    return np.asarray(total)
