"""`meshkit unimg`, and what `meshkit geomimg` says of there and back, as users call them."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from meshkit.images.image_files import load_image_file, save_image_file
from meshkit.io import load_mesh, save_mesh
from meshkit.mesh import Mesh
from meshkit.primitives import grid, hemisphere
from meshkit.render import render_mesh
from meshkit.topology import boundary_loops, euler_characteristic
from tests.system.commands import read_json, refuse, succeed

pytestmark = pytest.mark.usefixtures("workdir")


def plane(name: str = "m.obj", n: int = 8) -> tuple[np.ndarray, np.ndarray]:
    V, F = grid(n, n)
    V[:, 2] = 0.5 * V[:, 0] - V[:, 1]
    save_mesh(name, Mesh(V, F, UV=V[:, :2].copy()))
    return V, F


def seam_of_a_strip() -> Mesh:
    """A plane in two charts apart: the vertices on the middle line have two coordinates."""
    V, F = grid(6, 6)
    right = V[F].mean(axis=1)[:, 0] > 0.5
    UV = np.concatenate([V[:, :2] * (0.8, 1), V[:, :2] * (0.8, 1) + (0.2, 0)])
    used, F_uv = np.unique(np.where(right[:, None], F + len(V), F), return_inverse=True)
    return Mesh(V, F, UV_corner=UV[used], F_uv=F_uv.reshape(-1, 3))


# There and back


@pytest.mark.parametrize("suffix", [".npz", ".exr", ".png"])
def test_a_template_gets_its_own_positions_back(suffix):
    """Bilinear sampling of a plane is exact between the outermost centres."""
    V, F = plane()
    there = read_json("geomimg", "m.obj", "--size", "32x24", "-o", f"g{suffix}")
    values = read_json("unimg", f"g{suffix}", "--template", "m.obj", "-o", "back.ply")
    mesh = load_mesh("back.ply")
    assert_array_equal(mesh.F, F)
    assert_array_equal(mesh.UV, V[:, :2])
    inner = (np.abs(V[:, :2] - 0.5) < 0.45).all(axis=1)
    assert_allclose(mesh.V[inner], V[inner], atol=1e-4)
    # The way back is what geomimg foretold, and errs most in a corner: half a texel.
    assert values["from_template"]["max"] == pytest.approx(there["round_trip"]["max"], rel=1e-3)
    assert_allclose(there["round_trip"]["max"], np.linalg.norm(
        [0.5 / 24, 0.5 / 32, 0.25 / 24 + 0.5 / 32]), rtol=1e-6)  # fmt: skip
    diagonal = np.linalg.norm(np.ptp(V, axis=0))
    for name in ("mean", "p95", "max"):
        percent = there["round_trip"]["percent"][name]
        assert percent == pytest.approx(100 * there["round_trip"][name] / diagonal)
    corner = there["round_trip"]["worst_vertex"]
    assert (np.abs(V[corner, :2] - 0.5) == 0.5).all()


def test_a_template_with_seams_keeps_them():
    mesh = seam_of_a_strip()
    save_mesh("s.obj", mesh)
    there = read_json("geomimg", "s.obj", "--size", "64", "--allow-seams", "-o", "g.npz")
    assert there["overlapped_texels"] == {"64": 0}
    values = read_json("unimg", "g.npz", "--template", "s.obj")
    back = load_mesh("g_mesh.obj")
    assert values["seam_vertices"] == 7
    assert_array_equal(back.F_uv, load_mesh("s.obj").F_uv)
    inner = (np.abs(mesh.V[:, :2] - 0.5) < 0.49).all(axis=1)
    assert_allclose(back.V[inner], mesh.V[inner], atol=1e-12)
    assert values["from_template"]["max"] == pytest.approx(there["round_trip"]["max"])


def test_a_grid_has_a_vertex_for_each_texel():
    plane()
    succeed("geomimg", "m.obj", "--size", "5x7", "-o", "g.npz")
    values = read_json("unimg", "g.npz", "-o", "grid.obj", "--preview", "p.png")
    mesh = load_mesh("grid.obj")
    assert_array_equal(mesh.V, load_image_file("g.npz").image.reshape(-1, 3))
    assert_allclose(mesh.UV, mesh.V[:, :2], atol=1e-12)  # on this plane
    assert (values["vertices"], values["faces"], values["stitched"]) == (35, 2 * 4 * 6, 0)
    with Image.open("p.png") as picture:
        np.testing.assert_array_equal(picture, render_mesh(mesh.V, mesh.F, size=(480, 480)))
    # A grid is a mesh like any other: its image at the same size is the image.
    succeed("geomimg", "grid.obj", "--size", "5x7", "-o", "again.npz")
    again = load_image_file("again.npz")
    image = load_image_file("g.npz").image
    assert_allclose(again.image[1:-1, 1:-1], image[1:-1, 1:-1], atol=1e-12)


@pytest.mark.parametrize("suffix", [".npz", ".exr", ".png"])
def test_a_closed_surface_closes(suffix):
    """A torus as others store it: the last row and column repeat the first."""
    a = 2 * np.pi * np.arange(13) / 12
    r = 2 + np.cos(a[:, None])
    z = np.sin(a)[:, None] + 0 * a
    image = np.stack([r * np.cos(a), r * np.sin(a), z], axis=2)
    save_image_file(f"t{suffix}", image, np.ones((13, 13), dtype=bool))
    values = read_json("unimg", f"t{suffix}", "--grid", "-o", "t.obj")
    mesh = load_mesh("t.obj")
    assert (values["vertices"], values["stitched"]) == (144, 25)
    assert boundary_loops(mesh.F) == []
    assert euler_characteristic(mesh.F) == 0
    assert mesh.F_uv.max() == 168
    values = read_json("unimg", f"t{suffix}", "--no-stitch", "-o", "t.obj")
    assert (values["vertices"], values["stitched"]) == (169, 0)


# Maps


def test_normal_and_height_maps_of_a_raised_plane():
    V, F = plane()
    N = np.array([-0.5, 1, 1]) / 1.5
    save_mesh("up.obj", Mesh(V + 0.25 * N, F, UV=V[:, :2].copy()))
    succeed("geomimg", "up.obj", "--size", "16", "-o", "g.npz")
    template = ("--template", "m.obj")
    values = read_json(
        "unimg", "g.npz", *template, "--normal-map", "n.exr", "--height-map", "h.png"
    )
    assert_allclose(load_image_file("n.exr").image, np.tile(N, (16, 16, 1)), atol=1e-6)
    height = load_image_file("h.png")
    assert_allclose(height.image, np.full((16, 16, 1), 0.25), atol=1e-6)
    assert values["height"]["min"] == pytest.approx(0.25)
    assert values["tangential"]["max"] < 1e-12
    succeed("unimg", "g.npz", *template, "--normal-map", "t.npz", "--tangent-space")
    assert_allclose(load_image_file("t.npz").image, np.tile([0, 0, 1], (16, 16, 1)), atol=1e-12)


# What geomimg says


def test_samples_reach_vertices_that_centres_miss():
    plane(n=40)
    few = read_json("geomimg", "m.obj", "--size", "16", "--visibility", "-o", "a.npz")
    all_of_them = read_json(
        "geomimg", "m.obj", "--size", "16", "--samples", "8", "--visibility", "-o", "b.npz"
    )
    assert few["vertices_seen"]["16"] < 0.5
    assert all_of_them["vertices_seen"]["16"] == 1
    assert few["visibility"]["share"] == few["vertices_seen"]["16"]
    size = few["visibility"]["advised_size"]
    assert size == all_of_them["visibility"]["advised_size"]
    for n, enough in ((size, True), (size // 2, False)):
        values = read_json("geomimg", "m.obj", "--size", n, "-o", "c.npz")
        assert (values["vertices_seen"][str(n)] >= 0.99) == enough
    assert "visibility" not in read_json("geomimg", "m.obj", "-o", "d.npz")
    # On a plane the mean of the samples is the value at the centre.
    assert_allclose(load_image_file("a.npz").image, load_image_file("b.npz").image, atol=1e-12)
    table = succeed("geomimg", "m.obj", "--size", "16", "--visibility", "-o", "a.npz").stdout
    assert f"smallest size {size} samples 99% of" in " ".join(table.split())


def test_overlaps_are_counted():
    V, F = grid(4, 4)
    both = np.concatenate([V[:, :2] * (0.75, 1), V[:, :2] * (0.75, 1) + (0.25, 0)])
    save_mesh("o.obj", Mesh(np.concatenate([V, V + 2]), np.concatenate([F, F + len(V)]), UV=both))
    values = read_json("geomimg", "o.obj", "--size", "8")
    assert values["overlapped_texels"] == {"8": 32}


def test_dilation_fills_rings_around_the_mesh():
    V, F = hemisphere(6)
    save_mesh("m.obj", Mesh(V, F, UV=V[:, :2] / 4 + 0.5))
    plain = read_json("geomimg", "m.obj", "--size", "32", "-o", "a.npz")
    wide = read_json("geomimg", "m.obj", "--size", "32", "-o", "b.npz", "--dilate", "2")
    a, b = load_image_file("a.npz"), load_image_file("b.npz")
    assert wide["empty_texels"] == plain["empty_texels"]  # said of the map, not of the filling
    assert b.inside.sum() > a.inside.sum()
    assert_array_equal(b.image[a.inside], a.image[a.inside])
    norms = np.linalg.norm(b.image[b.inside], axis=1)
    assert norms.min() > 0.9  # on the sphere, all of them
    assert (b.image[~b.inside] == 0).all()


# What they refuse


def test_what_is_no_image_of_positions_or_no_template_is_refused():
    V, F = plane()
    refuse("unimg", "none.npz", says="none.npz")
    Path("bad.npz").write_bytes(b"PK\x03\x04 no archive")
    refuse("unimg", "bad.npz", says="bad.npz: not a sound NPZ archive")
    save_image_file("one.npz", np.ones((4, 4, 1)), np.ones((4, 4), dtype=bool))
    refuse("unimg", "one.npz", says="one.npz: positions have 3 channels, this has 1")
    save_image_file("empty.npz", np.ones((4, 4, 3)), np.zeros((4, 4), dtype=bool))
    refuse("unimg", "empty.npz", says="no 2 x 2 block of the 4 x 4 texels is inside")
    refuse("unimg", "empty.npz", "--template", "m.obj", says="no texel inside")
    save_mesh("bare.obj", Mesh(V, F))
    succeed("geomimg", "m.obj", "--size", "8", "-o", "g.npz")
    refuse("unimg", "g.npz", "--template", "bare.obj", says="no texture coordinates")
    refuse("unimg", "g.npz", "--normal-map", "n.jpg", says="n.jpg: unknown suffix")
    refuse("unimg", "g.npz", "-o", "m.xyz", says="m.xyz: unknown suffix")


@pytest.mark.parametrize("more", [[], ["--template", "t.obj"]])
def test_texels_that_are_not_finite_are_refused_by_name(more):
    save_mesh("m.obj", Mesh(*hemisphere(4)))
    succeed("uvmap", "m.obj", "-o", "t.obj")
    save_image_file("n.npz", np.zeros((4, 5, 3)), np.ones((4, 5), dtype=bool))
    arrays = dict(np.load("n.npz"))
    arrays["image"][2, 3, 1] = np.nan  # which we do not write
    np.savez("n.npz", **arrays)
    refuse("unimg", "n.npz", *more, says="n.npz: the image is not finite at row 2, column 3")
