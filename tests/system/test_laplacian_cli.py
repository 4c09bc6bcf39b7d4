"""`meshkit laplacian` as a user calls it: what the archive holds, one line for every mistake."""

import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

import meshkit
from meshkit.cli.laplacian import KINDS
from meshkit.io import save_mesh
from meshkit.mesh import Mesh
from tests import meshes
from tests.system.commands import read_json, refuse, succeed


@pytest.fixture(scope="module")
def mask(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("mesh") / "mask.ply"
    save_mesh(path, Mesh(*meshes.mask()))
    return path


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_archive_loads_as_the_help_says(mask, tmp_path, kind):
    out = tmp_path / "L.npz"
    succeed("laplacian", mask, "-o", out, "--kind", kind)
    V, F = meshkit.load_mesh(mask).V, meshkit.load_mesh(mask).F
    L = sp.load_npz(out)
    assert isinstance(L, sp.csr_array)
    name = {"cotan": "cotangent"}.get(kind, kind.replace("-", "_"))
    expected = getattr(meshkit, f"{name}_laplacian")(V, F)
    np.testing.assert_array_equal(L.toarray(), expected.toarray())
    with np.load(out, allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["mass"], meshkit.lumped_mass(V, F))


def test_eigenpairs_and_full_mass_and_json(mask, tmp_path):
    out = tmp_path / "L.npz"
    options = ("--kind", "delaunay", "--mass", "full", "--eigen", 5)
    report = read_json("laplacian", mask, "-o", out, *options)
    with np.load(out) as archive:
        z = dict(archive)
    L = sp.load_npz(out)
    M = sp.csr_array((z["mass_data"], z["mass_indices"], z["mass_indptr"]), shape=L.shape)
    X = z["eigenvectors"]
    assert_allclose(L @ X, (M @ X) * z["eigenvalues"], atol=1e-9)
    assert report["eigenvalues"] == z["eigenvalues"].tolist()
    assert report["negative_weights"] == 0
    assert report["area"] == pytest.approx(M.sum())
    assert report["vertices"] == L.shape[0]


def test_negative_weights_are_counted_and_the_default_name_is_used(workdir):
    V, F = meshes.bumpy(4)
    save_mesh(Path("thin.obj"), Mesh(V * [1, 0.2, 1], F))
    report = read_json("laplacian", "thin.obj", "--mass", "voronoi")
    L = sp.load_npz(report["output"])
    beside = sp.coo_array(sp.triu(L, 1))
    assert report["output"] == "thin_laplacian.npz"
    assert report["negative_weights"] == (beside.data > 0).sum() > 0


def test_the_same_command_gives_the_same_bytes_and_speaks(mask, tmp_path):
    files = [tmp_path / name for name in ("a.npz", "b.npz")]
    for out in files:
        text = succeed("laplacian", mask, "-o", out, "--eigen", 3).stdout
    assert "negative weights" in text
    assert "eigenvalues" in text
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_mistake_is_one_line(mask, workdir, monkeypatch):
    refuse("laplacian", "missing.obj", says="missing.obj: No such file")
    refuse("laplacian", mask, "--eigen", 10**5, says="k must be from 1 to the number of vertices")
    refuse("laplacian", mask, "-o", "nowhere/L.npz", says="nowhere does not exist")
    monkeypatch.setitem(sys.modules, "robust_laplacian", None)
    refuse("laplacian", mask, "--kind", "robust", says="pip install robust_laplacian")


def test_a_flat_face_is_named_with_its_file(workdir):
    Path("flat.obj").write_text("v 0 0 0\nv 1 0 0\nv 2 0 0\nv 0 1 0\nf 1 2 3\nf 1 3 4\n")
    refuse("laplacian", "flat.obj", says="Error: flat.obj: face 0 = [0, 1, 2] has no area")
    succeed("laplacian", "flat.obj", "--kind", "robust")
