"""The procedural head: a mesh for every law, and a face that moves like one."""

from collections.abc import Iterator

import numpy as np
import pytest

from gan.datasets.procedural import ProceduralHead
from gan.datasets.procedural.identity import LIMIT
from gan.datasets.procedural.rig import build_rig
from gan.datasets.recipes import EMOTIONS, emotion_units, sample_style
from gan.datasets.source import translate_units
from meshkit.topology import (
    boundary_loops,
    components,
    edges,
    euler_characteristic,
    misoriented_edges,
    nonmanifold_edges,
    nonmanifold_vertices,
    unreferenced_vertices,
)

HEAD = ProceduralHead()
RIG = build_rig()
MOUTH = RIG.template.mesh.rings["mouth"]
LENGTH = MOUTH.shape[1]
OVER = np.arange(1, LENGTH // 2)  # the upper lip's vertices without the corners, left to right
UNDER = LENGTH - OVER  # the lower lip's, in the same columns


def people(count: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [HEAD.sample_identity(rng) for _ in range(count)]


def performances(count: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (neutral, posed) of every emotion at full intensity, in many people and styles."""
    rng = np.random.default_rng(seed)
    for identity in people(count, seed):
        neutral = HEAD.shape(identity, {})
        for emotion in EMOTIONS[1:]:
            units = emotion_units(emotion, 1.0, sample_style(rng))
            yield neutral, HEAD.shape(identity, translate_units(units, HEAD.controls))


def angles(V: np.ndarray) -> np.ndarray:
    """Return every angle of every face, in degrees."""
    edge = np.roll(V[HEAD.faces], -1, axis=1) - V[HEAD.faces]
    edge /= np.linalg.norm(edge, axis=2, keepdims=True)
    return np.rad2deg(np.arccos(-(edge * np.roll(edge, 1, axis=1)).sum(axis=2).clip(-1, 1)))


def lip_gap(V: np.ndarray) -> np.ndarray:
    """Return upper less lower lip in height, for the two innermost rings."""
    return V[MOUTH[:2][:, OVER], 1] - V[MOUTH[:2][:, UNDER], 1]


def test_the_mesh_is_a_mask_with_a_mouth_and_two_eyes():
    F, n = HEAD.faces, len(HEAD.template)
    assert n >= 2000
    assert len(nonmanifold_edges(F)) == 0
    assert len(nonmanifold_vertices(F)) == 0
    assert len(misoriented_edges(F)) == 0
    assert len(unreferenced_vertices(F, n)) == 0
    assert components(F, n).max() == 0
    assert euler_characteristic(F) == -2  # a disk with three holes
    outer, mouth, *eyes = boundary_loops(F)
    assert [len(outer), len(mouth), *map(len, eyes)] == [202, 48, 36, 36]
    assert set(mouth) == set(MOUTH[0])
    inside = np.hypot(*HEAD.template[outer, :2].T).min()
    assert inside > np.hypot(*HEAD.template[mouth, :2].T).max() - 25


def test_no_face_is_a_sliver_and_no_corner_of_the_outline_is_an_ear():
    assert angles(HEAD.template).min() > 12
    border = np.bincount(np.concatenate(boundary_loops(HEAD.faces)), minlength=len(HEAD.template))
    assert border[HEAD.faces].all(axis=1).sum() == 0


def test_the_template_and_its_faces_are_symmetric():
    mirror = RIG.template.mesh.mirror
    np.testing.assert_array_equal(HEAD.template[mirror], HEAD.template * (-1, 1, 1))
    ours = {frozenset(face) for face in HEAD.faces.tolist()}
    assert ours == {frozenset(face) for face in mirror[HEAD.faces].tolist()}


def test_the_frame_is_the_data_sets():
    """Millimetres, y up, the nose ahead in +z, the subject's left eye at +x, the origin inside."""
    V = HEAD.template
    height, width = np.ptp(V[:, 1]), np.ptp(V[:, 0])
    assert 190 < height < 215
    assert 130 < width < 155
    assert abs(V[V[:, 2].argmax(), 0]) < 1  # the tip of the nose
    assert V[RIG.lids[0], 0].min() > 0
    assert V[:, 2].min() < 10 < V[:, 2].max()


def test_the_same_numbers_give_the_same_face():
    one, two = ProceduralHead(), ProceduralHead()
    np.testing.assert_array_equal(one.faces, two.faces)
    identity = people(1, 0)[0]
    units = {"AU12_L": 0.7, "AU27": 0.3}
    np.testing.assert_array_equal(one.shape(identity, units), two.shape(identity, units))
    assert one.template is not two.template  # callers may write into theirs


def test_people_differ_by_millimetres_and_stay_people():
    faces = np.stack([HEAD.shape(identity, {}) for identity in people(64, 1)])
    assert len(HEAD.identity_names) >= 20
    spread = np.linalg.norm(faces - HEAD.template, axis=2)
    assert 3 < np.sqrt((spread**2).mean()) < 6
    for V in faces:
        assert angles(V).min() > 8
        assert lip_gap(V).min() > 0
        assert upside(V).min() > 0


def test_nobody_is_a_caricature():
    """However rare the draw, each parameter moves less than LIMIT deviations."""
    wild = HEAD.shape(np.full(len(HEAD.identity_names), 50.0), {}) - HEAD.template
    tame = HEAD.modes("identity").sum(axis=0) * LIMIT
    np.testing.assert_allclose(wild, tame, atol=1e-9)


def upside(V: np.ndarray) -> np.ndarray:
    """Return the cosines between neighbouring faces plus one: 0 where one is folded onto the other.

    Without the inner walls of lips and lids, which face each other where they close.
    """
    rims = np.isin(HEAD.faces, np.concatenate([MOUTH[0], RIG.lids[0][0], RIG.lids[1][0]]))
    F = HEAD.faces[~rims.any(axis=1)]
    a, b, c = V[F].swapaxes(0, 1)
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    half = np.concatenate([F[:, [0, 1]], F[:, [1, 2]], F[:, [2, 0]]])
    key = half.min(axis=1) * len(V) + half.max(axis=1)
    order = np.argsort(key, kind="stable")
    pair = np.flatnonzero(np.diff(key[order]) == 0)
    left, right = order[pair] % len(F), order[pair + 1] % len(F)
    return (normal[left] * normal[right]).sum(axis=1) + 1


def test_lips_never_cross_in_any_expression_of_anyone():
    worst = min(lip_gap(posed).min() for _, posed in performances(50, 2))
    assert worst > 0


def test_no_face_turns_inside_out_in_any_expression_of_anyone():
    for _, posed in performances(12, 3):
        assert upside(posed).min() > 0.02
        assert angles(posed).min() > 1


def test_skin_stretches_like_skin():
    """Away from lips and lids no edge grows or shrinks beyond what skin can do."""
    rings = np.concatenate([ring.ravel() for ring in RIG.template.mesh.rings.values()])
    E = edges(HEAD.faces)
    E = E[~np.isin(E, rings).any(axis=1)]
    for neutral, posed in performances(8, 4):
        before, after = (np.linalg.norm(V[E[:, 0]] - V[E[:, 1]], axis=1) for V in (neutral, posed))
        stretch = after / before
        assert stretch.min() > 0.3
        assert stretch.max() < 2.6


@pytest.mark.parametrize(("unit", "low", "high"), [("AU26", 13, 21), ("AU27", 21, 37)])
def test_the_mouth_opens_as_far_as_mouths_do(unit, low, high):
    for identity in people(50, 5):
        closed, half, wide = (lip_gap(HEAD.shape(identity, {unit: w})) for w in (0.0, 0.5, 1.0))
        assert low < wide.max() - closed.max() < high
        assert (half[0, 3:-3] > closed[0, 3:-3]).all()
        assert (wide[0, 3:-3] > half[0, 3:-3]).all()


def test_the_jaw_turns_about_the_persons_own_hinge():
    hinges = []
    for identity in people(10, 6):
        neutral, wide = HEAD.shape(identity, {}), HEAD.shape(identity, {"AU27": 1.0})
        hinge = RIG.joints(neutral).hinge
        hinges.append(hinge)
        chin = RIG.weights["jaw"] > 0.999
        chin &= RIG.weights["corner pull"] < 1e-4
        assert chin.sum() > 40
        before, after = ((V - hinge)[chin, 1:] for V in (neutral, wide))
        np.testing.assert_allclose(
            np.hypot(*after.T), np.hypot(*before.T), rtol=1e-4, err_msg="distance to the hinge"
        )
        turn = np.arctan2(*before.T[::-1]) - np.arctan2(*after.T[::-1])
        assert np.abs(np.sin(turn)).min() > 0.35
    assert np.ptp(hinges, axis=0)[1:].min() > 2  # mm: people have different hinges


@pytest.mark.parametrize("unit", ["AU12", "AU27", "AU1", "AU43"])
def test_a_movement_depends_on_the_person(unit):
    units = translate_units({unit: 1.0}, HEAD.controls)
    moved = [HEAD.shape(i, units) - HEAD.shape(i, {}) for i in people(20, 7)]
    mean = np.mean(moved, axis=0)
    differs = np.sqrt(np.mean((moved - mean) ** 2) / np.mean(mean**2))
    assert 0.02 < differs < 0.5


@pytest.mark.parametrize("unit", ["AU12", "AU27", "AU1", "AU43"])
def test_a_movement_is_not_linear_in_its_weight(unit):
    full = translate_units({unit: 1.0}, HEAD.controls)
    half = dict.fromkeys(full, 0.5)
    one, two = HEAD.shape(NOBODY, full) - HEAD.template, HEAD.shape(NOBODY, half) - HEAD.template
    assert np.abs(two - one / 2).max() > 0.1


NOBODY = np.zeros(len(HEAD.identity_names))


def test_lids_meet_when_closed():
    closed = HEAD.shape(NOBODY, {"AU43_L": 1.0, "AU43_R": 1.0})
    for ring in RIG.lids:
        k = np.arange(3, 16)  # columns of the slit, without its corners
        before, after = (V[ring[1, k], 1] - V[ring[1, -k], 1] for V in (HEAD.template, closed))
        assert before.max() > 8
        assert after.min() > 0
        assert after.max() < 1.5


@pytest.mark.parametrize("unit", [u for u in HEAD.controls if u.endswith("_L")])
def test_a_sided_unit_moves_its_side_and_mirrors(unit):
    left = HEAD.shape(NOBODY, {unit: 1.0}) - HEAD.template
    right = HEAD.shape(NOBODY, {unit[:-1] + "R": 1.0}) - HEAD.template
    mirror = RIG.template.mesh.mirror
    np.testing.assert_allclose(right, left[mirror] * (-1, 1, 1), atol=1e-9)
    amount = np.linalg.norm(left, axis=1)
    mine = HEAD.template[:, 0] > 0
    assert amount.max() > 1  # mm: a unit that does nothing is no unit
    assert (amount[mine] ** 2).sum() > 4 * (amount[~mine] ** 2).sum()


@pytest.mark.parametrize("unit", [u for u in HEAD.controls if "_" not in u])
def test_a_whole_unit_moves_both_sides_alike(unit):
    moved = HEAD.shape(NOBODY, {unit: 1.0}) - HEAD.template
    mirror = RIG.template.mesh.mirror
    np.testing.assert_allclose(moved[mirror], moved * (-1, 1, 1), atol=1e-9)
    assert np.linalg.norm(moved, axis=1).max() > 1


@pytest.mark.parametrize(
    ("unit", "place", "direction", "least"),
    [
        ("AU1", 21, (0, 1, 0), 5),  # inner brow up
        ("AU2", 18, (0, 1, 0), 4),  # outer brow up
        ("AU4", 21, (0, -1, 0), 3),
        ("AU12", 48, (-1, 1, 0), 10),  # the right corner of the mouth out and up
        ("AU15", 48, (0, -1, 0), 5),
        ("AU20", 48, (-1, 0, 0), 5),
        ("AU17", 57, (0, 1, 0), 2),  # lower lip up
        ("AU10", 51, (0, 1, 0), 2),  # upper lip up
        ("AU22", 51, (0, 0, 1), 3),  # lips forward
        ("AU24", 57, (0, 1, 0), 1.5),  # lower lip thinner
    ],
)
def test_units_move_landmarks_as_facs_says(unit, place, direction, least):
    units = translate_units({unit: 1.0}, HEAD.controls)
    moved = (HEAD.shape(NOBODY, units) - HEAD.template)[HEAD.landmarks[place]]
    assert moved @ np.array(direction) / np.linalg.norm(direction) > least


def test_landmarks_are_distinct_symmetric_and_in_order():
    mark = HEAD.landmarks
    assert len(set(mark.tolist())) == 68
    V, mirror = HEAD.template[mark], RIG.template.mesh.mirror
    assert (np.diff(V[:17, 0]) > 0).all()  # along the jaw
    assert (np.diff(V[17:27, 0]) > 0).all()  # along the brows
    assert (np.diff(V[27:31, 1]) < 0).all()  # down the nose
    assert V[30, 2] > V[:, 2].max() - 1  # its tip
    swap = [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, *range(35, 30, -1)]
    swap += [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    swap += [*range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), 67, 66, 65]
    np.testing.assert_array_equal(mirror[mark], mark[swap])


def unexplained(X: np.ndarray, modes: np.ndarray) -> float:
    """Return the share of the sum of squares of X outside the span of the modes."""
    basis = np.linalg.qr(modes.reshape(len(modes), -1).T)[0]
    X = X.reshape(len(X), -1)
    return float(1 - ((X @ basis) ** 2).sum() / (X**2).sum())


def test_identity_modes_span_all_neutral_faces():
    X = np.stack([HEAD.shape(identity, {}) - HEAD.template for identity in people(30, 8)])
    assert unexplained(X, HEAD.modes("identity")) < 1e-12


def test_expression_modes_span_expressions_of_people_they_never_saw():
    X = np.stack([posed - neutral for neutral, posed in performances(20, 9)])
    modes = HEAD.modes("expression")
    assert len(modes) < 150
    assert unexplained(X, modes) < 0.005


def test_bad_requests_are_refused():
    with pytest.raises(ValueError, match="unknown action unit 'AU99'"):
        HEAD.shape(NOBODY, {"AU99": 0.5})
    with pytest.raises(ValueError, match=r"AU27 must be in \[0, 1\]"):
        HEAD.shape(NOBODY, {"AU27": 1.5})
    with pytest.raises(ValueError, match="finite numbers, got shape"):
        HEAD.shape(NOBODY[:-1], {})
    with pytest.raises(ValueError, match="finite numbers"):
        HEAD.shape(NOBODY * np.nan, {})
    with pytest.raises(ValueError, match="factor must be"):
        HEAD.modes("viseme")
