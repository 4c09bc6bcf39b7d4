import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from meshkit import Mesh, geometry_image, load_mesh, mirror_permutation, parameterize
from meshkit.errors import TopologyError
from meshkit.flattening.cut import cut_to_disk
from meshkit.primitives import grid
from meshkit.raster import rasterize_uv
from meshkit.topology import boundary_loop
from tests import meshes
from tests.meshkit.flattening.test_balance import TEMPLATES


def noisy(V: np.ndarray, amount: float = 0.003) -> np.ndarray:
    return V + amount * np.random.default_rng(0).normal(size=V.shape)


def face() -> meshes.Arrays:
    """Symmetric in connectivity, nearly so in space: a vault with a nose to one side."""
    V, F = grid(16, 8)
    n = len(V)
    left = np.where(V[:, 0] == 0, np.arange(n), n + np.cumsum(V[:, 0] > 0) - 1)
    V = np.concatenate([V, V[V[:, 0] > 0] * (-1, 1, 1)]) * (1, 2.8, 1) - (0, 1.4, 0)
    x, y, _ = V.T
    V[:, 2] = np.cos(x) + 0.3 * y + np.exp(-20 * ((x - 0.05) ** 2 + y**2))
    return meshes.frozen(noisy(V), np.concatenate([F, left[F[:, ::-1]]]))


def test_a_permutation_mirrors_vertices_and_faces_in_any_pose_and_unit():
    V, F = face()
    mirror = mirror_permutation(V, F)
    assert mirror is not None
    assert_array_equal(mirror[mirror], np.arange(len(V)))
    assert_allclose(V[mirror, :2] * (-1, 1), V[:, :2], atol=0.03)
    once, again = ({tuple(np.roll(f, -f.argmin())) for f in G} for G in (F, mirror[F][:, ::-1]))
    assert once == again
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    assert_array_equal(mirror_permutation(1e9 * V @ turn.T + 1e9, F), mirror)


def test_what_has_no_mirror_image_has_none():
    V, F = grid(3, 4)
    V = V + np.stack([V[:, 1] ** 2, 0 * V[:, 0], np.sin(5 * V[:, 0] + V[:, 1])], axis=1)
    assert mirror_permutation(V, F) is None
    with pytest.raises(TopologyError, match="not symmetric"):
        parameterize(V, F, symmetric=True)


@pytest.mark.parametrize(
    "options", [{}, {"boundary": "circle"}, {"boundary": "rectangle", "aspect": 0.7}]
)
@pytest.mark.parametrize("balance", [None, 12])
def test_a_symmetric_map_is_its_mirror_image(options, balance):
    V, F = face()
    p = parameterize(V, F, symmetric=True, balance=balance, **options)
    assert p.mirror is not None
    width = options.get("aspect", 1)
    assert_allclose(p.UV[p.mirror] * (-1, 1) + (width, 0), p.UV, atol=1e-15)
    assert p.flips.size == p.zero_area.size == 0


@pytest.mark.parametrize("template", TEMPLATES)
def test_mirroring_the_image_of_a_face_is_mirroring_the_face(faces, template):
    mesh = load_mesh(faces / f"{template}_holes.obj")
    p = parameterize(mesh, fill_holes=True, symmetric=True, balance=64)
    assert p.mirror is not None
    assert p.flips.size == p.zero_area.size == 0
    assert_allclose(p.UV[p.mirror] * (-1, 1) + (1, 0), p.UV, atol=1e-15)
    own = p.F[: len(mesh.F)]
    raster = rasterize_uv(p.UV, own, 64)
    image, other = (geometry_image(V, own, raster) for V in (mesh.V, mesh.V[p.mirror]))
    # Some quads of the vitruvian template are cut along diagonals that do not mirror.
    same = (np.abs(image[:, ::-1] - other) <= 1e-9).all(axis=2)
    assert same.mean() > 0.98


def test_the_sides_of_a_seam_are_told_apart():
    V, F = face()
    mirror = mirror_permutation(V, F)
    assert mirror is not None
    middle = np.flatnonzero(mirror == np.arange(len(V)))
    top = int(middle[V[middle, 1].argmax()])
    walk = middle[np.argsort(-V[middle, 1])][: len(middle) // 2]
    cut = cut_to_disk(V, F, through=[top, *walk[1:].tolist()])
    assert len(boundary_loop(cut.F)) == len(boundary_loop(F)) + 2 * len(cut.seam)
    p = parameterize(Mesh(cut.V, cut.F), symmetric=True)
    assert p.mirror is not None
    sides = np.flatnonzero(cut.vertex_map == walk[1])
    assert_array_equal(p.mirror[sides], sides[::-1])
    assert p.flips.size == p.zero_area.size == 0
