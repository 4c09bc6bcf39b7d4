"""The other back ends' side of the bargain: stand-ins that do what their documentation says.

Neither library is a dependency of the tests. The stand-ins are slow and obvious; they fail for rays
or device coordinates that are not what the libraries document. `tools/compare_backends.py` compares
with the libraries themselves where they are installed.
"""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from meshkit.render import Frame, render_mesh, render_normals, turntable, visible_surface
from tests.reference.ray_caster import nearest_hits

SIZES = [(24, 24), (18, 30), (30, 18)]
FRAME = Frame(np.array([0.1, -0.2, 0.3]), 0.9)


def soup(seed: int = 0, n: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Triangles in all directions, some through the plane of the eye."""
    rng = np.random.default_rng(seed)
    V = np.repeat(rng.normal(size=(n, 3)), 3, axis=0) + 0.4 * rng.normal(size=(3 * n, 3))
    return V, np.arange(3 * n).reshape(n, 3)


class Scene:
    """open3d.t.geometry.RaycastingScene: single precision, t >= 0, INVALID_ID where nothing is."""

    INVALID_ID = 2**32 - 1

    def add_triangles(self, vertex_positions: np.ndarray, triangle_indices: np.ndarray) -> None:
        assert (vertex_positions.dtype, triangle_indices.dtype) == (np.float32, np.uint32)
        self.mesh = vertex_positions.astype(float), triangle_indices.astype(int)

    def cast_rays(self, rays: np.ndarray) -> dict[str, SimpleNamespace]:
        assert rays.dtype == np.float32
        flat = rays.reshape(-1, 6).astype(float)
        face, t = nearest_hits(flat[:, :3], flat[:, 3:], *self.mesh)
        ids = np.where(face < 0, self.INVALID_ID, face).astype(np.uint32).reshape(rays.shape[:-1])
        return {
            "primitive_ids": SimpleNamespace(numpy=lambda: ids),
            "t_hit": SimpleNamespace(numpy=lambda: t.reshape(ids.shape)),
        }


class Meshes(SimpleNamespace):
    """pytorch3d.structures.Meshes."""


def rasterize_meshes(
    meshes: Meshes,
    image_size: tuple[int, int] = (256, 256),
    blur_radius: float = 0.0,
    faces_per_pixel: int = 8,
    perspective_correct: bool = False,
    cull_backfaces: bool = False,
) -> tuple[torch.Tensor, None, None, None]:
    """pytorch3d's raster: +x left, +y up, the short side is [-1, 1], smaller z nearer."""
    assert not perspective_correct
    assert not cull_backfaces
    assert blur_radius < 1e-9
    H, W = image_size
    V, F = meshes.verts[0].double(), meshes.faces[0]
    assert (meshes.verts[0].dtype, F.dtype) == (torch.float32, torch.int64)
    found = torch.full((1, H, W, faces_per_pixel), -1)
    for row in range(H):
        for col in range(W):
            # The centre of a pixel, counted from the far ends of the axes.
            x = ((W - 1 - col) + 0.5) * 2 / W * W / min(H, W) - W / min(H, W)
            y = ((H - 1 - row) + 0.5) * 2 / H * H / min(H, W) - H / min(H, W)
            p = V[F][:, :, :2] - torch.tensor([x, y])
            q, r = p[:, [1, 2, 0]], p[:, [2, 0, 1]]
            weight = q[..., 0] * r[..., 1] - q[..., 1] * r[..., 0]
            weight = weight / weight.sum(dim=1, keepdim=True)
            z = (weight * V[F][:, :, 2]).sum(dim=1)
            z[(weight.min(dim=1).values < 0) | (z < 0)] = torch.inf
            if torch.isfinite(z).any():
                found[0, row, col, 0] = z.argmin()
    return found, None, None, None


@pytest.fixture
def libraries(monkeypatch):
    """Install the stand-ins."""
    names = ["open3d", "pytorch3d", "pytorch3d.renderer", "pytorch3d.renderer.mesh"]
    names += ["pytorch3d.renderer.mesh.rasterize_meshes", "pytorch3d.structures"]
    modules = {name: ModuleType(name) for name in names}
    modules["open3d"].core = SimpleNamespace(Tensor=lambda array: array)
    modules["open3d"].t = SimpleNamespace(geometry=SimpleNamespace(RaycastingScene=Scene))
    modules["pytorch3d.structures"].Meshes = Meshes
    modules[names[4]].rasterize_meshes = rasterize_meshes
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.parametrize("backend", ["open3d", "pytorch3d"])
@pytest.mark.parametrize("fov", [None, 80.0])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.usefixtures("libraries")
def test_every_back_end_sees_the_same(backend, fov, size):
    V, F = soup()
    options = {"size": size, "view": turntable(30.0, 20.0), "frame": FRAME, "perspective": fov}
    plain = visible_surface(V, F, **options)
    other = visible_surface(V, F, backend=backend, **options)
    np.testing.assert_array_equal(other.face_index, plain.face_index)
    np.testing.assert_array_equal(other.bary, plain.bary)
    np.testing.assert_array_equal(other.depth, plain.depth)
    assert len(np.unique(plain.face_index)) > 4


@pytest.mark.parametrize("backend", ["open3d", "pytorch3d"])
@pytest.mark.usefixtures("libraries")
def test_pictures_do_not_depend_on_the_back_end(backend):
    V, F = soup(1)
    options = {"size": (12, 16), "frame": FRAME}
    plain = render_mesh(V, F, samples=1, **options)
    np.testing.assert_array_equal(render_mesh(V, F, samples=1, backend=backend, **options), plain)
    np.testing.assert_array_equal(
        render_normals(V[None], F, backend=backend, **options),
        render_normals(V[None], F, **options),
    )


@pytest.mark.parametrize("backend", ["open3d", "pytorch3d"])
@pytest.mark.usefixtures("libraries")
def test_nothing_before_the_eye_is_nothing(backend):
    V, F = soup(2)
    V = V * 0.01 + np.array([0, 0, 50.0])
    seen = visible_surface(V, F, size=(8, 8), frame=FRAME, perspective=60.0, backend=backend)
    assert (seen.face_index == -1).all()


@pytest.mark.usefixtures("libraries")
def test_a_face_that_a_ray_grazes_covers_nothing(monkeypatch):
    """Embree rounds to single precision and may report a face that is seen on edge."""
    V = np.array([[0.0, -1, 0], [0, 1, 0], [0, 0, 1], [-1, -1, -2], [1, -1, -2], [0, 1, -2]])
    F = np.array([[0, 1, 2], [3, 4, 5]])
    monkeypatch.setattr(
        Scene,
        "cast_rays",
        lambda self, rays: {
            "primitive_ids": SimpleNamespace(numpy=lambda: np.zeros(rays.shape[:-1], np.uint32))
        },
    )
    frame = Frame(np.zeros(3), 1.0)
    seen = visible_surface(V, F, size=(9, 9), frame=frame, backend="open3d")
    assert (seen.face_index == -1).all()
    assert np.isfinite(seen.bary).all()


@pytest.mark.parametrize(
    ("backend", "words"),
    [("open3d", ["pip install open3d", "libusb-1.0"]), ("pytorch3d", ["install pytorch3d"])],
)
def test_a_missing_library_is_named_in_one_line(backend, words, monkeypatch):
    monkeypatch.setitem(sys.modules, backend, None)
    V, F = soup()
    with pytest.raises(ValueError, match=f'backend "{backend}" cannot be imported') as caught:
        visible_surface(V, F, backend=backend)
    assert all(word in str(caught.value) for word in words)
    assert "\n" not in str(caught.value)
