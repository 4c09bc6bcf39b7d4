"""What each mode paints, by laws on flat meshes; what it refuses; named fields."""

import numpy as np
import pytest
from matplotlib import colormaps

from meshkit.errors import FileFormatError, MeshError
from meshkit.io import save_mesh
from meshkit.mesh import Mesh
from meshkit.render import (
    COLORMAPS,
    MODES,
    Frame,
    apply_colormap,
    checker,
    default_limits,
    render_mesh,
)
from meshkit.rendering.camera import Camera
from meshkit.rendering.fields import FIELDS, load_field
from meshkit.rendering.paint import Appearance
from meshkit.rendering.visibility import find_visible

UNIT = Frame(np.zeros(3), 1.0)
SQUARE = np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
TWO = np.array([[0, 1, 2], [0, 2, 3]])
UV = (SQUARE[:, :2] + 1) / 2
SHADED_WIRED = ("shaded", "wireframe")


def flat_grid(n: int) -> tuple[np.ndarray, np.ndarray]:
    """n × n squares of two triangles on the window [-1, 1]², row by row."""
    s = np.linspace(-1, 1, n + 1)
    x, y = (t.ravel() for t in np.meshgrid(s, s))
    k = (np.arange(n)[:, None] * (n + 1) + np.arange(n)).ravel()
    quads = np.stack([k, k + 1, k + n + 2, k + n + 1], axis=1)
    F = np.stack([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]], axis=1).reshape(-1, 3)
    return np.stack([x, y, 0 * x], axis=1), F


# Wireframe


def edge_distances(V: np.ndarray, F: np.ndarray, size: int) -> np.ndarray:
    """The distance of each pixel's centre to the nearest edge, in pixels, in the window UNIT."""
    P = (V[:, :2] * (1, -1) + 1) * size / 2 - 0.5
    row, col = np.indices((size, size))
    Q = np.stack([col, row], axis=-1)[..., None, :]
    a, b = P[F].reshape(-1, 2), P[np.roll(F, -1, axis=1)].reshape(-1, 2)
    t = (((Q - a) * (b - a)).sum(-1) / ((b - a) ** 2).sum(-1)).clip(0, 1)
    return np.linalg.norm(Q - a - t[..., None] * (b - a), axis=-1).min(-1)


@pytest.mark.parametrize("fov", [None, 60.0])
def test_ink_lies_on_the_projected_edges_and_nowhere_else(fov):
    rng = np.random.default_rng(0)
    V, F = flat_grid(4)
    V[:, :2] += rng.uniform(-0.1, 0.1, (len(V), 2))
    options = {"size": (120, 120), "frame": UNIT, "background": (255, 255, 255)}
    plain, wired = (
        render_mesh(V, F, mode=mode, perspective=fov, **options) for mode in ("shaded", "wireframe")
    )
    darker = plain.astype(int).sum(2) - wired.astype(int).sum(2)
    distance = edge_distances(V, F, 120)
    row, col = np.indices((120, 120))
    inside = (abs(row - 59.5) < 40) & (abs(col - 59.5) < 40)
    assert (darker >= 0).all()
    np.testing.assert_array_equal(darker[distance > 1.6], 0)
    on = inside & (distance < 0.3)
    assert darker[on].min() > 0.4 * plain[on].astype(int).sum(1).max()
    # Anti-aliased: the same amount of ink for every position and direction of an edge.
    assert len(np.unique(darker)) > 20


def test_hidden_lines_are_hidden():
    """A plate before a fine grid: inside the plate only its own diagonal is drawn."""
    V, F = flat_grid(8)
    both = np.concatenate([V, SQUARE * 0.5 + (0, 0, 0.5)])
    options = {"size": (96, 96), "frame": UNIT, "background": (255, 255, 255)}
    faces = np.concatenate([F, TWO + len(V)])
    plain, wired = (render_mesh(both, faces, mode=m, **options) for m in ("shaded", "wireframe"))
    inked = (plain != wired).any(axis=2)
    row, col = np.indices((96, 96))
    middle = (abs(row - 47.5) < 20) & (abs(col - 47.5) < 20)
    np.testing.assert_array_equal(inked[middle], (abs(row + col - 95) <= 2)[middle] & inked[middle])
    assert inked[48, 10:20].any()  # the grid beside the plate has its lines


