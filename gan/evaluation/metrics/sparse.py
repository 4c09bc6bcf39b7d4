"""Whole faces from a few landmarks: how near the surface is that a model fills in."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import scipy.sparse as sp
import torch
from jaxtyping import Float, Int

from gan.datasets.benchmark.transfer_pairs import extreme_path
from gan.datasets.store import Dataset, load_dataset
from gan.evaluation.estimate import Estimate, estimate
from gan.evaluation.metric import (
    METRICS,
    AbstractMetric,
    Column,
    Context,
    Measured,
    Unmeasurable,
)
from gan.fitting import FitOptions, fit_landmarks
from meshkit.registration.target import Target


@final
@METRICS.register("sparse")
@dataclass(frozen=True, kw_only=True)
class SparseReconstruction(AbstractMetric):
    """Root mean square distance to the surface of faces fitted to 68 landmarks, for several λ.

    Eq. 13 from several random codes, all faces and starts in one batch. The error of a face is that
    of its fitted vertices from the true surface; the mean over faces is reported for every λ,
    beside the error of the template.

    Attributes
    ----------
    data : file of the faces; default: the extreme expressions beside a benchmark (NAME.extreme.h5)
        if they are there, else the test split of the data set itself
    priors : mm², the values of λ
    starts, steps : of the search, see `gan.fitting.FitOptions`
    pose : "fixed", "rigid" or "similarity": whether the landmarks are moved to the model
    faces : at most so many

    References
    ----------
    Fernández Abrevaya et al., ICCV 2019, Eq. 13 and Table 2.
    """

    data: str = ""
    priors: tuple[float, ...] = (0.0, 0.1, 1.0, 10.0)
    starts: int = 8
    steps: int = 300
    pose: str = "fixed"
    faces: int = 144

    unit = "mm"
    meaning = "rms distance to the surface of faces fitted to landmarks"
    better = "lower"
    needs = ("landmarks", "gradients")
    columns = (
        Column("sparse λ = {option}", "λ = {option}", "model, λ = {option}", "model, template"),
    )
    by_default = "compare"
    table = 2
    place = 90

    def __post_init__(self) -> None:
        if not self.priors or self.faces < 1:
            raise ValueError(
                f"sparse needs one prior and one face or more, got {self.priors}, {self.faces}"
            )
        self.options()  # refuses what cannot be searched

    def options(self) -> list[FitOptions]:
        """Return how to search, for every λ."""
        return [
            FitOptions(prior=prior, starts=self.starts, steps=self.steps, pose=self.pose)
            for prior in self.priors
        ]

    def depends_on(self, dataset: Dataset) -> dict[str, Any]:
        """Return the fingerprint of the file with the faces."""
        path = self._path(dataset)
        if path is None:
            return {}
        with load_dataset(path) as others:
            return {"faces": others.fingerprint}

    def measure(self, context: Context, *, rng: torch.Generator) -> Measured:
        """Return the error for every λ, of the template, and at the landmarks themselves."""
        dataset, landmarks = context.dataset, context.dataset.landmarks
        assert landmarks is not None  # it is among the needs
        with load_dataset(self._path(dataset) or dataset.path) as others:
            others.check_topology(context.model.faces.cpu().numpy(), where="the model")
            held = others.indices("test")
            if len(held) == 0:
                raise Unmeasurable(f"{others.path.name} has no test split to reconstruct")
            # Evenly: neighbours are alike.
            held = held[np.unique(np.linspace(0, len(held) - 1, self.faces).round().astype(int))]
            X = others.vertices(held).astype(np.float64)
            subject, name = others.subject[held], others.path.name
        faces = (
            f"{len(held)} faces of {len(np.unique(subject))} subjects in {name}, "
            f"{len(landmarks)} landmarks, {self.starts} starts"
        )
        return Measured(self._fit(context, landmarks, X, subject), notes={"faces": faces})

    def _fit(
        self,
        context: Context,
        landmarks: Int[np.ndarray, " L"],
        X: Float[np.ndarray, "B V 3"],
        subject: Int[np.ndarray, " B"],
    ) -> dict[str, Estimate]:
        model = context.model
        marks, (V, F) = len(landmarks), (len(model.template), model.faces.cpu().numpy())
        pick = sp.csr_array((np.ones(marks), (np.arange(marks), landmarks)), shape=(marks, V))
        fitted, at_landmarks = list[np.ndarray](), dict[str, Estimate]()
        for k, options in enumerate(self.options()):
            context.progress("fitting landmarks", k, len(self.priors))
            fit = fit_landmarks(model, pick, X[:, landmarks], options)
            placed = fit.vertices.double().cpu().numpy()
            fitted.append(np.stack([m.apply(x) for m, x in zip(fit.motions, placed, strict=True)]))
            at_landmarks[f"landmarks, λ = {options.prior:g}"] = estimate(
                fit.error.double().cpu().numpy(), unit="subjects", group=subject
            )
        template = model.template.double().cpu().numpy()
        surfaces = np.stack([*fitted, np.broadcast_to(template, X.shape)])  # (λ + 1, B, V, 3)
        errors = np.empty(surfaces.shape[:2])
        for b, truth in enumerate(X):
            context.progress("measuring surfaces", b, len(X))
            errors[:, b] = surface_errors(surfaces[:, b], truth, F)
        names = [*(f"model, λ = {prior:g}" for prior in self.priors), "model, template"]
        rows = {
            name: estimate(error, unit="subjects", group=subject)
            for name, error in zip(names, errors, strict=True)
        }
        return rows | at_landmarks

    def _path(self, dataset: Dataset) -> Path | None:
        """Return the file of the faces; None: the data set's own."""
        if self.data:
            return Path(self.data)
        beside = extreme_path(dataset.path)
        return beside if beside.exists() else None


def surface_errors(
    P: Float[np.ndarray, "k V 3"], truth: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "T 3"]
) -> Float[np.ndarray, " k"]:
    """Return the root mean square distance of each mesh's vertices from a surface.

    Returns
    -------
    error : length
    """
    distance = surface_distances(P, truth, faces)
    return np.asarray(np.sqrt(np.mean(distance**2, axis=1)))


def surface_distances(
    P: Float[np.ndarray, "k V 3"], truth: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "T 3"]
) -> Float[np.ndarray, "k V"]:
    """Return the distance of every vertex of each mesh from a surface.

    Returns
    -------
    distance : length
    """
    return Target(truth, faces).closest(P.reshape(-1, 3)).distance.reshape(P.shape[:2])
