"""The README's Python runs as it stands, and its links lead somewhere."""

import re
from pathlib import Path

import numpy as np
import pytest

from gan.datasets.procedural import ProceduralHead
from meshkit.io import save_mesh
from meshkit.mesh import Mesh

README = Path(__file__).parents[2] / "README.md"
TEXT = README.read_text(encoding="utf-8")


def test_every_block_runs_in_order(tmp_path, monkeypatch, trained, capsys):
    """One name space, as for a reader who pastes one block after the other."""
    head = ProceduralHead()
    save_mesh(tmp_path / "template.obj", Mesh(head.template, head.faces))
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "run").symlink_to(trained)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    code = "\n".join(blocks).replace('"happy"', '"left"')  # the small run knows no happiness
    names: dict = {}
    exec(compile(code, str(README), "exec"), names)
    weights, flips, error = capsys.readouterr().out.split()
    assert (weights, flips) == ("cotan", "0")
    assert float(error) < 0.02 * np.ptp(head.template), "the round trip is off, mm"
    assert names["image"].shape == (128, 128, 3)
    assert names["mapping"].shape == (128 * 128, len(head.template))
    assert names["faces"].shape == (8, 217, 3)


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", TEXT))
def test_every_link_leads_somewhere(link):
    assert (README.parent / link).exists()
