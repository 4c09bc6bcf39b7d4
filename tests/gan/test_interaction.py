"""Expressions that depend on whose face they are on: the dial, lids and lips, the population."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from gan.datasets.benchmark.interaction import SHUT, InteractingFace, interaction_share
from gan.datasets.benchmark.population import sample_coefficients
from gan.datasets.morphable import load_face_model
from gan.datasets.procedural import ProceduralHead
from gan.datasets.recipes import EMOTIONS, emotion_units, sample_style
from gan.datasets.source import FaceSource, translate_units

FILES = {
    "ict": "ict/ict_face.npz",
    "makehuman": "makehuman/makehuman_face.npz",
    "vitruvian": "vitruvian/vitruvian_face_narrow.npz",
}
MODELS = dict[str, InteractingFace]()  # at full interaction: to set one up takes seconds


@pytest.fixture(params=["procedural", *FILES])
def face(request) -> InteractingFace:
    """Return the people of the benchmark on one of the face models; skip where it is absent."""
    name = request.param
    if name not in MODELS:
        if name == "procedural":
            MODELS[name] = InteractingFace(ProceduralHead())
        else:
            path = request.getfixturevalue("faces") / FILES[name]
            if not path.exists():
                pytest.skip(f"{path} is absent")
            MODELS[name] = InteractingFace(load_face_model(path))
    MODELS[name].interaction = 1.0
    return MODELS[name]


def performances(face: FaceSource, seed: int, low: float = 0.4) -> list[dict[str, float]]:
    """Return an intensity and a manner of each emotion."""
    rng = np.random.default_rng(seed)
    return [
        translate_units(
            emotion_units(emotion, rng.uniform(low, 1), sample_style(rng)), face.controls
        )
        for emotion in EMOTIONS[1:]
    ]


def people(face: FaceSource, n: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [face.sample_identity(rng) for _ in range(n)]


def test_at_0_identity_and_expression_add_up_whatever_the_source(face):
    """The sum of the person at rest and the displacement of the mean face, to rounding."""
    face.interaction = 0.0
    mean = face.model.mean_identity()
    for identity in people(face, 2, 0):
        neutral = face.model.shape(identity, {})
        np.testing.assert_array_equal(face.shape(identity, {}), neutral)
        for units in performances(face, 1):
            moved = face.model.shape(mean, units) - face.model.shape(mean, {})
            np.testing.assert_allclose(face.shape(identity, units), neutral + moved, atol=1e-10)


def test_the_dial_scales_the_interaction(face):
    """Displacements go straight from the sum to those at 1; rest is rest at any setting."""
    identity, units = people(face, 1, 3)[0], performances(face, 3)[0]
    posed, shares = [], []
    for dial in (0.0, 0.25, 0.5, 1.0):
        face.interaction = dial
        np.testing.assert_array_equal(face.shape(identity, {}), face.model.shape(identity, {}))
        posed.append(face.shape(identity, units))
        group = people(face, 6, 4)
        moved = [face.shape(each, units) - face.shape(each, {}) for each in group]
        shares.append(interaction_share(each[None] for each in moved))
    for dial, V in zip((0.25, 0.5), posed[1:], strict=False):
        np.testing.assert_allclose(V, (1 - dial) * posed[0] + dial * posed[-1], atol=1e-9)
    assert (np.diff(shares) > 0).all()
    assert shares[0] < 1e-12


def test_a_fifth_of_the_squared_displacement_is_interaction(face):
    shown = performances(face, 5)
    share = interaction_share(
        np.stack([face.shape(person, units) - face.shape(person, {}) for units in shown])
        for person in people(face, 60, 6)
    )
    assert 0.15 <= share <= 0.25


def test_people_of_one_shape_move_alike(face):
    """Nothing is drawn: the interaction is a function of the neutral face, and a smooth one."""
    identity, units = people(face, 1, 7)[0], performances(face, 7)[3]
    V = face.shape(identity, units)
    np.testing.assert_array_equal(face.shape(identity.copy(), units), V)
    step = 1e-6 * (people(face, 1, 8)[0] - identity)
    change = face.shape(identity + step, units) - V
    further = face.shape(identity + 2 * step, units) - V
    assert np.abs(change).max() < 1e-3  # mm: no jump
    np.testing.assert_allclose(further, 2 * change, atol=0.02 * np.abs(change).max())


def test_a_shut_eye_is_shut_whatever_its_size(face):
    """The sum leaves big eyes open and lets the lids of small ones cross."""
    shut = translate_units(SHUT, face.controls)
    eyes = face._openings.eyes
    assert len(eyes) == 2

    def gaps(dial: float) -> tuple[np.ndarray, np.ndarray]:
        face.interaction = dial
        opened, closed = [], []
        for identity in people(face, 14, 9):
            rest, V = face.shape(identity, {}), face.shape(identity, shut)
            opened += [eye.gap(rest)[:, 0].max() for eye in eyes]
            closed += [np.abs(eye.gap(V)[:, 0]).max() for eye in eyes]
        return np.array(opened), np.array(closed)

    opened, left = gaps(1.0)
    assert np.ptp(opened) > 1.5  # mm: there are big eyes and small ones
    assert left.max() < 0.08 * opened.max()
    assert gaps(0.0)[1].max() > 3 * left.max()


def test_lips_do_not_cross(face):
    """They come no closer than at rest or on the mean face, whose lips may roll."""
    mouth = face._openings.mouth
    assert mouth is not None
    for identity in people(face, 6, 10):
        rest = mouth.gap(face.shape(identity, {}))[:, 0]
        for units in performances(face, 11, low=0.9):
            usual = mouth.gap(face.model.shape(face.mean_identity(), units))[:, 0]
            lowest = np.minimum(np.minimum(rest, usual), 0)
            assert (mouth.gap(face.shape(identity, units))[:, 0] - lowest).min() > -0.75  # mm


def test_triangles_keep_their_side(face):
    """Hardly any turns over, and then at rolled lips and folded lids, as in the sum."""
    F = face.faces
    flipped = {0.0: 0, 1.0: 0}
    for dial in flipped:
        face.interaction = dial
        for identity in people(face, 3, 12):
            rest = face.shape(identity, {})
            for units in performances(face, 13, low=0.9):
                V = face.shape(identity, units)
                before, after = (
                    np.cross(X[F[:, 1]] - X[F[:, 0]], X[F[:, 2]] - X[F[:, 0]]) for X in (rest, V)
                )
                flipped[dial] += int(((before * after).sum(axis=1) < 0).sum())
    assert flipped[1.0] <= max(1.5 * flipped[0.0], 0.01 * 18 * len(F))


def test_the_dial_ends_at_1():
    with pytest.raises(ValueError, match=r"interaction must be in \[0, 1\], got 1.5"):
        InteractingFace(ProceduralHead(), 1.5)


def test_a_gaussian_is_no_model_of_the_people():
    """Energy distance to people: of a Gaussian, of matched marginals, of people themselves."""
    rng = np.random.default_rng(0)
    K, n = 20, 1200
    one, other = (np.stack([sample_coefficients(K, rng) for _ in range(n)]) for _ in range(2))
    np.testing.assert_allclose(one.mean(axis=0), 0, atol=0.12)
    np.testing.assert_allclose(one.std(axis=0), 1, atol=0.1)
    _, axes = np.linalg.eigh(np.cov(one.T))
    scores = one @ axes
    gaussian = rng.standard_normal(scores.shape) * scores.std(axis=0) @ axes.T
    marginals = np.stack([rng.permutation(score) for score in scores.T], axis=1) @ axes.T

    def energy(X: np.ndarray, Y: np.ndarray) -> float:
        within = (
            cdist(X, X).mean() + cdist(Y, Y).mean()
        )  # of which a point's own distance is no part
        return float(2 * cdist(X, Y).mean() - within * len(X) / (len(X) - 1))

    people, matched, normal = (energy(X, other) for X in (one, marginals, gaussian))
    assert normal > matched > 3 * people
