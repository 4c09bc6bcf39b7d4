import numpy as np
import pytest
from hypothesis import given, settings
from numpy.testing import assert_allclose, assert_array_equal

from meshkit.errors import DegenerateFaceError, MeshError, SolveError, TopologyError
from meshkit.flattening.boundary import circle_boundary, square_boundary
from meshkit.flattening.free_boundary import METHODS
from meshkit.flattening.harmonic import harmonic_uv, solve_dirichlet
from meshkit.io import load_mesh
from meshkit.laplacian import cotangent_laplacian, mean_value_laplacian, uniform_laplacian
from meshkit.param import WEIGHTS, flipped_faces, parameterize, zero_area_faces
from meshkit.primitives import grid
from meshkit.raster import raster_matrix, rasterize_uv
from meshkit.topology import boundary_loop, boundary_loops
from tests import meshes
from tests.reference import corners as slow
from tests.reference.topology import half_edges

# Harmonic maps: a bare solve.


@given(meshes.disks())
def test_a_flat_disk_with_its_border_fixed_maps_to_itself(mesh):
    flat, F = mesh[0] * [1, 1, 0], mesh[1]
    loop = boundary_loop(F)
    for laplacian in (cotangent_laplacian, mean_value_laplacian):
        UV = harmonic_uv(flat, F, loop, flat[loop, :2], laplacian=laplacian)
        assert_allclose(UV, flat[:, :2], atol=1e-9)  # thin faces: the system is ill-conditioned


def test_uniform_weights_put_each_vertex_in_the_middle_of_its_neighbours():
    V, F = meshes.bumpy()
    loop = boundary_loop(F)
    UV = harmonic_uv(V, F, loop, circle_boundary(V, loop), laplacian=uniform_laplacian)
    for i in (0, 5, 100):
        neighbours = np.unique(F[(i == F).any(axis=1)])
        assert_allclose(UV[i], UV[neighbours[neighbours != i]].mean(axis=0), atol=1e-12)


def test_a_mesh_without_inner_vertices_is_its_border():
    V, F = grid(1, 1)
    loop = boundary_loop(F)
    UV = harmonic_uv(V, F, loop, np.arange(8.0).reshape(4, 2))
    assert_array_equal(UV[loop], np.arange(8.0).reshape(4, 2))


def test_parts_are_refused():
    V, F = grid(2, 2)
    with pytest.raises(TopologyError, match=r"2 parts.*keep_component"):
        harmonic_uv(np.concatenate([V, V[:1]]), F, boundary_loop(F), np.zeros((8, 2)))


def test_a_residual_above_the_tolerance_is_an_error():
    V, F = meshes.bumpy()
    loop = boundary_loop(F)
    with pytest.raises(SolveError, match=r"relative residual .* > rtol 1.0e-30"):
        harmonic_uv(V, F, loop, circle_boundary(V, loop), rtol=1e-30)


def test_a_singular_system_is_an_error():
    L = uniform_laplacian(*grid(2, 2)) * 0
    with pytest.raises(SolveError, match=r"singular|residual nan"):
        solve_dirichlet(L, np.array([0]), np.ones((1, 2)))


def test_flips_and_zero_areas_by_hand():
    UV = np.array([[0, 0], [1, 0], [0, 1], [0.5, 0.5], [0.1, 0.1], [0.3, 0.3]])
    F = np.array([[0, 1, 2], [0, 2, 1], [1, 2, 3], [0, 4, 5]])
    assert flipped_faces(UV, F).tolist() == [1]
    # 0.1, 0.3 and 0 are on the diagonal exactly, whatever their rounding.
    assert zero_area_faces(UV, F).tolist() == [2, 3]


# The whole job.


@settings(max_examples=60)
@given(meshes.hard_disks())
def test_auto_has_no_flips_and_no_zero_areas(mesh):
    V, F = mesh
    outer, *holes = boundary_loops(F)
    for boundary in ("square", "circle"):
        if boundary == "square" and (len(outer) < 4 or not_enough_corners(F, outer)):
            continue
        for fill_holes in (False, True):
            p = parameterize(V, F, boundary=boundary, fill_holes=fill_holes)
            assert p.flips.size == p.zero_area.size == 0
            assert flipped_faces(p.UV, p.F).size == zero_area_faces(p.UV, p.F).size == 0
            assert_array_equal(p.F[~p.fill_mask], F)
            directed = half_edges(p.F)
            assert len(set(directed)) == len(directed)  # no edge is repeated
            assert len(boundary_loops(p.F)) == (1 if fill_holes else 1 + len(holes))
            assert ((p.UV >= 0) & (p.UV <= 1)).all()


