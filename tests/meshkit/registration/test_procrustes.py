import numpy as np
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from meshkit.registration.procrustes import generalized_procrustes, procrustes
from meshkit.registration.similarity import Similarity, identity
from tests import meshes

SIZES = st.sampled_from([1e-3, 0.7, 40.0])


def some_motion(rng: np.random.Generator, size: float = 1.0) -> Similarity:
    return Similarity(Rotation.random(rng=rng).as_matrix(), size * rng.normal(size=3), size)


@given(meshes.seeds(), SIZES)
def test_a_motion_is_found_again(seed, size):
    """Fails for a transposed rotation, a scale of the wrong side, a lost centre."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(rng.integers(4, 9), 3))
    motion = some_motion(rng, size)
    found = procrustes(A, motion.apply(A), scale=True)
    assert_allclose(found.R, motion.R, atol=1e-9)
    assert_allclose(found.scale, size, rtol=1e-9)
    assert_allclose(found.apply(A), motion.apply(A), atol=1e-9 * size)


@given(meshes.seeds())
def test_motions_compose_and_undo(seed):
    rng = np.random.default_rng(seed)
    f, g, X = some_motion(rng, 2.0), some_motion(rng, 0.3), rng.normal(size=(5, 3))
    assert_allclose(g.after(f).apply(X), g.apply(f.apply(X)), atol=1e-12)
    assert_allclose(f.inverse().apply(f.apply(X)), X, atol=1e-12)
    assert_allclose(f.after(identity()).apply(X), f.apply(X), atol=1e-14)


@pytest.mark.filterwarnings("ignore:a mirrored copy fits")
@pytest.mark.parametrize("scale", [False, True])
@given(seed=meshes.seeds())
def test_no_motion_nearby_is_better(scale, seed):
    """The optimum of weighted squares, by definition; trimesh's rotation without weights."""
    rng = np.random.default_rng(seed)
    A, B, w = rng.normal(size=(12, 3)), rng.normal(size=(12, 3)), rng.uniform(size=12)
    B += 3 * A * [1, 1, rng.choice([1.0, -0.2])]  # also where a reflection would be better
    best = procrustes(A, B, weights=w, scale=scale)

    def cost(motion: Similarity) -> float:
        return float(w @ ((motion.apply(A) - B) ** 2).sum(axis=1))

    for _ in range(20):
        turn = Rotation.from_rotvec(1e-3 * rng.normal(size=3)).as_matrix()
        size = best.scale * (np.exp(1e-3 * rng.normal()) if scale else 1)
        assert cost(Similarity(turn @ best.R, best.t + 1e-3 * rng.normal(size=3), size)) > cost(
            best
        )
    best = procrustes(A, B, scale=scale)
    theirs, _, _ = trimesh.registration.procrustes(A, B, reflection=False, scale=scale)
    size = np.cbrt(np.linalg.det(theirs[:3, :3]))  # theirs is the ratio of the sizes
    assert_allclose(best.R, theirs[:3, :3] / size, atol=1e-9)


def test_weightless_points_have_no_say():
    rng = np.random.default_rng(1)
    A = rng.normal(size=(6, 3))
    B = some_motion(rng).apply(A)
    B[5] += 100
    found = procrustes(A, B, weights=np.array([1.0, 1, 1, 1, 1, 0]))
    assert_allclose(found.apply(A)[:5], B[:5], atol=1e-12)


def test_a_mirror_image_is_turned_not_mirrored_and_said():
    A = np.random.default_rng(2).normal(size=(8, 3))
    with pytest.warns(UserWarning, match="left and right swapped"):
        found = procrustes(A, A * [-1, 1, 1])
    assert_allclose(np.linalg.det(found.R), 1, rtol=1e-12)


def test_three_points_in_a_plane_are_enough():
    A = np.array([[0.0, 0, 0], [1, 0, 0], [0, 2, 0]])
    motion = some_motion(np.random.default_rng(3))
    assert_allclose(procrustes(A, motion.apply(A)).apply(A), motion.apply(A), atol=1e-12)


