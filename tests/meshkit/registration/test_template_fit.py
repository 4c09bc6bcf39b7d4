"""Rigid and non-rigid fits, on hand-made domes, the procedural head and the shared faces."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from gan.datasets.procedural import ProceduralHead
from meshkit.errors import MeshError, SolveError
from meshkit.primitives import grid
from meshkit.registration.icp import find_pose, radius, rigid_icp
from meshkit.registration.landmarks import vertex_landmarks
from meshkit.registration.matching import border_vertices, match
from meshkit.registration.sequence import fit_sequence
from meshkit.registration.similarity import Similarity, identity
from meshkit.registration.stiffness import DisplacementEnergy
from meshkit.registration.target import Target
from meshkit.registration.template_fit import (
    FitOptions,
    find_start,
    fit_template,
    place_template,
)
from tests import meshes
from tests.scans import Scan, scan_of

QUICK = FitOptions(steps=6)


def bent(V: np.ndarray, amount: float = 0.08) -> np.ndarray:
    return V + amount * np.sin(2 * V[:, [1, 2, 0]] + 1)


def shaped() -> meshes.Arrays:
    """A dome without symmetry, finer than `bumpy`'s default."""
    V, F = meshes.bumpy(14)
    return V * [1.0, 1.3, 0.9], F


def apart(A: np.ndarray, B: np.ndarray) -> float:
    return float(np.linalg.norm(A - B, axis=1).mean())


@pytest.mark.parametrize("scale", [False, True])
def test_icp_finds_a_small_motion_again(scale):
    V, F = shaped()
    turn = Rotation.from_rotvec([0.1, -0.15, 0.2]).as_matrix()
    motion = Similarity(turn, np.array([0.1, 0.05, -0.1]), 1.1 if scale else 1.0)
    fit = rigid_icp(V, F, Target(motion.apply(V), F), scale=scale, trim=1.0)
    assert_allclose(fit.motion.apply(V), motion.apply(V), atol=1e-4)
    assert fit.error < 1e-4


def test_trimming_ignores_what_does_not_belong():
    """A third of the scan is moved away; without trimming it pulls the rest along."""
    V, F = shaped()
    broken = V + np.where(V[:, :1] > 0.4, [0.0, 0.0, 0.15], 0)
    start = Similarity(Rotation.from_rotvec([0.05, 0, 0.05]).as_matrix(), np.zeros(3), 1.0)
    kept = V[:, 0] < 0.3
    off = [
        apart(
            rigid_icp(V, F, Target(broken, F), start=start, trim=t).motion.apply(V)[kept], V[kept]
        )
        for t in (0.5, 1.0)
    ]
    assert off[0] < 0.25 * off[1]


@pytest.mark.parametrize("seed", range(4))
def test_any_pose_is_found_without_landmarks(seed):
    V, F = shaped()
    rng = np.random.default_rng(seed)
    scan = scan_of(V, F, rng, n_faces=900, noise=0.005, holes=2, size=2.0)
    pose = find_start(V, F, scan.target(), scale=True)
    assert apart(pose.apply(V), scan.truth) < 0.05 * scan.motion.scale
    found = find_pose(V, F, scan.target(), scale=True)
    assert apart(found.apply(V), scan.truth) < 0.1 * scan.motion.scale


def test_what_icp_refuses():
    V, F = shaped()
    with pytest.raises(ValueError, match="trim must be in"):
        rigid_icp(V, F, Target(V, F), trim=0.0)
    with pytest.raises(SolveError, match="face a part of the scan"):
        rigid_icp(V, F, Target(V, F[:, ::-1]))
    P, G = grid(8, 8)
    with pytest.raises(SolveError, match="leaves a motion free"):
        rigid_icp(P, G, Target(3 * P - 1, G))


