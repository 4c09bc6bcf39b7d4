"""The doctor: each defect planted by hand is found by index, and nothing else is."""

import dataclasses

import igl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from meshkit.diagnose import diagnose
from meshkit.doctor.defects import faces_by_component
from meshkit.doctor.diagnose_uv import uv_findings
from meshkit.doctor.findings import SEVERITIES, Finding
from meshkit.doctor.orientation import face_sides
from meshkit.errors import MeshError
from meshkit.io import load_mesh
from meshkit.mesh import Mesh
from meshkit.primitives import disk, grid
from meshkit.topology import boundary_loops, loop_lengths
from tests import meshes
from tests.mesh_files import seamed, square

SPHERE = np.array(  # an octahedron
    [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]]
)
SPHERE_V = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1.0]])


def names(V: np.ndarray, F: np.ndarray) -> dict[str, Finding]:
    return {finding.name: finding for finding in diagnose(V, F).findings}


def torus(n: int = 6) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    i = (a * n + b).ravel()
    right, up = (a * n + (b + 1) % n).ravel(), ((a + 1) % n * n + b).ravel()
    both = ((a + 1) % n * n + (b + 1) % n).ravel()
    F = np.concatenate([np.stack([i, up, both], 1), np.stack([i, both, right], 1)])
    u, v = 2 * np.pi * a.ravel() / n, 2 * np.pi * b.ravel() / n
    r = 2 + np.cos(v)
    return np.stack([r * np.cos(u), r * np.sin(u), np.sin(v)], axis=1), F


