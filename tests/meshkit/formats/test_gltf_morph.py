"""Morph targets: mixtures by hand, seams, what is refused."""

import numpy as np
import pytest

from meshkit.errors import MeshError
from meshkit.formats.gltf_morph import MorphTarget, save_morphs
from meshkit.io import load_mesh
from meshkit.mesh import Mesh
from meshkit.primitives import hemisphere
from meshkit.render import vertex_normals
from tests.gan.gltf_rules import Glb
from tests.mesh_files import seamed


def flat(n: int = 5) -> Mesh:
    V, F = hemisphere(n)
    return Mesh(V, F, UV=V[:, :2] / 2 + 0.5)


def test_base_and_displacement_add_up_to_the_target(tmp_path):
    """Positions and normals both: a weight of 1 shows the target as if it were loaded alone."""
    mesh = flat()
    bent = mesh.V * (1, 1, 3) + np.sin(3 * mesh.V[:, [1, 2, 0]]) / 4
    targets = [MorphTarget("bent", bent), MorphTarget("größer", 2 * mesh.V)]
    save_morphs(tmp_path / "m.glb", mesh, targets, name="dome", meters=0.01)
    glb = Glb(tmp_path / "m.glb")
    assert glb.names == ["bent", "größer"]
    np.testing.assert_array_equal(glb.F, mesh.F)
    for target, stored in zip(targets, glb.targets, strict=True):
        np.testing.assert_allclose(glb.position + stored["POSITION"], target.V, atol=1e-6)
        N = vertex_normals(target.V, mesh.F)
        np.testing.assert_allclose(glb.normal + stored["NORMAL"], N, atol=1e-6)
    back = load_mesh(tmp_path / "m.glb")
    np.testing.assert_allclose(back.V, mesh.V / 100, atol=1e-8)
    np.testing.assert_allclose(back.UV, mesh.UV, atol=1e-6)


def test_along_a_seam_the_doubles_move_with_their_vertex(tmp_path):
    mesh = seamed()
    V = mesh.V + np.arange(len(mesh.V))[:, None]
    save_morphs(tmp_path / "m.glb", mesh, [MorphTarget("up", V)])
    glb = Glb(tmp_path / "m.glb")
    assert len(glb.position) > len(mesh.V)
    moved = glb.position + glb.targets[0]["POSITION"]
    at = {tuple(p): tuple(q) for p, q in zip(mesh.V.tolist(), V.tolist(), strict=True)}
    assert [at[tuple(p)] for p in glb.position.tolist()] == [tuple(q) for q in moved.tolist()]


def test_a_vertex_in_no_face_gets_a_normal_that_the_format_allows(tmp_path):
    mesh = flat()
    V = np.append(mesh.V, [[5.0, 5, 5]], axis=0)
    save_morphs(tmp_path / "m.glb", Mesh(V, mesh.F, UV=np.zeros((len(V), 2))), [])
    np.testing.assert_array_equal(Glb(tmp_path / "m.glb").normal[-1], [0, 0, 1])


def test_what_is_refused_leaves_no_file(tmp_path):
    mesh = flat()
    same, short = MorphTarget("a", mesh.V), MorphTarget("b", mesh.V[1:])
    far = MorphTarget("far", np.where(np.arange(len(mesh.V)) == 3, np.nan, mesh.V.T).T)
    for name, targets, error, message in (
        ("m.obj", [], ValueError, r"written to \.glb or \.gltf"),
        ("m.glb", [same, same], ValueError, "two morph targets are called 'a'"),
        ("m.glb", [short], ValueError, "'b' has .* vertices, the mesh"),
        ("m.glb", [same, far], MeshError, "'far' has a coordinate that is not finite"),
    ):
        with pytest.raises(error, match=message):
            save_morphs(tmp_path / name, mesh, targets)
    assert not list(tmp_path.iterdir())
