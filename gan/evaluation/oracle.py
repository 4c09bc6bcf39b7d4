"""The floor and the ceiling of expression transfer on a benchmark: what its pairs allow.

Four ways to guess what A looks like in the expression that B shows, from noisy scans of A at rest,
of B at rest and of B in the expression:

* *nothing*: A at rest;
* *addition*: A at rest, and what B's scan moved;
* *linear map*: ridge regression from the principal components of B's displacement, of B at rest and
  of A at rest to those of A's true displacement. It is fitted to `FITTED` transfers between the
  training people of the data set, made anew with the truth that no method gets; its penalty is
  chosen on a fifth of them. So nothing linear in the three scans can be expected to do better;
* *oracle*: knows the generator, though neither the people nor what they do. A and B at rest are
  what is left of the scans in the span of the model's people (Wiener's filter), the action units of
  B are the least squares solution in [0, 1] (Gauss and Newton), and A performs them.
"""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import lsq_linear

from gan.datasets.benchmark.interaction import InteractingFace
from gan.datasets.benchmark.transfer_pairs import TransferPairs
from gan.datasets.plan import purpose_rng
from gan.datasets.recipes import EMOTIONS, emotion_units, sample_style
from gan.datasets.scanner import Scanner
from gan.datasets.source import translate_units
from gan.errors import DatasetError
from gan.evaluation.distance import mean_vertex_distance
from gan.evaluation.estimate import Estimate, estimate
from gan.progress import Progress, counter, silent

WAYS = ("nothing", "addition", "linear map", "oracle")
FITTED = 1500  # transfers between training people
COMPONENTS = 40  # of each scan that the linear map reads
PENALTIES = 10.0 ** np.arange(-2, 6)
TRANSFERS = 3  # that the oracle takes of each person
STEPS = 3  # of Gauss and Newton
STEP = 0.05  # of an action unit, for its derivative
SAMPLED = 500  # people, of whose neutral faces the filter knows the components


def check_source(face: InteractingFace, pairs: TransferPairs, where: str) -> None:
    """Raise DatasetError, beginning with `where`, unless the pairs were made from these people."""
    made = pairs.provenance["source"]
    if {"name": face.name, **face.provenance} != made:
        raise DatasetError(
            f"{where} was made from the face model {made['name']}, not from this one",
            remedy="name-face-model",
        )


def find_floor(
    face: InteractingFace,
    pairs: TransferPairs,
    *,
    train: Int[np.ndarray, " n"],
    scanner: Scanner,
    seed: int,
    progress: Progress = silent,
) -> dict[str, Estimate]:
    """Return the mean vertex distance (mm) of each way from the truth, its interval over people.

    Parameters
    ----------
    train : the subjects of the data set that methods learn from.   seed : of the data set.
    """
    chosen = _spread_out(pairs)
    rest_a, rest_b, shown, truth = (
        x[chosen].astype(np.float64)
        for x in (pairs.rest_a, pairs.rest_b, pairs.expression_b, pairs.truth)
    )
    fitted = counter(progress, "fitting the linear map", FITTED)
    fit = _fit_linear(face, train, scanner, seed, fitted)
    clean = _people_filter(face, scanner)
    advance = counter(progress, "asking the oracle", len(chosen))

    def ask() -> Iterator[np.ndarray]:
        for a, b, V in zip(rest_a, rest_b, shown, strict=True):
            units = find_units(face, clean(b), V, scanner)
            yield face.perform(face.tissue.meet(clean(a)), units)
            advance(1)

    guesses = {
        "nothing": rest_a,
        "addition": rest_a + shown - rest_b,
        "linear map": rest_a + fit(rest_a, rest_b, shown),
        "oracle": np.stack(list(ask())),
    }
    person = pairs.person_a[chosen]
    return {
        way: estimate(mean_vertex_distance(guesses[way], truth), unit="people", group=person)
        for way in WAYS
    }


def find_units(
    face: InteractingFace,
    neutral: Float[np.ndarray, "V 3"],
    scan: Float[np.ndarray, "V 3"],
    scanner: Scanner,
) -> dict[str, float]:
    """Return the action units with which this person looks most like the scan."""
    person, controls = face.tissue.meet(neutral), face.controls
    u = np.zeros(len(controls))
    # A unit is 0.3 from 0, as a rule; the scanner's error has the same weight in every direction.
    penalty = _noise_per_component(face, scanner) / 0.3**2

    def pose(weights: np.ndarray) -> np.ndarray:
        return face.perform(person, dict(zip(controls, weights.tolist(), strict=True)))

    for _ in range(STEPS):
        now = pose(u)
        J = np.empty((len(controls), now.size))
        for k in range(len(controls)):
            moved = u.copy()
            moved[k] += STEP if u[k] < 0.5 else -STEP
            J[k] = ((pose(moved) - now) / (moved[k] - u[k])).ravel()
        # Normal equations by Cholesky: the bounded problem has as many rows as units.
        R = np.linalg.cholesky(J @ J.T + penalty * np.eye(len(controls))).T
        right = J @ ((scan - now).ravel() + u @ J)
        u = lsq_linear(R, np.linalg.solve(R.T, right), bounds=(0, 1)).x.clip(0, 1)
    return dict(zip(controls, u.tolist(), strict=True))