def not_enough_corners(F: np.ndarray, loop: np.ndarray) -> bool:
    """Answer by the slow test; long loops of these meshes have few ears."""
    return len(loop) <= 14 and not slow.feasible(F, loop)


@given(meshes.eared_disks())
def test_ears_collapse_nowhere_or_are_named(mesh):
    V, F = mesh
    loop = boundary_loop(F)
    assert parameterize(V, F, boundary="circle").zero_area.size == 0
    if slow.feasible(F, loop):
        p = parameterize(V, F, boundary="square")
        assert p.zero_area.size == p.flips.size == 0
    else:
        with pytest.raises(TopologyError, match="boundary='circle'"):
            parameterize(V, F, boundary="square")


@pytest.mark.parametrize("boundary", ["square", "circle"])
@pytest.mark.parametrize("around", [5, 20])
def test_a_long_finger_falls_back_to_the_drawing_on_a_grid(boundary, around):
    V, F = meshes.finger(160, around)
    p = parameterize(V, F, boundary=boundary)
    assert p.weights == "grid"
    assert p.flips.size == p.zero_area.size == 0
    loop = boundary_loop(F)
    place = square_boundary(V, loop, F=F) if boundary == "square" else circle_boundary(V, loop)
    assert_array_equal(p.UV[loop], place)
    for weights in WEIGHTS:
        p = parameterize(V, F, boundary=boundary, weights=weights)
        assert p.flips.size + p.zero_area.size > 0


def test_a_finger_with_a_hole_falls_back_too(monkeypatch):
    V, F = meshes.finger(160, 5)
    V, F = meshes.cut_hole(V, F, np.arange(len(V)) == 12)
    for longest in (512, 2):  # sewn, centred
        monkeypatch.setattr("meshkit.flattening.holes.MAX_HOLE", longest)
        for fill_holes in (False, True):
            p = parameterize(V, F, fill_holes=fill_holes)
            assert p.weights == "grid"
            assert p.flips.size == p.zero_area.size == 0
            assert len(p.UV) == len(V)


def test_a_degenerate_face_leads_to_uniform_weights():
    V, F = meshes.bumpy(5)
    V = V.copy()
    V[0] = V[1]
    p = parameterize(V, F)
    assert p.weights == "uniform"
    assert p.flips.size == p.zero_area.size == 0
    assert np.isinf(p.distortion.angle).sum() == 2  # the faces at that edge
    with pytest.raises(DegenerateFaceError, match="uniform weights"):
        parameterize(V, F, weights="cotan")


def test_an_ear_at_a_hole_collapses_when_free_and_not_under_auto():
    """A vertex of a hole with two neighbours lies between them, under any weights."""
    V, F = meshes.bumpy()
    around = np.flatnonzero((F == 0).any(axis=1))
    F = np.delete(F, around[1:], axis=0)
    assert 0 in boundary_loops(F)[1]
    for weights in WEIGHTS:
        free = parameterize(V, F, weights=weights)
        assert_allclose(free.distortion.area[around[0]], 0, atol=1e-12)
    p = parameterize(V, F)
    assert p.zero_area.size == p.flips.size == 0
    assert p.distortion.area[around[0]] > 0.1


def test_named_weights_are_used_as_they_are_and_flips_reported(faces):
    mesh = load_mesh(faces / "makehuman" / "template_holes.obj")
    p = parameterize(mesh.V, mesh.F, weights="cotan")
    assert p.weights == "cotan"
    assert len(p.flips) == 8  # as libigl finds
    assert_array_equal(p.flips, flipped_faces(p.UV, mesh.F))


@pytest.mark.parametrize("weights", WEIGHTS)
def test_named_weights_without_holes_are_the_bare_solve(weights):
    V, F = meshes.bumpy()
    loop = boundary_loop(F)
    p = parameterize(V, F, weights=weights, boundary="circle")
    expected = harmonic_uv(V, F, loop, circle_boundary(V, loop), laplacian=WEIGHTS[weights])
    assert_array_equal(p.UV, expected)
    assert p.weights == weights
    assert len(p.distortion.angle) == len(F)


