"""`meshkit laplacian` as a user calls it: what the archive holds, one line for every mistake."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from click.testing import CliRunner, Result
from numpy.testing import assert_allclose

import meshkit
from meshkit.cli import main
from meshkit.cli.laplacian import KINDS
from meshkit.io import save_mesh
from meshkit.mesh import Mesh
from tests import meshes


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(main, ["laplacian", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture(scope="module")
def mask(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("mesh") / "mask.ply"
    save_mesh(path, Mesh(*meshes.mask()))
    return path


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_archive_loads_as_the_help_says(mask, tmp_path, kind):
    out = tmp_path / "L.npz"
    result = run(mask, "-o", out, "--kind", kind)
    assert result.exit_code == 0, result.stderr
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
    result = run(mask, "-o", out, "--kind", "delaunay", "--mass", "full", "--eigen", 5, "--json")
    report = json.loads(result.stdout)
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


def test_negative_weights_are_counted_and_the_default_name_is_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    V, F = meshes.bumpy(4)
    save_mesh(Path("thin.obj"), Mesh(V * [1, 0.2, 1], F))
    report = json.loads(run("thin.obj", "--json", "--mass", "voronoi").stdout)
    L = sp.load_npz(report["output"])
    beside = sp.coo_array(sp.triu(L, 1))
    assert report["output"] == "thin_laplacian.npz"
    assert report["negative_weights"] == (beside.data > 0).sum() > 0


def test_the_same_command_gives_the_same_bytes_and_speaks(mask, tmp_path):
    files = [tmp_path / name for name in ("a.npz", "b.npz")]
    for out in files:
        text = run(mask, "-o", out, "--eigen", 3).stdout
    assert "negative weights" in text
    assert "eigenvalues" in text
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["missing.obj"], 1, "missing.obj: No such file"),
        (["-o", "L.mat"], 2, "the archive is an .npz"),
        (["--kind", "mean-value", "--eigen", 3], 2, "symmetric"),
        (["--eigen", 100000], 1, "k must be from 1 to the number of vertices"),
        (["--eigen", 0], 2, "x>=1"),
        (["-o", "nowhere/L.npz"], 1, "nowhere does not exist"),
    ],
)
def test_a_mistake_is_one_line(mask, tmp_path, monkeypatch, arguments, code, says):
    monkeypatch.chdir(tmp_path)
    mesh = [] if "missing.obj" in arguments else [mask]
    result = run(*mesh, *arguments)
    assert result.exit_code == code
    assert says in result.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_a_flat_face_is_named_with_its_file(tmp_path):
    path = tmp_path / "flat.obj"
    path.write_text("v 0 0 0\nv 1 0 0\nv 2 0 0\nv 0 1 0\nf 1 2 3\nf 1 3 4\n")
    result = run(path, "-o", tmp_path / "L.npz")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {path}: face 0 = [0, 1, 2] has no area")
    assert run(path, "-o", tmp_path / "L.npz", "--kind", "robust").exit_code == 0


def test_a_missing_package_is_one_line(mask, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "robust_laplacian", None)
    result = run(mask, "-o", tmp_path / "L.npz", "--kind", "robust")
    assert result.exit_code == 1
    assert "pip install robust_laplacian" in result.stderr
