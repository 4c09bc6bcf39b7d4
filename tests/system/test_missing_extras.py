"""Without the extras, a command says in one line what to install."""

import sys

import pytest

from tests.system.commands import dome, gan, run, write


@pytest.mark.parametrize("package", ["torch", "h5py", "pydantic"])
def test_a_missing_package_names_its_extra(package, monkeypatch, tmp_path):
    for name in [n for n in sys.modules if n.split(".")[0] == "gan" and n.count(".") > 1]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("gan.config", "gan.cli.train"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    data = tmp_path / "faces.h5"
    data.write_bytes(b"")
    said = gan.fails("train", data, "--dry-run")
    assert said == f"Error: {package} is not installed: pip install 'meshkit-gan[gan]'"


@pytest.mark.parametrize(
    "command",
    [["uvmap", "m.obj", "--weights", "robust"], ["laplacian", "m.obj", "--kind", "robust"]],
)
def test_weights_of_a_package_that_is_not_installed(command, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "robust_laplacian", None)
    write("m.obj", *dome(3))
    assert "pip install robust_laplacian; or take" in run.fails(*command)