@pytest.mark.parametrize(
    ("A", "options", "message"),
    [
        (np.outer(np.arange(5.0), [1, 2, 3]), {}, "first set lie on one line"),
        (np.ones((5, 3)), {}, "first set lie in one place"),
        (np.eye(3)[:2], {}, "needs three points, got 2"),
        (np.eye(3), {"weights": np.array([1.0, 1, 0])}, "needs three points, got 2"),
        (np.eye(3), {"weights": np.array([1.0, 1, -1])}, "none negative"),
        (np.eye(3) * np.nan, {}, "point 0 of the first set is not finite"),
    ],
)
def test_points_that_fix_nothing(A, options, message):
    B = np.random.default_rng(4).normal(size=A.shape)
    with pytest.raises(ValueError, match=message):
        procrustes(A, B, **options)


def test_points_on_a_line_on_the_other_side():
    with pytest.raises(ValueError, match="second set lie on one line"):
        procrustes(np.eye(3), np.outer(np.arange(3.0), [1, 2, 3]))


@pytest.mark.parametrize("scale", [False, True])
def test_moved_copies_have_one_mean_and_no_residual(scale):
    rng = np.random.default_rng(5)
    A = meshes.bumpy(4)[0]
    X = np.stack([some_motion(rng, 1 + 0.3 * k * scale).apply(A) for k in range(5)])
    found = generalized_procrustes(X, scale=scale)
    assert_allclose(found.aligned, np.broadcast_to(found.mean, X.shape), atol=1e-9)
    assert_allclose(found.residuals, 0, atol=1e-9)
    assert_allclose(found.mean.mean(axis=0), 0, atol=1e-9)
    if not scale:
        assert_allclose(procrustes(found.mean, X[0]).R, np.eye(3), atol=1e-9)


@pytest.mark.parametrize("scale", [False, True])
def test_the_mean_is_that_of_the_aligned_and_each_is_aligned_to_it(scale):
    """The two conditions of the optimum; the odd one out has the largest residual."""
    rng = np.random.default_rng(6)
    A = meshes.bumpy(4)[0]
    X = np.stack([some_motion(rng).apply(A + 0.02 * rng.normal(size=A.shape)) for _ in range(6)])
    X[3] += 0.2 * rng.normal(size=A.shape)
    found = generalized_procrustes(X, scale=scale, tolerance=1e-13)
    mean = found.aligned.mean(axis=0)
    ratio = 1.0
    if scale:
        ratio = np.sqrt((found.mean**2).sum() / (mean**2).sum())
        size = np.mean([((Y - Y.mean(axis=0)) ** 2).sum() for Y in X])
        assert_allclose((found.mean**2).sum(), size, rtol=1e-9)
    assert_allclose(ratio * mean, found.mean, atol=1e-9)
    for Y, motion, Z in zip(X, found.motions, found.aligned, strict=True):
        assert_allclose(motion.apply(Y), Z, atol=1e-12)
        assert_allclose(procrustes(Z, found.mean, scale=scale).R, np.eye(3), atol=1e-9)
    off = np.sqrt(((found.aligned - found.mean) ** 2).sum(axis=2).mean(axis=1))
    assert_allclose(found.residuals, off, rtol=1e-12)
    assert found.residuals.argmax() == 3


def test_an_empty_collection():
    with pytest.raises(ValueError, match="at least one mesh"):
        generalized_procrustes(np.zeros((0, 5, 3)))


def test_a_mirrored_mesh_of_a_collection_is_named_once():
    V = np.random.default_rng(3).normal(size=(40, 3))
    with pytest.warns(UserWarning, match=r"meshes \[2\] fit far better mirrored") as caught:
        generalized_procrustes(np.stack([V, V + 1, V * [-1, 1, 1], V - 2, V]))
    assert len(caught) == 1