def _spread_out(pairs: TransferPairs) -> np.ndarray:
    """Return transfers of each person: one at each strength, of emotions in turn."""
    chosen = []
    for k, person in enumerate(np.unique(pairs.person_a)):
        own = np.flatnonzero(pairs.person_a == person)
        emotions, strengths = np.unique(pairs.expression[own]), np.unique(pairs.strength[own])
        for j in range(TRANSFERS):
            emotion = emotions[(2 * j + k) % len(emotions)]
            strength = strengths[j % len(strengths)]
            here = (pairs.expression[own] == emotion) & (pairs.strength[own] == strength)
            chosen += own[here][:1].tolist()
    return np.array(chosen)


def _fit_linear(
    face: InteractingFace,
    train: np.ndarray,
    scanner: Scanner,
    seed: int,
    advance: Callable[[int], None],
) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """Fit the linear map to transfers between training people."""
    rng = np.random.default_rng([seed, 200])
    people = [face.tissue.meet(face.model.shape(_identity(face, seed, int(k)), {})) for k in train]
    parts: list[list[np.ndarray]] = [[], [], [], []]
    for _ in range(FITTED):
        a, b = rng.choice(len(people), 2, replace=False)
        emotion = EMOTIONS[int(rng.integers(1, len(EMOTIONS)))]
        acted = emotion_units(emotion, float(rng.uniform(0.4, 1)), sample_style(rng))
        units = translate_units(acted, face.controls)
        clean = [people[a].neutral, people[b].neutral, face.perform(people[b], units)]
        scans = scanner.scan(np.stack(clean), face.faces, rng)
        truth = face.perform(people[a], units) - people[a].neutral
        new = (scans[0], scans[1], scans[2] - scans[1], truth)
        for part, X in zip(parts, new, strict=True):
            part.append(X.ravel().astype(np.float32))
        advance(1)
    read = [_reader(np.stack(part)) for part in parts]
    X = np.concatenate([r(np.stack(p)) for r, p in zip(read[:3], parts[:3], strict=True)], axis=1)
    X = np.concatenate([X, np.ones((len(X), 1))], axis=1)
    Y = np.stack(parts[3])
    kept = int(0.8 * FITTED)

    def solve(rows: slice, penalty: float) -> np.ndarray:
        A = X[rows].T @ X[rows] + penalty * np.eye(X.shape[1])
        return np.asarray(np.linalg.solve(A, X[rows].T @ Y[rows]))

    missed = [((X[kept:] @ solve(slice(kept), p) - Y[kept:]) ** 2).sum() for p in PENALTIES]
    W = solve(slice(None), float(PENALTIES[int(np.argmin(missed))]))

    def guess(rest_a: np.ndarray, rest_b: np.ndarray, shown: np.ndarray) -> np.ndarray:
        n = len(rest_a)
        scans = (rest_a, rest_b, shown - rest_b)
        inputs = [r(V.reshape(n, -1)) for r, V in zip(read[:3], scans, strict=True)]
        return np.asarray(np.concatenate([*inputs, np.ones((n, 1))], axis=1) @ W).reshape(
            rest_a.shape
        )

    return guess


def _reader(X: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return what takes rows like X to the scores of its leading principal components."""
    mean = X.mean(axis=0)
    centred = X - mean
    square, U = np.linalg.eigh(centred @ centred.T)
    lead = np.argsort(-square)[:COMPONENTS]
    axes = centred.T @ (U[:, lead] / square[lead].clip(1e-12)) * np.sqrt(len(X))
    return lambda rows: np.asarray((rows - mean) @ axes)


def _people_filter(
    face: InteractingFace, scanner: Scanner
) -> Callable[[Float[np.ndarray, "V 3"]], Float[np.ndarray, "V 3"]]:
    """Return what leaves of a scan at rest what a person of the model's may look like."""
    rng = np.random.default_rng(2)
    X = np.stack([face.model.shape(face.sample_identity(rng), {}).ravel() for _ in range(SAMPLED)])
    mean = X.mean(axis=0)
    X = X - mean
    square, U = np.linalg.eigh(X @ X.T)
    real = square > 1e-9 * square.max()
    axes, variance = X.T @ (U[:, real] / np.sqrt(square[real])), square[real] / SAMPLED
    weight = variance / (variance + _noise_per_component(face, scanner))

    def clean(V: np.ndarray) -> np.ndarray:
        return np.asarray(mean + axes @ (weight * (axes.T @ (V.ravel() - mean)))).reshape(V.shape)

    return clean


def _noise_per_component(face: InteractingFace, scanner: Scanner) -> float:
    """Return the variance of a scanner's error along a smooth unit direction, mm².

    The smooth error is one number over about 2 pi reach² of the surface, the white one is one a
    vertex; both lie along the normal, a third of the directions.
    """
    P = face.template[face.faces]
    area = np.linalg.norm(np.cross(P[:, 1] - P[:, 0], P[:, 2] - P[:, 0]), axis=1).sum() / 2
    together = max(1.0, len(face.template) * 2 * np.pi * scanner.reach**2 / area)
    return float((scanner.white**2 + scanner.smooth**2 * together) / 3)


def _identity(face: InteractingFace, seed: int, person: int) -> np.ndarray:
    return face.sample_identity(purpose_rng(seed, person, "identity"))