def moebius(n: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """A band of n quads whose last one closes with a half turn."""
    low, high = 2 * np.arange(n), 2 * np.arange(n) + 1
    next_low, next_high = np.roll(low, -1), np.roll(high, -1)
    next_low[-1], next_high[-1] = high[0], low[0]
    F = np.concatenate(
        [np.stack([low, next_low, high], 1), np.stack([high, next_low, next_high], 1)]
    )
    t = 2 * np.pi * np.repeat(np.arange(n), 2) / n
    w = np.tile([-0.3, 0.3], n)
    r = 1 + w * np.cos(t / 2)
    return np.stack([r * np.cos(t), r * np.sin(t), w * np.sin(t / 2)], axis=1), F


def test_a_clean_disk_has_nothing_but_its_numbers():
    V, F = disk(4)
    d = diagnose(V, F)
    assert (d.vertices, d.faces, d.components, d.loops) == (len(V), len(F), 1, (24,))
    assert (d.euler, d.genus, d.findings) == (1, 0, ())


def test_the_templates_have_the_numbers_of_their_readme(faces):
    """Loops, Euler characteristic and negative weights counted by other code."""
    expected = {
        "ict/template.obj": ((138,), 1, 174),
        "ict/template_holes.obj": ((138, 74, 42, 42), -2, 115),
        "makehuman/template.obj": ((72,), 1, 148),
        "makehuman/template_holes.obj": ((72, 38, 28, 28), -2, 126),
    }
    for name, (loops, euler, negative) in expected.items():
        mesh = load_mesh(faces / name)
        d = diagnose(mesh.V, mesh.F)
        assert (d.loops, d.euler, d.components, d.genus, d.errors) == (loops, euler, 1, 0, ())
        findings = {finding.name: finding.count for finding in d.findings}
        holes = {"holes": 0} if len(loops) > 1 else {}
        assert findings == {"negative-cotangent-weights": negative, **holes}


def test_a_vertex_that_is_not_finite():
    V, F = disk(3)
    V[[4, 9], [1, 2]] = np.nan, np.inf
    findings = names(V, F)
    np.testing.assert_array_equal(findings["not-finite"].indices, [4, 9])
    assert set(findings) == {"not-finite"}  # its faces are left out of the geometry


def test_faces_with_impossible_indices():
    V, F = disk(3)
    F = np.concatenate([F, [[0, 1, len(V)], [-1, 1, 2], [3, 3, 4], F[5, [1, 2, 0]], F[6, ::-1]]])
    m = len(F)
    findings = names(V, F)
    np.testing.assert_array_equal(findings["missing-vertices"].indices, [m - 5, m - 4])
    np.testing.assert_array_equal(findings["repeated-corners"].indices, [m - 3])
    np.testing.assert_array_equal(findings["duplicate-faces"].indices, [m - 2, m - 1])
    assert set(findings) == {"missing-vertices", "repeated-corners", "duplicate-faces"}


def test_unreferenced_and_coincident_vertices():
    V, F = disk(3)
    V = np.concatenate([V, V[:1], [[5, 5, 5]]])
    V[7], V[3, 2] = V[12], -0.0
    findings = names(V, F)
    np.testing.assert_array_equal(
        findings["unreferenced-vertices"].indices, [len(V) - 2, len(V) - 1]
    )
    np.testing.assert_array_equal(findings["coincident-vertices"].indices, [12])
    assert "7-12" in findings["coincident-vertices"].message
    assert findings["coincident-vertices"].severity == "warning"


def test_two_components_by_size():
    V, F = disk(2)
    W, G = disk(3)
    d = diagnose(np.concatenate([V, W + 9]), np.concatenate([F, G + len(V)]))
    (finding,) = d.findings
    assert (d.components, d.loops, d.euler, d.genus) == (2, (18, 12), 2, 0)
    np.testing.assert_array_equal(finding.indices, [len(F), 0])
    assert f"of {len(G)}, {len(F)} faces" in finding.message
    assert finding.remedy == "keep-component"
    label, count = faces_by_component(np.concatenate([F, G + len(V)]), len(V) + len(W))
    np.testing.assert_array_equal(label, np.repeat([1, 0], [len(F), len(G)]))
    assert count == 2


def test_a_third_face_at_an_edge():
    V, F = disk(3)
    V = np.concatenate([V, [[0, 0, 1]]])
    findings = names(V, np.concatenate([F, [[0, 1, len(V) - 1]]]))
    np.testing.assert_array_equal(findings["non-manifold-edges"].indices, [[0, 1]])
    assert set(findings) == {"non-manifold-edges", "ears"}
    assert diagnose(V, np.concatenate([F, [[0, 1, len(V) - 1]]])).genus is None


def test_two_sheets_that_meet_in_a_vertex():
    V, F = disk(2)
    rim = len(V) - 1
    W = np.concatenate([V, V[rim] + [[1, 0, 1], [1, 1, 1]]])
    findings = names(W, np.concatenate([F, [[rim, rim + 1, rim + 2]]]))
    np.testing.assert_array_equal(findings["non-manifold-vertices"].indices, [rim])
    assert set(findings) == {"non-manifold-vertices"}


@pytest.mark.parametrize("flipped", [[7], [0, 5, 11, 30]])
def test_flipped_faces_are_named_one_by_one(flipped):
    V, F = disk(4)
    F[flipped] = F[flipped][:, ::-1]
    d = diagnose(V, F)
    (finding,) = d.errors
    assert finding.name == "inconsistent-orientation"
    np.testing.assert_array_equal(finding.indices, flipped)
    assert d.loops == (24,)  # a flipped face does not open the surface


@given(mask=hnp.arrays(np.bool_, 96))
def test_orientation_is_restored_from_any_flips(mask):
    """Flipping what is named gives the disk back, or its mirror image if most were flipped."""
    F = disk(4)[1]
    turned = np.where(mask[:, None], F[:, ::-1], F)
    sides = face_sides(turned)
    restored = np.where(sides.inverted[:, None], turned[:, ::-1], turned)
    mirror = mask.sum() * 2 > len(F) or (mask.sum() * 2 == len(F) and mask[0])
    np.testing.assert_array_equal(restored, F[:, ::-1] if mirror else F)
    assert not sides.one_sided.any()


def test_of_two_equal_groups_the_first_face_is_right():
    F = np.array([[0, 1, 2], [1, 2, 3]])
    np.testing.assert_array_equal(face_sides(F).inverted, [False, True])
    np.testing.assert_array_equal(face_sides(F[:, ::-1]).inverted, [False, True])


def test_a_moebius_strip_has_no_orientation():
    V, F = moebius()
    findings = names(V, F)
    np.testing.assert_array_equal(findings["one-sided"].indices, np.arange(len(F)))
    assert diagnose(V, F).genus is None


def test_closed_surfaces_and_handles():
    d = diagnose(SPHERE_V, SPHERE)
    assert (d.loops, d.euler, d.genus) == ((), 2, 0)
    assert [finding.name for finding in d.errors] == ["closed"]
    V, F = torus()
    d = diagnose(V, F)
    assert (d.loops, d.euler, d.genus) == ((), 0, 1)
    assert {finding.name for finding in d.errors} == {"closed", "handles"}
    d = diagnose(V, F[1:])
    assert (d.loops, d.euler, d.genus) == ((3,), -1, 1)
    assert [finding.name for finding in d.errors] == ["handles"]


def test_holes_and_ears():
    V, F = disk(4)
    findings = names(V, F[6:])  # without the fan around the centre
    assert findings["holes"].remedy == "fill-holes"
    V, F = grid(3, 3)
    ears = [f for f in range(len(F)) if np.isin(F[f], [0, 3, 12, 15]).any()]
    ears = [f for f in ears if (np.isin(F[f], np.concatenate(boundary_loops(F))).all())]
    np.testing.assert_array_equal(names(V, F)["ears"].indices, ears)


def test_zero_areas_and_negative_weights():
    V, F = grid(2, 2)
    V[4] = V[0] + (V[8] - V[0]) * 0.5
    V[4, :2] += [0.2, 0.2]
    findings = names(V, F)
    L = igl.cotmatrix(V, F)
    i, j = findings["negative-cotangent-weights"].indices.T
    theirs = {(a, b) for a, b in zip(*L.nonzero(), strict=True) if a < b and L[a, b] < -1e-12}
    assert set(zip(i.tolist(), j.tolist(), strict=True)) == theirs
    V[4] = V[0]
    flat = names(V, F)["zero-area-faces"]
    assert flat.severity == "warning"
    np.testing.assert_array_equal(flat.indices, np.flatnonzero(igl.doublearea(V, F) < 1e-15))


def test_scale_does_not_change_the_verdict():
    V, F = disk(4)
    V[5] += 0.3
    plain = {name: finding.count for name, finding in names(V, F).items()}
    for scale in (1e-70, 1e-20, 1e70):
        assert {name: f.count for name, f in names(V * scale, F).items()} == plain


@pytest.mark.parametrize("scale", [1e-300, 1e-80, 1e80, 1e300])
def test_what_leaves_the_range_of_floating_point_is_refused(scale):
    V, F = disk(4)
    assert names(V * scale, F)["extreme-coordinates"].severity == "error"
    V[9] *= 1e90
    np.testing.assert_array_equal(names(V, F)["extreme-coordinates"].indices, [9])


def test_no_faces():
    none = np.zeros((0, 3), dtype=np.int64)
    for V, F in ((np.zeros((0, 3)), none), (np.eye(3), none), (np.eye(3), np.array([[0, 0, 9]]))):
        d = diagnose(V, F)
        assert d.errors[-1].name == "no-faces"
        assert (d.components, d.loops, d.euler, d.genus) == (0, (), 0, None)


index = st.integers(-2, 9)
coordinate = st.sampled_from([0.0, 1.0, -1.0, 2.0, 1e300, 1e-300, np.nan, np.inf])


@given(
    V=hnp.arrays(np.float64, st.tuples(st.integers(0, 9), st.just(3)), elements=coordinate),
    F=hnp.arrays(np.int64, st.tuples(st.integers(0, 14), st.just(3)), elements=index),
)
def test_any_arrays_get_a_diagnosis(V, F):
    """No defect is an exception, and every index exists."""
    d = diagnose(V, F)
    sizes = {"vertices": len(V), "faces": len(F), "edges": len(V)}
    for finding in d.findings:
        assert finding.severity in SEVERITIES
        assert finding.remedy
        if finding.count:
            assert finding.indices.min() >= 0
            assert finding.indices.max() < sizes[finding.kind]
    order = [SEVERITIES.index(finding.severity) for finding in d.findings]
    assert order == sorted(order)
    if not d.errors:
        assert [len(loop) for loop in boundary_loops(F)] == list(d.loops)
        assert d.euler == 2 - len(d.loops)  # a disk with holes


@given(st.integers(1, 5), hnp.arrays(np.bool_, 150))
def test_loops_are_those_of_the_ordered_walk(rings, mask):
    V, F = disk(rings)
    some = F[mask[: len(F)]]
    if not len(some) or diagnose(V, some).genus is None:
        return
    assert [len(loop) for loop in boundary_loops(some)] == list(loop_lengths(some))


def test_arrays_that_are_no_mesh():
    F = np.array([[0, 1, 2]])
    with pytest.raises(MeshError, match=r"F must be an integer array, got float64 \(1, 3\)"):
        diagnose(F, F.astype(float))
    with pytest.raises(MeshError, match=r"V must be \(n, 3\) and F \(m, 3\), got \(3, 2\) and"):
        diagnose(np.eye(3)[:, :2], F)
    assert diagnose(np.eye(3, dtype=np.float32), F.astype(np.uint8)).faces == 1


def test_to_dict_is_plain():
    import json

    V, F = disk(3)
    V[4, 1] = np.nan
    values = json.loads(json.dumps(diagnose(V, F).to_dict()))
    assert values["usable"] is False
    assert values["findings"][0]["indices"] == [4]
    assert set(values) == {f.name for f in dataclasses.fields(diagnose(V, F))} | {"usable"}


def test_texture_coordinates():
    assert uv_findings(Mesh(*disk(2))) == []
    assert uv_findings(square()) == []
    (seam,) = uv_findings(seamed())
    assert seam.name == "uv-seams"
    np.testing.assert_array_equal(seam.indices, [0, 2])
    shifted = seamed()
    assert shifted.UV_corner is not None
    UV_corner = shifted.UV_corner * (1, 0)  # the seam is in u alone
    some = uv_findings(Mesh(shifted.V, shifted.F, UV_corner=UV_corner, F_uv=shifted.F_uv))
    np.testing.assert_array_equal(some[0].indices, [0, 2])
    V, F = disk(2)
    UV = V[:, :2] / 2 + 0.5
    UV[3], UV[8, 1] = np.nan, 1.5
    findings = {finding.name: finding for finding in uv_findings(Mesh(V, F, UV=UV))}
    np.testing.assert_array_equal(findings["uv-not-finite"].indices, [3])
    np.testing.assert_array_equal(findings["uv-outside"].indices, [8])
    UV = V[:, :2] * (-1, 1) / 2 + 0.5
    (flipped,) = uv_findings(Mesh(V, F, UV=UV))
    np.testing.assert_array_equal(flipped.indices, np.arange(len(F)))
    (flat,) = uv_findings(Mesh(V, F, UV=UV * 0))
    assert (flat.name, flat.count) == ("uv-zero-area", len(F))


@pytest.mark.parametrize("mesh", [meshes.mask(), meshes.finger(30, 5), meshes.pretzel(2)])
@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_neither_unit_nor_place_changes_the_verdict(mesh, unit):
    V, F = mesh
    moved = (V + 1e6 * np.ptp(V) * np.array([1, -0.7, 0.3])) * unit
    for W in (V * unit, moved):
        counts = [[(x.name, len(x.indices)) for x in diagnose(P, F).findings] for P in (V, W)]
        assert counts[0] == counts[1]
