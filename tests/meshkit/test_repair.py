"""Repairs: the defect is gone, the rest is untouched, and the maps lead back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from meshkit.diagnose import diagnose
from meshkit.errors import MeshError, TopologyError
from meshkit.io import load_mesh
from meshkit.mesh import Mesh
from meshkit.primitives import disk, grid
from meshkit.repair import (
    Repair,
    compose,
    drop_duplicates,
    drop_unreferenced,
    fill_holes,
    follow,
    keep_component,
    merge_coincident,
    orient_faces,
    split_nonmanifold,
)
from meshkit.topology import nonmanifold_edges, nonmanifold_vertices

faces_of_any_kind = hnp.arrays(
    np.int64, st.tuples(st.integers(1, 14), st.just(3)), elements=st.integers(0, 6)
).filter(lambda F: ((np.roll(F, 1, axis=1) != F).all(axis=1)).any())


def errors(repair: Repair) -> set[str]:
    return {finding.name for finding in diagnose(repair.V, repair.F).errors}


def check_maps(V: np.ndarray, F: np.ndarray, repair: Repair) -> None:
    """Old vertices keep their place, old faces their vertices, up to direction."""
    old = repair.vertex_map >= 0
    np.testing.assert_array_equal(repair.V[old], V[repair.vertex_map[old]])
    kept = repair.face_map >= 0
    back = np.sort(repair.vertex_map[repair.F[kept]], axis=1)
    np.testing.assert_array_equal(back, np.sort(F[repair.face_map[kept]], axis=1))


def two_parts() -> tuple[np.ndarray, np.ndarray]:
    (V, F), (W, G) = disk(2), disk(3)
    return np.concatenate([V, [[7, 7, 7]], W + 9]), np.concatenate([F, G + len(V) + 1])


def test_components_by_rank():
    V, F = two_parts()
    for which, (W, G) in (("largest", disk(3)), (0, disk(3)), (1, disk(2))):
        repair = keep_component(V, F, which)
        np.testing.assert_allclose(repair.V - repair.V[0], W - W[0], atol=1e-15)
        np.testing.assert_array_equal(repair.F, G)
        check_maps(V, F, repair)
        assert not errors(repair)


@pytest.mark.parametrize("which", [2, -1, "smallest"])
def test_a_component_that_does_not_exist(which):
    with pytest.raises(ValueError, match="does not exist: give 'largest', or 0 to 1 by size"):
        keep_component(*two_parts(), which)


def test_unreferenced_vertices_are_dropped_and_nothing_else():
    V, F = two_parts()
    repair = drop_unreferenced(V, F)
    check_maps(V, F, repair)
    np.testing.assert_array_equal(repair.vertex_map, np.delete(np.arange(len(V)), 19))
    np.testing.assert_array_equal(repair.face_map, np.arange(len(F)))


def test_duplicates_and_faces_with_a_vertex_twice_go():
    V, F = disk(3)
    worse = np.concatenate([F[:4], [[5, 5, 6]], F[4:], F[[2]][:, [1, 2, 0]], F[[3]][:, ::-1]])
    repair = drop_duplicates(V, worse)
    np.testing.assert_array_equal(repair.F, F)
    np.testing.assert_array_equal(repair.face_map, np.delete(np.arange(len(F) + 1), 4))
    np.testing.assert_array_equal(repair.vertex_map, np.arange(len(V)))


def test_coincident_vertices_sew_two_halves():
    """Each face with vertices of its own, as in STL, becomes the disk again."""
    V, F = disk(3)
    soup = np.arange(F.size).reshape(-1, 3)
    repair = merge_coincident(V[F].reshape(-1, 3), soup)
    check = diagnose(repair.V, repair.F)
    assert not check.findings
    assert check.vertices == len(V)
    np.testing.assert_array_equal(repair.V[repair.F], V[F])
    np.testing.assert_array_equal(np.diff(repair.vertex_map) > 0, True)  # the first copy stays


def test_faces_that_merging_shrinks_to_an_edge_are_dropped():
    V, F = disk(2)
    V[1] = V[2]
    repair = merge_coincident(V, F)
    gone = np.flatnonzero(np.isin(F, [1]).any(axis=1) & np.isin(F, [2]).any(axis=1))
    np.testing.assert_array_equal(repair.face_map, np.delete(np.arange(len(F)), gone))
    assert len(repair.V) == len(V) - 1


def test_orientation_keeps_the_first_corner():
    V, F = disk(4)
    F[[0, 5, 11]] = F[[0, 5, 11]][:, ::-1]
    repair = orient_faces(V, F)
    assert not errors(repair)
    np.testing.assert_array_equal(repair.F[:, 0], F[:, 0])
    check_maps(V, F, repair)


def test_a_one_sided_sheet_has_no_orientation():
    F = np.array([[0, 1, 2], [2, 1, 3], [2, 3, 4], [4, 3, 0], [4, 0, 1]])  # 5 vertices: Möbius
    with pytest.raises(MeshError, match=r"face 0 lies on a sheet with one side only \(5 faces\)"):
        orient_faces(np.random.default_rng(0).normal(size=(5, 3)), F)


def test_holes_of_the_templates_are_filled_like_their_authors_did(faces):
    for name in ("ict", "makehuman"):
        mesh = load_mesh(faces / name / "template_holes.obj")
        repair = fill_holes(mesh.V, mesh.F)
        check_maps(mesh.V, mesh.F, repair)
        assert not errors(repair)
        filled = load_mesh(faces / name / "template.obj")
        assert repair.F.shape == filled.F.shape
        assert len(repair.V) == len(mesh.V)
        assert len(diagnose(repair.V, repair.F).loops) == 1


def test_holes_of_a_mesh_that_is_no_manifold_are_not_guessed():
    with pytest.raises(TopologyError, match="the boundary touches itself at vertex 0"):
        fill_holes(np.eye(5)[:, :3], np.array([[0, 1, 2], [0, 3, 4]]))


def test_keeping_no_loop_closes_the_surface():
    V, F = disk(3)
    repair = fill_holes(V, F, keep=0)
    assert diagnose(repair.V, repair.F).loops == ()
    assert errors(repair) == {"closed"}


def test_long_holes_get_a_centre(monkeypatch):
    monkeypatch.setattr("meshkit.flattening.holes.MAX_HOLE", 3)
    V, F = disk(3)
    V[:, 2] = (V**2).sum(axis=1)
    repair = fill_holes(V, F[6:])
    check_maps(V, F[6:], repair)
    assert repair.vertex_map[-1] == -1
    np.testing.assert_allclose(repair.V[-1], V[1:7].mean(axis=0), atol=1e-15)
    assert errors(repair) == {"unreferenced-vertices"}  # the old centre; orientation is right
    np.testing.assert_array_equal(repair.face_map[-6:], -1)


def test_an_edge_of_three_faces_is_cut():
    V, F = disk(3)
    V = np.concatenate([V, [[0, 0, 1]]])
    F = np.concatenate([F, [[0, 1, len(V) - 1]]])
    repair = split_nonmanifold(V, F)
    check_maps(V, F, repair)
    assert errors(repair) == {"several-components"}


def test_no_two_of_three_faces_at_an_edge_are_guessed_to_belong_together():
    F = np.array([[0, 1, 2], [1, 0, 3], [0, 1, 4]])
    repair = split_nonmanifold(np.random.default_rng(0).normal(size=(5, 3)), F)
    assert len(np.unique(repair.F)) == 9


def test_a_bow_tie_is_cut_at_its_knot_only():
    F = np.array([[0, 1, 2], [0, 3, 4]])
    V = np.random.default_rng(0).normal(size=(5, 3))
    repair = split_nonmanifold(V, F)
    np.testing.assert_array_equal(repair.F, [[0, 1, 2], [5, 3, 4]])
    np.testing.assert_array_equal(repair.vertex_map, [0, 1, 2, 3, 4, 0])


@given(faces_of_any_kind)
def test_cutting_makes_any_faces_a_manifold_and_leaves_a_manifold_alone(F):
    sound = drop_duplicates(np.zeros((7, 3)), F).F
    if not len(sound):
        return
    V = np.random.default_rng(0).normal(size=(7, 3))
    repair = split_nonmanifold(V, sound)
    check_maps(V, sound, repair)
    np.testing.assert_array_equal(repair.vertex_map[repair.F], sound)
    assert not len(nonmanifold_edges(repair.F))
    assert not len(nonmanifold_vertices(repair.F))
    if not len(nonmanifold_edges(sound)) and not len(nonmanifold_vertices(sound)):
        np.testing.assert_array_equal(repair.F, sound)


@given(faces_of_any_kind)
def test_the_doctors_remedies_cure_what_he_finds(F):
    """Each repair in its turn; afterwards none of their findings is left."""
    V = np.random.default_rng(0).normal(size=(7, 3))
    total = drop_duplicates(V, F)
    if not len(total.F):
        return
    for repair in (split_nonmanifold, drop_unreferenced, keep_component):
        total = compose(total, repair(total.V, total.F))
    check_maps(V, F, total)
    left = {finding.name for finding in diagnose(total.V, total.F).errors}
    assert left <= {"inconsistent-orientation", "one-sided", "closed", "handles"}
    if "one-sided" in left:
        return
    total = compose(total, orient_faces(total.V, total.F))
    check_maps(V, F, total)
    assert {finding.name for finding in diagnose(total.V, total.F).errors} <= {"closed", "handles"}


def textured() -> Mesh:
    V, F = two_parts()
    rng = np.random.default_rng(1)
    return Mesh(V, F, UV=rng.random((len(V), 2)), colors=rng.random((len(V), 3)))


def test_uv_and_colours_follow_their_vertices():
    mesh = textured()
    repair = keep_component(mesh.V, mesh.F, 1)
    kept = follow(mesh, repair)
    assert mesh.UV is not None
    assert mesh.colors is not None
    np.testing.assert_array_equal(kept.UV, mesh.UV[repair.vertex_map])
    np.testing.assert_array_equal(kept.colors, mesh.colors[repair.vertex_map])


@given(mask=hnp.arrays(np.bool_, 24), data=st.data())
def test_corner_uv_follow_turned_and_split_and_dropped_faces(mask, data):
    """The UV at each vertex of each face is the same before and after, whatever the repair."""
    V, F = disk(2)
    F = np.where(mask[:, None], F[:, ::-1], F)
    F = np.concatenate([F, [[0, 1, 20], [3, 3, 4]]])
    V = np.concatenate([V, np.full((2, 3), 5.0), V[:1]])
    rng = np.random.default_rng(2)
    mesh = Mesh(V, F, UV_corner=rng.random((40, 2)), F_uv=rng.integers(0, 40, F.shape))
    assert mesh.UV_corner is not None
    assert mesh.F_uv is not None
    name = data.draw(st.sampled_from([drop_duplicates, merge_coincident, keep_component]))
    total = drop_duplicates(V, F)
    for step in (name, split_nonmanifold, orient_faces):
        total = compose(total, step(total.V, total.F))
    after = follow(mesh, total)
    assert after.F_uv is not None
    for new, old in enumerate(total.face_map.tolist()):
        before = {
            int(v): uv.tolist()
            for v, uv in zip(F[old], mesh.UV_corner[mesh.F_uv[old]], strict=True)
        }
        for v, uv in zip(total.F[new], mesh.UV_corner[after.F_uv[new]], strict=True):
            assert before[int(total.vertex_map[v])] == uv.tolist()


def test_what_a_new_vertex_lacks_is_dropped_and_said(monkeypatch):
    monkeypatch.setattr("meshkit.flattening.holes.MAX_HOLE", 3)
    V, F = disk(3)
    V[:, 2] = (V**2).sum(axis=1)
    mesh = Mesh(V, F[6:], UV=V[:, :2], colors=V)
    with pytest.warns(UserWarning, match="texture coordinates and colours dropped: what the repa"):
        filled = follow(mesh, fill_holes(V, F[6:]))
    assert filled.UV is None
    assert filled.colors is None


def test_new_faces_lack_corner_uv():
    V, F = disk(3)
    mesh = Mesh(V, F[6:], UV_corner=V[:, :2], F_uv=F[6:])
    with pytest.warns(UserWarning, match="texture coordinates dropped"):
        assert follow(mesh, fill_holes(V, F[6:])).F_uv is None


def test_repairs_leave_their_arguments_alone():
    V, F = grid(3, 3)
    V.flags.writeable = F.flags.writeable = False
    for repair in (
        drop_duplicates,
        drop_unreferenced,
        merge_coincident,
        orient_faces,
        fill_holes,
        split_nonmanifold,
        keep_component,
    ):
        result = repair(V, F)
        np.testing.assert_array_equal(result.F, F)
        np.testing.assert_array_equal(result.V, V)
