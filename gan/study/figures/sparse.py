"""Whole faces from 68 landmarks: extreme expressions fitted by every method, and how far off."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from gan.datasets.benchmark.transfer_pairs import extreme_path
from gan.datasets.store import Dataset, load_dataset
from gan.evaluation.metrics.sparse import surface_distances
from gan.fitting import FitOptions, fit_landmarks
from gan.models.contract import FaceGenerator
from gan.report.edits import with_marks
from gan.study.figures.figure import Figure
from gan.study.figures.grid import Axis, Cell, draw_grid
from gan.study.figures.people import moving_faces
from gan.study.figures.scale import error_scale
from gan.study.figures.studio import METHODS, Studio, absent, join_text
from gan.study.member import Member
from meshkit.render import render_mesh

NAME, TITLE = "sparse-reconstruction", "Sparse reconstruction"
PRIORS = (1.0, 0.0)  # mm²: λ of Eq. 13
_FACES, _STARTS, _STEPS = 3, 2, 150
_MARK = 3.0  # mm: half the width of a landmark
_NONE = np.zeros((0, 3))


class Given(NamedTuple):
    """Faces to reconstruct.

    Attributes
    ----------
    X : mm
    titles : what they do, or who they are
    origin : where they are from
    """

    X: Float[np.ndarray, "B V 3"]
    titles: tuple[str, ...]
    origin: str


class Fitted(NamedTuple):
    """One method's reconstructions, and the distance of their vertices from the true surfaces."""

    X: Float[np.ndarray, "B V 3"]
    distance: Float[np.ndarray, "B V"]


def sparse_figures(studio: Studio) -> Iterator[Figure]:
    """Draw the reconstructions with a prior and without one, a picture each."""
    landmarks = studio.dataset.landmarks
    if landmarks is None:
        yield from absent(NAME, TITLE, "the data set has no landmarks.")
        return
    cast = studio.cast(METHODS)
    if not cast.members:
        yield from absent(NAME, TITLE, join_text("no model takes part.", cast.missing))
        return
    given = pick_faces(studio.dataset, _FACES, rng=studio.numpy_rng(NAME))
    if given is None:
        yield from absent(NAME, TITLE, "there are neither extreme expressions nor a test split.")
        return
    reconstructions = {
        (prior, member): reconstruct(
            studio.model(member), landmarks, given.X, studio.F, prior=prior, seed=studio.seed
        )
        for prior in PRIORS
        for member in cast.members
    }
    # One scale for both pictures.
    limits, bar = error_scale(
        np.stack([fitted.distance for fitted in reconstructions.values()]), 2 * studio.tile[0]
    )
    for prior in PRIORS:
        fits = [reconstructions[prior, member] for member in cast.members]
        cells = _cells(studio, given, landmarks, fits, limits)
        image = _lay_out(given, cast.members, cells, bar)
        how = f"λ = {prior:g} mm²" if prior else "no prior (λ = 0)"
        text = (
            f"{given.origin}, fitted to {len(landmarks)} landmarks with {how}; green where a "
            "landmark is wanted, red where the fit has it. Below, each vertex's distance from the "
            "true surface and its root mean square; dark is near."
        )
        name, title = (
            (f"{NAME}-prior", f"{TITLE} with a prior")
            if prior
            else (f"{NAME}-free", f"{TITLE} without a prior")
        )
        yield Figure(name, title, join_text(text, cast.missing), image)


def pick_faces(dataset: Dataset, n: int, *, rng: np.random.Generator) -> Given | None:
    """Return faces of the extreme expressions beside a data set, else of its test split.

    Of different people as far as there are enough, each with another expression.
    """
    path = extreme_path(dataset.path)
    if not path.exists():
        return _held_out(dataset, n, "Held-out faces", rng)
    with load_dataset(path) as extreme:
        extreme.check_topology(dataset.faces, where=str(dataset.path))
        return _held_out(extreme, n, "Extreme expressions of new people", rng)


def _held_out(dataset: Dataset, n: int, origin: str, rng: np.random.Generator) -> Given | None:
    rows = dataset.indices("test")
    if len(rows) == 0:
        return None
    faces = moving_faces(dataset, rows, n, rng=rng)
    titles = tuple(face.label or f"face {k + 1}" for k, face in enumerate(faces))
    return Given(dataset.vertices([face.mesh for face in faces]).astype(np.float64), titles, origin)


def reconstruct(
    model: FaceGenerator,
    landmarks: Int[np.ndarray, " k"],
    X: Float[np.ndarray, "B V 3"],
    F: Int[np.ndarray, "T 3"],
    *,
    prior: float,
    seed: int,
) -> Fitted:
    """Fit a model to the landmarks of faces; measure every vertex against the true surface, mm."""
    k, V = len(landmarks), X.shape[1]
    pick = sp.csr_array((np.ones(k), (np.arange(k), landmarks)), shape=(k, V))
    options = FitOptions(prior=prior, starts=_STARTS, steps=_STEPS, pose="fixed", seed=seed)
    fit = fit_landmarks(model, pick, X[:, landmarks], options).vertices.double().cpu().numpy()
    distance = [
        surface_distances(face[None], truth, F)[0] for face, truth in zip(fit, X, strict=True)
    ]
    return Fitted(fit, np.stack(distance))


def _cells(
    studio: Studio,
    given: Given,
    landmarks: Int[np.ndarray, " k"],
    fits: Sequence[Fitted],
    limits: tuple[float, float],
) -> list[list[Cell | None]]:
    rows = list[list[Cell | None]]()
    for b, truth in enumerate(given.X):
        wanted = truth[landmarks]
        above: list[Cell | None] = [_marked(studio, truth, wanted, _NONE)]
        below: list[Cell | None] = [None]
        for fit in fits:
            rms = np.sqrt(np.mean(fit.distance[b] ** 2))
            above.append(_marked(studio, fit.X[b], wanted, fit.X[b][landmarks]))
            below.append(
                studio.shoot(fit.X[b], f"{rms:.2f} mm", field=fit.distance[b], limits=limits)
            )
        rows += [above, below]
    return rows


def _marked(studio: Studio, V: np.ndarray, wanted: np.ndarray, reached: np.ndarray) -> Cell:
    W, F, colors = with_marks(V, studio.F, wanted, reached, size=_MARK)
    frame = studio.frames["front"]
    return Cell(render_mesh(W, F, size=studio.tile, frame=frame, colors=colors))


def _lay_out(
    given: Given,
    members: Sequence[Member],
    cells: list[list[Cell | None]],
    bar: np.ndarray,
) -> np.ndarray:
    titles = ("input", *(member.title for member in members))
    rows = Axis(("fit", "error") * len(given.titles), [(title, 2) for title in given.titles])
    groups = [("", 1), ("reconstructions", len(members))]
    return draw_grid(cells, rows=rows, columns=Axis(titles, groups), bar=bar)