@pytest.mark.parametrize("exponent", [-1000, -40, 900])
@pytest.mark.parametrize("weights", ["auto", *WEIGHTS])
def test_scale_changes_nothing(weights, exponent):
    V, F = meshes.mask()
    p = parameterize(V, F, weights=weights, fill_holes=True)
    scaled = parameterize(np.ldexp(V, exponent), F, weights=weights, fill_holes=True)
    assert_array_equal(scaled.UV, p.UV)
    assert_array_equal(scaled.distortion.stretch, p.distortion.stretch)


@pytest.mark.parametrize(
    "options",
    [
        *({"method": method} for method in METHODS),
        {"boundary": "circle"},
        {"boundary": "rectangle", "aspect": 2.0},
        {"boundary": np.array([[0.0, 0], [1, 0], [0.5, 1]])},
        {"corners": "angle"},
        {"ears": "split"},
        {"ears": "auto", "balance": (16, 16)},
        *({"weights": weights, "fill_holes": True} for weights in ("auto", *WEIGHTS)),
    ],
    ids=str,
)
@pytest.mark.parametrize("mesh", [meshes.bumpy(6), meshes.mask()])
def test_neither_unit_nor_place_changes_a_map(mesh, options):
    V, F = mesh
    p = parameterize(V, F, **options)
    far = 1e6 * np.ptp(V) * np.array([1, -0.7, 0.3])  # which leaves the coordinates 10 digits
    for moved, tolerance in ((V * 1e9, 1e-9), (V / 1e9, 1e-9), ((V + far) / 1e9, 1e-6)):
        q = parameterize(moved, F, **options)
        assert_allclose(q.UV, p.UV, atol=tolerance)
        assert (q.weights, len(q.flips)) == (p.weights, len(p.flips))


def test_single_precision_is_computed_in_double():
    V, F = meshes.bumpy()
    single = V.astype(np.float32)
    assert_array_equal(parameterize(single, F).UV, parameterize(single.astype(float), F).UV)


def test_the_outer_loop_may_be_chosen():
    V, F = meshes.mask()
    loops = boundary_loops(F)
    p = parameterize(V, F, loop=2, fill_holes=True)
    assert_array_equal(p.loops[0], loops[2])
    assert ((p.UV[loops[2]] == 0) | (p.UV[loops[2]] == 1)).any(axis=1).all()
    again = parameterize(V, F, loop=loops[2], fill_holes=True)
    assert_array_equal(again.UV, p.UV)


def test_corners_may_be_chosen():
    V, F = meshes.bumpy()
    corners = boundary_loop(F)[[3, 20, 40, 60]]
    UV = parameterize(V, F, corners=corners).UV
    assert_array_equal(UV[corners], [[0, 0], [1, 0], [1, 1], [0, 1]])


def test_distortion_is_of_the_faces_of_the_mesh():
    V, F = meshes.mask()
    p = parameterize(V, F, fill_holes=True)
    assert p.fill_mask.sum() > 0
    assert {len(array) for array in p.distortion} == {len(F)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"boundary": "oval"}, r"boundary must be one of \['square', .*\] or points, got 'oval'"),
        ({"method": "lscn"}, r"method must be one of \['harmonic', .*\], got 'lscn'"),
        ({"ears": "cut"}, r"ears must be one of \['keep', .*\], got 'cut'"),
        ({"corners": "round"}, "corners must be 'pose', 'angle' or vertices, got 'round'"),
        ({"boundary": "circle", "corners": "angle"}, "a circle has no corners"),
        ({"aspect": 2.0}, "aspect belongs to boundary='rectangle'"),
        ({"boundary": "rectangle", "aspect": 0.0}, "aspect must be a positive number, got 0"),
        ({"method": "slim", "boundary": "circle"}, "lets the border go: no boundary"),
        ({"method": "arap", "corners": "angle"}, "lets the border go: no aspect, no corners"),
        ({"method": "slim", "balance": (8, 8)}, "lets the border go: .* no balance"),
        ({"method": "lscm", "weights": "cotan"}, "'lscm' starts from no map: no weights"),
        ({"balance": (8, 8), "max_angle": 0.5}, "max_angle must be 1 or more, got 0.5"),
        ({"weights": "best"}, r"weights must be 'auto' or one of \['cotan', .*\], got 'best'"),
        ({"boundary": "circle", "corners": np.arange(4)}, "a circle has no corners"),
        ({"loop": 7}, "loop 7 does not exist"),
        ({"corners": np.array([0, 0, 0, 0])}, "not on the loop|not four vertices"),
    ],
)
def test_unknown_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        parameterize(*meshes.bumpy(3), **options)