@pytest.mark.parametrize("n", [20, 40, 90])  # squares of 3, 1.5 and 0.7 pixels
def test_a_dense_mesh_turns_grey_not_black(n):
    V, F = flat_grid(n)
    options = {"size": (60, 60), "frame": UNIT}
    plain, wired = (render_mesh(V, F, mode=mode, **options) for mode in ("shaded", "wireframe"))
    ratio = wired[20:40, 20:40].mean() / plain[20:40, 20:40].mean()
    assert 0.5 < ratio < 0.8


# Checker


def test_two_faces_with_uv_look_like_a_grid_painted_square_by_square():
    V, F = flat_grid(16)
    middle = (V[F[::2]].min(axis=1) + V[F[::2]].max(axis=1))[:, :2] / 4 + 0.5
    colors = np.repeat(checker(middle), 2, axis=0)
    options = {"size": (64, 64), "frame": UNIT}
    painted = render_mesh(V, F, colors=colors, **options)
    np.testing.assert_array_equal(
        render_mesh(SQUARE, TWO, mode="uv-checker", UV=UV, **options), painted
    )
    per_corner = render_mesh(SQUARE, TWO, mode="uv-checker", UV=UV[::-1], F_uv=3 - TWO, **options)
    np.testing.assert_array_equal(per_corner, painted)


def test_the_checker_alternates_and_shows_where_one_is():
    corner, right, beyond = checker(np.array([[0.5, 0.5], [1.5, 0.5], [16.5, 0.5]]) / 16)
    np.testing.assert_allclose(right, 0.94)
    assert np.ptp(corner) > 0.1
    np.testing.assert_allclose(beyond, corner)
    red = checker(np.array([[0.5, 14.5], [14.5, 14.5], [14.5, 0.5]]) / 16)
    assert red[1, 0] > red[0, 0]  # with u
    assert (red[1] > red[2]).all()  # with v


# Fields and positions


@pytest.mark.parametrize("colormap", COLORMAPS)
def test_a_face_to_the_viewer_has_the_colour_of_its_value(colormap):
    V, F = flat_grid(6)
    field = np.linspace(3.0, 7.0, len(F))
    options = {"size": (60, 60), "frame": UNIT, "colormap": colormap, "limits": (3.0, 7.0)}
    image = render_mesh(V, F, mode="scalar", field=field, **options)
    wanted = np.rint(apply_colormap((field - 3) / 4, colormap) * 255)
    for f, (x, y, _) in enumerate(V[F].mean(axis=1)):
        pixel = image[int((1 - y) * 30), int((1 + x) * 30)]
        np.testing.assert_allclose(pixel, wanted[f], atol=1)


def test_a_vertex_field_is_interpolated_before_it_is_coloured():
    image = render_mesh(
        SQUARE, TWO, mode="scalar", field=SQUARE[:, 0], size=(50, 50), frame=UNIT, samples=1
    )
    x = (np.arange(50) + 0.5) / 50
    wanted = np.broadcast_to(apply_colormap(x, "viridis") * 255, (50, 50, 3))
    np.testing.assert_allclose(image, wanted, atol=0.51)


def test_shading_of_a_field_keeps_four_fifths():
    V = SQUARE @ np.array([[0.3, 0, 0.9], [0, 1, 0], [0, 0, 1]])
    tilted = render_mesh(V, TWO, mode="scalar", field=np.ones(4), frame=UNIT)[128, 128]
    facing = render_mesh(SQUARE, TWO, mode="scalar", field=np.ones(4), frame=UNIT)[128, 128]
    ratio = tilted / facing
    assert (ratio > 0.8).all()
    assert (ratio < 0.95).all()