def test_the_solver_minimises_what_it_says():
    """The gradient of the documented energy, by differences, vanishes at its solution."""
    rng = np.random.default_rng(0)
    V, F = meshes.bumpy(3)
    energy = DisplacementEnergy(V, F)
    n = len(V)
    point, normal = rng.normal(size=(n, 3)), rng.normal(size=(n, 3))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    weight, tangential = rng.uniform(size=n), rng.uniform(0.05, 0.5, size=n)
    marks = vertex_landmarks(np.array([3, 9]), rng.normal(size=(2, 3)), n)
    place = rng.normal(size=(n, 3))

    def cost(X: np.ndarray) -> float:
        d, off = X - V, X - point
        smooth = 0.7**4 * np.einsum("ic,ij,jc", d, energy.matrix.toarray(), d)
        planes = energy.mass * weight
        data = planes @ ((off * normal).sum(axis=1) ** 2 + tangential * (off**2).sum(axis=1))
        pins = energy.mass.sum() * 0.3 / 2 * ((marks.operator @ X - marks.points) ** 2).sum()
        return smooth + data + pins + 0.2 * energy.mass @ ((X - place) ** 2).sum(axis=1)

    X = V
    for _ in range(4):  # a solve is exact to 1e-5 of its start
        X = energy.solve(
            X,
            length=0.7,
            weight=weight,
            point=point,
            normal=normal,
            tangential=tangential,
            pins=(marks.operator, marks.points, 0.3),
            anchor=(0.2, place),
        )
    for _ in range(10):
        step = 1e-4 * rng.normal(size=X.shape)
        slope = (cost(X + step) - cost(X - step)) / 2
        assert abs(slope) < 1e-5 * (cost(X + step) + cost(X - step) - 2 * cost(X)) ** 0.5


def test_a_template_on_itself_stays():
    V, F = shaped()
    fit = fit_template(V, F, Target(V, F), pose=identity(), options=QUICK)
    assert_allclose(fit.V, V, atol=1e-6)


def test_turning_and_scaling_the_scan_does_the_same_to_the_fit():
    V, F = shaped()
    scan = scan_of(bent(V), F, np.random.default_rng(1), n_faces=900, noise=0.005, size=30.0)
    back = scan.motion.inverse()
    there = fit_template(V, F, scan.target(), pose=scan.motion, options=QUICK)
    here = fit_template(V, F, Target(back.apply(scan.V), scan.F), pose=identity(), options=QUICK)
    assert_allclose(back.apply(there.V), here.V, atol=1e-4)


def test_holes_are_bridged_and_the_border_is_not_pulled_in():
    """A scan of the dome's upper part: below its rim the template goes on as it is."""
    V, F = shaped()
    upper = V[F][:, :, 2].mean(axis=1) > 0.35
    centre = np.linalg.norm(V[F].mean(axis=1) - V[F[5]].mean(axis=0), axis=1) < 0.25
    moved = bent(V, 0.03)
    fit = fit_template(V, F, Target(moved, F[upper & ~centre]), pose=identity(), options=QUICK)
    below = V[:, 2] < 0.25
    assert (fit.weight[below] == 0).mean() > 0.95
    assert np.linalg.norm(fit.V - moved, axis=1).max() < 0.12
    rim = border_vertices(F, len(V))
    assert np.linalg.norm((fit.V - moved)[rim], axis=1).max() < 0.12


def test_outliers_lose_their_pull():
    V, F = shaped()
    scan = scan_of(bent(V), F, np.random.default_rng(2), n_faces=1200, outliers=0.05)
    clean = scan_of(bent(V), F, np.random.default_rng(2), n_faces=1200)
    fits = [fit_template(V, F, s.target(), pose=s.motion, options=QUICK).V for s in (scan, clean)]
    errors = [
        Target(s.truth, F).closest(X).distance.mean()
        for X, s in zip(fits, (scan, clean), strict=True)
    ]
    assert errors[0] < errors[1] + 0.004