def test_all_attempts_are_named_when_all_fail(monkeypatch):
    monkeypatch.setattr("meshkit.param.grid_drawing", lambda F, loop, n: np.zeros((n, 2)))
    with pytest.raises(SolveError, match=r"cotan: .* flips.*mean-value: .*uniform: .*grid: face 0"):
        parameterize(*meshes.finger(160, 5))


def test_knotted_holes_are_not_filled():
    """Cotangent weights on needles fold the border of a hole."""
    rng = np.random.default_rng(39)
    V, F = meshes.mask()
    rough = V + rng.normal(scale=0.4, size=V.shape)
    with pytest.raises(SolveError, match=r"not a simple polygon.*weights='auto'"):
        parameterize(rough, F, weights="cotan", fill_holes=True)
    assert parameterize(rough, F, fill_holes=True).flips.size == 0


# Real faces.


@pytest.mark.parametrize("boundary", ["square", "circle"])
@pytest.mark.parametrize("fill_holes", [False, True])
@pytest.mark.parametrize("name", ["template", "template_holes"])
@pytest.mark.parametrize("source", ["ict", "makehuman"])
def test_templates_flatten_without_flips_and_upright(faces, source, name, fill_holes, boundary):
    mesh = load_mesh(faces / source / f"{name}.obj")
    p = parameterize(mesh.V, mesh.F, fill_holes=fill_holes, boundary=boundary)
    assert p.flips.size == p.zero_area.size == 0
    x, y, _ = mesh.V.T
    # u runs with the viewer's right, v upwards: the chin is at v = 0.
    assert np.corrcoef(p.UV[:, 0], x)[0, 1] > 0.8
    assert np.corrcoef(p.UV[:, 1], y)[0, 1] > 0.8
    assert abs(np.corrcoef(p.UV[:, 0], y)[0, 1]) < 0.2
    assert p.weights == ("cotan" if fill_holes and name == "template_holes" else p.weights)


def test_makehuman_falls_back_by_itself(faces):
    for name in ("template", "template_holes"):
        mesh = load_mesh(faces / "makehuman" / f"{name}.obj")
        assert parameterize(mesh.V, mesh.F).weights == "mean-value"


@pytest.mark.parametrize("n", [64, 128, 256])
def test_the_ict_face_with_filled_holes_covers_every_texel(faces, n):
    mesh = load_mesh(faces / "ict" / "template_holes.obj")
    p = parameterize(mesh.V, mesh.F, fill_holes=True)
    image = rasterize_uv(p.UV, p.F, (n, n))
    assert (image.face_index >= 0).all()
    centre = (np.arange(n) + 0.5) / n
    u, v = np.meshgrid(centre, centre)
    seen = raster_matrix(p.F, image, len(mesh.V)) @ p.UV
    assert_allclose(seen, np.stack([u.ravel(), v.ravel()], axis=1), atol=1e-12)


def test_random_faces_flatten_without_flips(faces):
    """Where cotangent weights flip up to 36 faces: smiles, open jaws, shut eyes."""
    model = np.load(faces / "ict" / "ict_face.npz")
    rng = np.random.default_rng(0)
    F = model["faces"].astype(np.int64)
    for _ in range(5):
        V = model["mean"].astype(float)
        V += np.tensordot(rng.normal(size=100), model["id_modes"], axes=1)
        V += np.tensordot(rng.uniform(size=53) ** 4, model["exp_modes"], axes=1)
        p = parameterize(V, F, fill_holes=True)
        assert p.flips.size == p.zero_area.size == 0


def test_coincident_border_vertices_are_named():
    V, F = meshes.bumpy(3)
    loop = boundary_loop(F)
    V = V.copy()
    V[loop[1]] = V[loop[2]]
    with pytest.raises(MeshError, match=f"border vertices {loop[1]} and {loop[2]} coincide"):
        parameterize(V, F)