@pytest.mark.parametrize("colormap", COLORMAPS)
def test_the_tables_are_matplotlibs(colormap):
    t = np.linspace(0, 1, 256)
    theirs = colormaps[colormap](t)[:, :3]
    np.testing.assert_allclose(apply_colormap(t, colormap), theirs, atol=5 / 255)
    np.testing.assert_allclose(apply_colormap(t, colormap)[[0, -1]], theirs[[0, -1]], atol=1 / 510)


def test_limits():
    field = np.array([-1.0, 3.0])
    assert default_limits(field, "viridis") == (-1.0, 3.0)
    assert default_limits(field, "coolwarm") == (-3.0, 3.0)
    low, high = default_limits(np.full(3, 5.0), "viridis")
    assert low < 5 < high
    low, high = default_limits(np.zeros(3), "coolwarm")
    assert low < 0 < high


def test_positions_are_colours_over_the_extent():
    V = SQUARE * (1, 1, 0) + (0, 0, 4)
    image = render_mesh(V, TWO, mode="geometry", size=(50, 50), frame=UNIT, samples=1)
    t = (np.arange(50) + 0.5) / 50 * 255
    np.testing.assert_allclose(image[..., 0], np.broadcast_to(t, (50, 50)), atol=0.51)
    np.testing.assert_allclose(image[..., 1], np.broadcast_to(t[::-1, None], (50, 50)), atol=0.51)
    np.testing.assert_array_equal(image[..., 2], 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "uv-checker"}, 'mode "uv-checker" needs UV'),
        ({"mode": "scalar"}, 'mode "scalar" needs field'),
        ({"UV": UV}, 'UV have no effect in mode "shaded"'),
        ({"field": np.ones(4)}, "field have no effect"),
        ({"colormap": "viridis"}, "colormap have no effect"),
        ({"mode": "scalar", "field": np.ones(3)}, "3 field fit neither 4 vertices nor 2 faces"),
        ({"mode": "scalar", "field": np.full(4, np.nan)}, r"field\[0\] = nan is not finite \(4"),
        ({"colors": np.full((4, 3), np.inf)}, r"colors\[0\] = .* is not finite"),
        ({"mode": "scalar", "field": np.ones(4), "colormap": "jet"}, "one of viridis, coolwarm"),
        ({"mode": "scalar", "field": np.ones(4), "limits": (2.0, 2.0)}, "must be finite and rise"),
        ({"mode": "uv-checker", "UV": UV[:3]}, "3 texture coordinates for 4 vertices"),
        ({"mode": "uv-checker", "UV": UV, "F_uv": TWO + 1}, "must index 4 texture coordinates"),
        ({"mode": "uv-checker", "UV": UV * np.nan}, "texture coordinate 0 = .* is not finite"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        render_mesh(SQUARE, TWO, **options)


def test_unknown_names():
    with pytest.raises(ValueError, match="mode must be one of shaded, normals, wireframe"):
        Appearance("nonsense").check(4, TWO)
    with pytest.raises(ValueError, match="one of auto, plain, open3d, pytorch3d, got 'nonsense'"):
        find_visible(SQUARE, TWO, Camera(np.eye(3), UNIT, None, 8, 8), "nonsense")


# Named fields


def test_named_fields_have_one_finite_number_per_vertex_or_face(tmp_path):
    V, F = flat_grid(3)
    mesh = Mesh(V + 0.1 * V[:, ::-1] ** 2, F, UV=(V[:, :2] + 1) / 2)
    for name in FIELDS:
        assert len(load_field(name, mesh, tmp_path / "m.obj")) in (len(V), len(F))
    path = tmp_path / "m.obj"
    np.testing.assert_array_equal(load_field("y", mesh, path), mesh.V[:, 1])
    assert load_field("valence", mesh, path).sum() == 2 * (3 * 9 + 6)  # each edge twice
    flat = Mesh(V, F)
    np.testing.assert_allclose(load_field("face-area", flat, path), 2 / 9)


def test_distortion_of_corner_uv_is_that_of_the_unwelded_mesh(tmp_path):
    V, F = flat_grid(3)
    UV_grid = (V[:, :2] * (1, 0.5) + 1) / 2
    whole = Mesh(V, F, UV=UV_grid)
    seams = Mesh(V, F, UV_corner=UV_grid[F].reshape(-1, 2), F_uv=np.arange(F.size).reshape(-1, 3))
    for name in ("area-distortion", "angle-distortion"):
        first, second = (load_field(name, mesh, tmp_path / "m.obj") for mesh in (whole, seams))
        np.testing.assert_allclose(second, first, atol=1e-12)
    np.testing.assert_allclose(load_field("angle-distortion", whole, tmp_path / "m.obj"), 1)


def test_fields_of_files(tmp_path):
    mesh, path = Mesh(SQUARE, TWO), tmp_path / "m.npz"
    save_mesh(path, mesh)
    with np.load(path) as archive:
        np.savez(path, **archive, heat=np.arange(4), x=np.array([7.0, 8.0]))
    np.testing.assert_array_equal(load_field("heat", mesh, path), np.arange(4))
    np.testing.assert_array_equal(load_field("x", mesh, path), [7, 8])  # its own goes first
    np.save(tmp_path / "f.npy", np.arange(2.0)[:, None])
    np.testing.assert_array_equal(load_field(str(tmp_path / "f.npy"), mesh, path), [0, 1])


def test_bad_fields(tmp_path):
    mesh, path = Mesh(SQUARE, TWO), tmp_path / "m.obj"
    for name, array in {
        "short": np.ones(3),
        "wide": np.ones((4, 2)),
        "nan": np.array([0, 1, np.nan, np.inf]),
        "text": np.array(["a", "b", "c", "d"]),
    }.items():
        np.save(tmp_path / f"{name}.npy", array)
    (tmp_path / "torn.npy").write_bytes((tmp_path / "short.npy").read_bytes()[:-5])
    (tmp_path / "empty.npy").write_bytes(b"")
    np.save(tmp_path / "pickle.npy", np.array([{}], dtype=object))
    with (tmp_path / "zip.npy").open("wb") as file:
        np.savez(file, a=np.ones(4))
    for source, kind, message in (
        ("nonsense", ValueError, "no field 'nonsense': name a .npy file"),
        ("area-distortion", MeshError, "no texture coordinates"),
        ("short.npy", ValueError, r"shape \(3,\): it needs one number for each of the 4 vertices"),
        ("wide.npy", ValueError, r"shape \(4, 2\)"),
        ("nan.npy", ValueError, r"\[2\] = nan is not finite \(2 such\)"),
        ("text.npy", FileFormatError, "not real numbers"),
        ("torn.npy", FileFormatError, "not a sound .npy file"),
        ("empty.npy", FileFormatError, "not a sound .npy file"),
        ("pickle.npy", FileFormatError, "not a sound .npy file"),
        ("zip.npy", FileFormatError, "is an archive"),
        ("absent.npy", FileNotFoundError, "absent"),
    ):
        file = str(tmp_path / source) if source.endswith(".npy") else source
        with pytest.raises(kind, match=message):
            load_field(file, mesh, path)


def test_every_mode_draws_something():
    extras = {"uv-checker": {"UV": UV}, "scalar": {"field": np.arange(4.0)}}
    pictures = [render_mesh(SQUARE, TWO, mode=mode, **extras.get(mode, {})) for mode in MODES]
    assert len({picture.tobytes() for picture in pictures}) == len(MODES)
