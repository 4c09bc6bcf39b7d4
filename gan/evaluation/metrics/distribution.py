"""Whether generated faces are distributed as the faces of people whom the model has not seen."""

from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from gan.evaluation.coding import evenly
from gan.evaluation.distance import mean_vertex_distance
from gan.evaluation.estimate import RESAMPLES, SEED, Estimate, estimate, interval, keep
from gan.evaluation.metric import METRICS, AbstractMetric, Column, Context, Measured, Unmeasurable


class Sample(NamedTuple):
    """Meshes, and what of them is independent: people, or single generated faces."""

    faces: Float[np.ndarray, "n V 3"]
    unit: Int[np.ndarray, " n"]


@final
@METRICS.register("distribution")
@dataclass(frozen=True, kw_only=True)
class Distribution(AbstractMetric):
    """Energy distance, density and coverage of generated faces to those of held-out people.

    A model that only repeats the training faces is far from new people. Every number is also taken
    of as many training faces in place of generated ones: what other people of the same kind reach.
    Distances are mean vertex distances, a metric of negative type, and two faces of one person are
    no pair: the energy distance of two samples of people from one distribution is 0 on average.

    The ball of a held-out face reaches to its `neighbours`-th nearest face of other held-out
    people. Density: how many balls a generated face lies in, against real ones: 1 where the two
    are distributed alike. Coverage: the share of balls that hold a generated face.

    Attributes
    ----------
    neighbours : k of the balls
    faces : at most so many of either kind

    References
    ----------
    Székely, Rizzo, Energy statistics: a class of statistics based on distances, Journal of
    Statistical Planning and Inference 2013. Naeem, Oh, Uh, Choi, Yoo, Reliable fidelity and
    diversity metrics for generative models, ICML 2020, Eq. 5 and 6.
    """

    neighbours: int = 5
    faces: int = 300

    unit = ""
    meaning = "energy distance (mm), density and coverage of faces to held-out people"
    needs = ("held-out",)
    columns = (
        Column(
            "distribution.energy",
            "E-dist.",
            unit="mm",
            better="lower",
            meaning="energy distance of generated faces to those of held-out people",
            headline=True,
        ),
        Column(
            "distribution.density",
            "Density",
            "model, density",
            "training, density",
            better="reference",
            meaning="balls around held-out faces that a generated one lies in, against real faces: "
            "1 where both are distributed alike",
        ),
        Column(
            "distribution.coverage",
            "Coverage",
            "model, coverage",
            "training, coverage",
            unit="%",
            better="higher",
            meaning="share of balls around held-out faces that hold a generated one",
        ),
    )
    by_default = "compare"
    place = 35

    def __post_init__(self) -> None:
        if self.neighbours < 1 or self.faces < 2:
            raise ValueError(
                "distribution needs one neighbour and two faces or more, got "
                f"{self.neighbours} and {self.faces}"
            )

    def measure(self, context: Context, *, rng: torch.Generator) -> Measured:
        """Return the three numbers of generated and of training faces."""
        split, held = context.held_out
        rows = held[evenly(len(held), self.faces)]
        real = Sample(context.dataset.vertices(rows), context.dataset.subject[rows])
        if len(np.unique(real.unit)) < 2:
            raise Unmeasurable(f"the {split} split has a single subject")
        within = distances(real.faces, real.faces)
        radius = ball_radii(within, real.unit, self.neighbours)
        values = dict[str, Estimate]()
        for who, sample in self._samples(context, len(real.faces)).items():
            context.progress(f"distances of {who} faces", 0, 0)
            across = distances(sample.faces, real.faces)
            own = distances(sample.faces, sample.faces)
            common = f"{context.dataset.fingerprint[:12]}, seed {context.seed}, {who}"
            values[who] = energy_distance(own, across, within, sample.unit, real.unit, common)
            inside = across < radius.length
            density = inside.sum(axis=0) / (len(inside) * radius.share)
            covered = np.asarray(inside.any(axis=0), dtype=np.float64)
            for what, numbers in (("density", density), ("coverage", covered)):
                values[f"{who}, {what}"] = estimate(
                    numbers, unit="people", group=real.unit, common=common
                )
        count = f"{len(rows)} meshes of {len(np.unique(real.unit))} people, {split} split"
        return Measured(values, notes={"held out": count})

    def _samples(self, context: Context, count: int) -> dict[str, Sample]:
        """Return as many generated and training faces as there are held-out ones, if there are."""
        made = np.concatenate(list(context.generated()))[:count]
        seen = context.chosen[evenly(len(context.chosen), count)]
        samples = {"model": Sample(made, np.arange(len(made)))}
        if context.several_people:
            samples["training"] = Sample(context.read(seen), context.subject[seen])
        return samples


