"""Without the extras, a command says in one line what to install."""

import sys

import pytest
from click.testing import CliRunner

from gan.cli import main


@pytest.mark.parametrize("package", ["torch", "h5py", "pydantic"])
def test_a_missing_package_names_its_extra(package, monkeypatch, tmp_path):
    for name in [n for n in sys.modules if n.split(".")[0] == "gan" and n.count(".") > 1]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("gan.config", "gan.cli.train"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    data = tmp_path / "faces.h5"
    data.write_bytes(b"")
    done = CliRunner().invoke(main, ["train", str(data), "--dry-run"])
    assert done.exit_code == 1
    expected = f"Error: {package} is not installed: pip install 'meshkit-gan[gan]'\n"
    assert done.output == expected