def test_gates_by_hand():
    V, F = grid(6, 6)
    scan = Target(V + np.array([0, 0, 0.01]), F)
    bent_up = V.copy()
    bent_up[24] += [0, 0, 0.5]
    found = match(bent_up, F, scan, size=1.0, distance_gate=5.0, normal_gate=60.0)
    assert found.weight[24] == 0
    assert found.weight[np.flatnonzero(~border_vertices(F, len(V)))[0]] > 0.8
    backwards = match(V, F[:, ::-1], scan, size=1.0, distance_gate=5.0, normal_gate=60.0)
    assert (backwards.weight == 0).all()


HEAD = ProceduralHead()


def head_scan(seed: int) -> tuple[Scan, np.ndarray]:
    rng = np.random.default_rng(seed)
    V = HEAD.shape(HEAD.sample_identity(rng), {"AU12_L": 0.4, "AU12_R": 0.4, "AU26": 0.2})
    scan = scan_of(V, HEAD.faces, rng, n_faces=7000, noise=0.3, holes=2, outliers=0.03)
    return scan, HEAD.landmarks[[8, 30, 36, 39, 42, 45, 48, 54, 33, 27, 51, 57]]


@pytest.mark.parametrize("cloud", [False, True])
def test_a_scanned_head_is_found_from_the_template(cloud):
    scan, marked = head_scan(0)
    V, F = HEAD.template, HEAD.faces
    marks = vertex_landmarks(marked, scan.truth[marked], len(V))
    target = Target(scan.V) if cloud else scan.target()
    pose = find_start(V, F, target, marks)
    steps = []
    fit = fit_template(
        V,
        F,
        target,
        marks,
        pose=pose,
        options=FitOptions(steps=8, repeats=1),
        progress=lambda *told: steps.append(told),
    )
    assert steps == [("fitting", k + 1, 8) for k in range(8)]
    rigid = place_template(V, F, target, pose=pose)
    truth = Target(scan.truth, F)
    assert apart(fit.V, scan.truth) < 0.5 * apart(rigid.V, scan.truth)
    assert truth.closest(fit.V).distance.mean() < 0.5


def test_a_scanned_face_is_found_from_the_mean(faces):
    """MakeHuman's 2,137 vertices, in mm: another identity, half the weight of one landmark each."""
    model = np.load(faces / "makehuman" / "makehuman_face.npz")
    rng = np.random.default_rng(3)
    V, F = 100 * model["mean"].astype(float), model["faces"].astype(np.int64)
    macro = np.flatnonzero(model["id_kinds"] == "macro")
    details = np.flatnonzero(model["id_kinds"] == "detail")
    a = np.zeros(len(model["id_modes"]))
    a[macro] = rng.dirichlet(np.full(len(macro), 0.6))
    a[details] = np.abs(rng.normal(scale=0.1, size=len(details))) * (
        rng.uniform(size=len(details)) < 0.3
    )
    other = V + 100 * np.tensordot(a, model["id_modes"].astype(float), 1)
    scan = scan_of(other, F, rng, n_faces=8000, noise=0.3, holes=2, outliers=0.03)
    marked = np.linspace(0, len(V) - 1, 16).astype(np.int64)
    marks = vertex_landmarks(marked, scan.truth[marked], len(V))
    pose = find_start(V, F, scan.target(), marks)
    options = FitOptions(steps=8)
    fit = fit_template(V, F, scan.target(), marks, pose=pose, options=options)
    truth = Target(scan.truth, F)
    assert apart(fit.V, scan.truth) < 0.6 * apart(pose.apply(V), scan.truth)
    assert truth.closest(fit.V).distance.mean() < 0.5