def distances(
    X: Float[np.ndarray, "n V 3"], Y: Float[np.ndarray, "m V 3"]
) -> Float[np.ndarray, "n m"]:
    """Return the mean vertex distances of all pairs."""
    return np.stack([mean_vertex_distance(x, Y) for x in X])


class Balls(NamedTuple):
    """Around real faces: radii, and the share of other people's real faces that each holds."""

    length: Float[np.ndarray, " m"]
    share: Float[np.ndarray, " m"]


def ball_radii(within: Float[np.ndarray, "m m"], unit: Int[np.ndarray, " m"], k: int) -> Balls:
    """Return balls that reach to the k-th nearest face of other people, or to the last of fewer."""
    others = unit[:, None] != unit
    count = others.sum(axis=1)
    kth = np.minimum(k, count)
    ordered = np.sort(np.where(others, within, np.inf), axis=1)
    return Balls(ordered[np.arange(len(within)), kth - 1], kth / count)


def energy_distance(
    own: Float[np.ndarray, "n n"],
    across: Float[np.ndarray, "n m"],
    within: Float[np.ndarray, "m m"],
    own_unit: Int[np.ndarray, " n"],
    real_unit: Int[np.ndarray, " m"],
    common: str,
) -> Estimate:
    """Return `2 E|X − Y| − E|X − X'| − E|Y − Y'|`, pairs within a unit left out, units resampled.

    Parameters
    ----------
    own, across, within : distances of the sample X to itself, to the real faces Y, of these
    """
    A, B = _indicator(own_unit), _indicator(real_unit)
    sums = A @ own @ A.T, A @ across @ B.T, B @ within @ B.T  # over pairs of units
    size_a, size_b = A.sum(axis=1), B.sum(axis=1)

    def distance(u: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return the distance for rows of how often each unit counts."""
        between = _form(u, sums[1], w) / ((u @ size_a) * (w @ size_b))
        of_own, of_real = (
            _form(t, _hollow(S), t) / _form(t, _hollow(np.outer(size, size)), t)
            for t, S, size in ((u, sums[0], size_a), (w, sums[2], size_b))
        )
        return np.asarray(2 * between - of_own - of_real)

    rng = np.random.default_rng(SEED)
    w, u = (
        np.stack([np.bincount(row, minlength=k) for row in rng.integers(0, k, (RESAMPLES, k))])
        for k in (len(B), len(A))
    )
    several = ((u > 0).sum(axis=1) > 1) & ((w > 0).sum(axis=1) > 1)
    draws = distance(u[several].astype(np.float64), w[several].astype(np.float64))
    mean = float(distance(np.ones((1, len(A))), np.ones((1, len(B))))[0])
    kept = keep(draws, common, own_unit, real_unit)
    return Estimate(
        mean, float(draws.std(ddof=1)), len(own), *interval(draws), "people and faces", *kept
    )


def _indicator(unit: Int[np.ndarray, " n"]) -> Float[np.ndarray, "u n"]:
    names = np.unique(unit)
    belongs: Bool[np.ndarray, "u n"] = names[:, None] == unit
    return belongs.astype(np.float64)


def _hollow(S: Float[np.ndarray, "u u"]) -> Float[np.ndarray, "u u"]:
    return np.asarray(S * (1 - np.eye(len(S))))


def _form(
    u: Float[np.ndarray, "r a"], S: Float[np.ndarray, "a b"], w: Float[np.ndarray, "r b"]
) -> Float[np.ndarray, " r"]:
    return np.asarray(((u @ S) * w).sum(axis=1))
