"""Whether a label's fixed code generates what the label says."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, final

import numpy as np
import torch
from jaxtyping import Float, Int

from gan.evaluation.coding import rest_class
from gan.evaluation.context import NO_LABEL
from gan.evaluation.distance import mean_vertex_distance
from gan.evaluation.estimate import Estimate, estimate
from gan.evaluation.generated import decode_blocks
from gan.evaluation.metric import (
    METRICS,
    AbstractMetric,
    Column,
    Context,
    Matrix,
    Measured,
    Unmeasurable,
    every_reason,
)
from gan.evaluation.nearest import NearestMesh, Read
from gan.models.contract import FaceGenerator, Factor

_MAX_NAMED = 3  # labels named in a sentence


@final
@METRICS.register("labels")
class Labels(AbstractMetric):
    """Share of faces with the fixed code of a label that look most like that label.

    Generated displacements are held against the training means of all labels of their factor. For
    every factor, the matrix says which label each one's faces are nearest to, and how far the mean
    of its faces is from its own training mean; the class of rest is left out of the share, for
    displacements are taken from it.
    """

    unit = "%"
    meaning = "faces with the code of a label that are nearest to the training mean of that label"
    better = "higher"
    needs = ("codes", "labels")
    columns = (
        Column(
            "labels.{factor}",
            "Lab-{short}",
            "model, {factor}",
            reference="",
            meaning="faces with the code of a label of {factor} that look most like that label",
            headline=True,
        ),
    )
    by_default = "always"
    place = 70

    def measure(self, context: Context, *, rng: torch.Generator) -> Measured:
        """Return for every factor the share, the matrix, and what is mistaken for what."""
        skipped = {name: NO_LABEL for name in context.factors if name not in context.labels}
        matches = dict[str, ClassMatch]()
        for factor in context.model.factors:
            if factor.name in skipped:
                continue
            try:
                matches[factor.name] = match_factor(context, factor)
            except Unmeasurable as reason:
                skipped[factor.name] = str(reason)
        if not matches:
            raise Unmeasurable(every_reason(skipped))
        return measured(matches, skipped)


class ClassMatch(NamedTuple):
    """Generated classes against the training means of all classes.

    Attributes
    ----------
    classes
        The C classes compared.
    at_rest
        Index of the class of rest, -1 if there is none. Displacements are taken from it, so its
        own is 0 by construction: its match says little, and `share` leaves it out.
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
    def share(self) -> Estimate:
        """The share of single samples nearest their own class, the class of rest left out."""
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


def match_factor(context: Context, factor: Factor) -> ClassMatch:
    """Compare a factor's classes; by displacements from rest, or all other factors at rest.

    Raises
    ------
    Unmeasurable
        Fewer than two classes have meshes to compare with.
    """
    label, at_rest = context.labels[factor.name], rest_class(factor)
    held = {} if at_rest >= 0 else _others_at_rest(context, factor)
    for other in held:
        rest_of_other = rest_class(context.model.factor(other))
        label = np.where(context.labels[other] == rest_of_other, label, -1)
    means = class_means(
        context.read,
        label,
        len(factor.classes),
        subject=context.subject,
        template=context.dataset.template,
        at_rest=at_rest,
    )
    known = np.flatnonzero(np.isfinite(means).all(axis=(1, 2)))
    if len(known) < 2:
        raise Unmeasurable("fewer than two of its classes occur beside labelled meshes at rest")
    classes = tuple(factor.classes[c] for c in known)
    rest = {factor.name: factor.classes[at_rest]} if at_rest >= 0 else None
    rng = context.torch_rng(f"labels {factor.name}")
    n = int(np.clip(context.n_samples // len(classes), 16, 250))

    def displacements(name: str) -> Iterator[np.ndarray]:
        labels = {**held, factor.name: name}
        return model_displacements(context.model, labels, n, rng=rng, rest=rest)

    place = classes.index(rest[factor.name]) if rest else -1
    return match_classes(displacements, means[known], classes, at_rest=place)


def measured(matches: Mapping[str, ClassMatch], skipped: Mapping[str, str]) -> Measured:
    """Return the matches of factors as what the metric found."""
    return Measured(
        {f"model, {name}": match.share for name, match in matches.items()},
        notes={name: match_line(match) for name, match in matches.items()},
        skipped=skipped,
        matrices={name: _matrix(name, match) for name, match in matches.items()},
    )


def match_line(match: ClassMatch) -> str:
    """Say how many labels' codes generate what the labels say, and what others look like."""
    wrong = [
        f"{name} looks like {match.classes[match.nearest[c]]}"
        for c, name in enumerate(match.classes)
        if match.nearest[c] != c
    ]
    listed = "; ".join(wrong[:_MAX_NAMED]) + ("; …" if len(wrong) > _MAX_NAMED else "")
    count = f"{match.matched} of {len(match.classes)} labels are nearest to their own mean"
    return f"{count} ({listed})" if wrong else count


def _matrix(factor: str, match: ClassMatch) -> Matrix:
    return Matrix(
        f"labels of {factor}",
        "counts",
        match.classes,
        match.classes,
        tuple(map(tuple, match.confusion.tolist())),
        tuple(match.distance.tolist()),
        "mm from its mean",
        "A row is the label whose code was used, a column the label that the faces look most like.",
    )


def _others_at_rest(context: Context, factor: Factor) -> dict[str, str]:
    """Return the label of rest of every other factor that has one in model and data."""
    return {
        other.name: other.classes[rest_class(other)]
        for other in context.model.factors
        if other is not factor
        and rest_class(other) >= 0
        and (context.labels.get(other.name, np.array([-1])) == rest_class(other)).any()
    }