def test_an_interrupted_sequence_goes_on_bit_for_bit():
    """Stopped after any frame of either pass, with what was kept so far."""
    V, F = shaped()
    targets = [Target(bent(V, 0.03 + 0.01 * k) + 0.02 * k, F) for k in range(4)]
    given = {"start": identity(), "options": QUICK}
    whole: dict = {}
    fits = fit_sequence(V, F, targets, kept=whole, **given)
    assert sorted(whole) == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 1), (1, 2)]
    for done in (1, 3, 5):
        kept = dict(list(whole.items())[:done])
        for a, b in zip(fits, fit_sequence(V, F, targets, kept=kept, **given), strict=True):
            np.testing.assert_array_equal(a.V, b.V)
    moved = fits[0]._replace(V=fits[0].V + 1)
    assert fit_sequence(V, F, targets[:1], kept={(0, 0): moved})[0] is moved


def test_a_frame_that_cannot_be_fitted_is_named():
    V, F = shaped()
    away = Target(V + 1e3, F[:, ::-1])
    with pytest.raises(SolveError, match="frame 1: "):
        fit_sequence(V, F, [Target(V, F), away], start=identity(), options=QUICK)


def test_a_sequence_is_smoother_than_its_frames_and_no_worse():
    V, F = shaped()
    rng = np.random.default_rng(4)
    truths, targets = [], []
    for k in range(6):
        turn = Rotation.from_rotvec([0, 0.04 * k, 0.02 * k]).as_matrix()
        truths.append(bent(V, 0.03 + 0.008 * k) @ turn.T + [0.02 * k, 0, 0])
        scan = truths[-1] + rng.normal(scale=0.01, size=V.shape)
        targets.append(Target(scan, F))
    ticks = []
    fits, single = (
        fit_sequence(
            V,
            F,
            targets,
            start=identity(),
            options=QUICK,
            smoothness=s,
            progress=lambda stage, done, total: ticks.append((done, total)),
        )
        for s in (1.0, 0.0)
    )
    assert ticks == [(k + 1, 10) for k in range(10)] + [(k + 1, 6) for k in range(6)]

    def jitter(frames: list[np.ndarray]) -> float:
        X = np.stack(frames) - np.stack(truths)
        return float(np.abs(X[2:] - 2 * X[1:-1] + X[:-2]).mean())

    def error(frames: list[np.ndarray]) -> float:
        return float(np.mean([apart(X, Y) for X, Y in zip(frames, truths, strict=True)]))

    smooth, rough = [fit.V for fit in fits], [fit.V for fit in single]
    assert jitter(smooth) < 0.7 * jitter(rough)
    assert error(smooth) < 1.05 * error(rough)
    assert error(smooth) < 0.03
    turned = fits[-1].pose.R @ fits[0].pose.R.T
    assert_allclose(Rotation.from_matrix(turned).as_rotvec(), [0, 0.2, 0.1], atol=0.06)


def test_what_a_fit_refuses():
    V, F = shaped()
    target = Target(V, F)
    with pytest.raises(SolveError, match="have a counterpart"):
        fit_template(V, F[:, ::-1], target, pose=identity(), options=QUICK)
    loose = np.concatenate([V, [[0, 0, 3.0]]])
    with pytest.raises(MeshError, match=f"template vertex {len(V)} is in no face"):
        fit_template(loose, F, target, pose=identity())
    line = vertex_landmarks(np.arange(3), np.outer(np.arange(3.0), [1, 0, 0]), len(V))
    with pytest.raises(ValueError, match="on one line"):
        find_start(V, F, target, line)
    with pytest.raises(ValueError, match="1 frames with 2 sets"):
        fit_sequence(V, F, [target], [None, None])
    with pytest.raises(ValueError, match="0 frames"):
        fit_sequence(V, F, [])
    with pytest.raises(ValueError, match="smoothness must not be negative"):
        fit_sequence(V, F, [target], smoothness=-1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fine": 2.0}, "fine <= coarse"),
        ({"steps": 0}, "start at 1"),
        ({"normal_gate": 90.0}, "normal_gate in"),
        ({"distance_gate": 0.0}, "positive distance_gate"),
        ({"tangential": -1.0}, "must not be negative"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        FitOptions(**options)


def test_radius_by_hand():
    assert_allclose(radius(np.array([[0.0, 0, 0], [2, 0, 0]])), 1)
