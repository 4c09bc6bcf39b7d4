"""`gan data register`: many scans to one data set, on this machine or a cluster."""

import json
from pathlib import Path

import pytest

from gan.datasets.importing.manifest import Entry
from gan.datasets.importing.shards import divide
from gan.datasets.store import load_dataset
from meshkit.io import load_mesh, save_mesh
from meshkit.mesh import Mesh
from tests.gan.registered import face
from tests.system.json_page import assert_documented

CALL = ("data", "register", "scans", "--manifest", "scans.csv", "--template", "scans/a.ply")


@pytest.fixture(autouse=True)
def scans(tmp_path, monkeypatch):
    """Four people, and a scan that is none."""
    monkeypatch.chdir(tmp_path)
    Path("scans").mkdir()
    for k, name in enumerate("abce"):
        save_mesh(f"scans/{name}.ply", Mesh(*face(k, "neutral")))
    Path("scans/d.ply").write_text("no mesh")
    rows = [f"{name}.ply,{name},neutral,{'train' if name < 'c' else 'test'}" for name in "abcde"]
    Path("scans.csv").write_text("\n".join(["path,subject,expression,split", *rows]) + "\n")


def test_scans_are_registered_imported_in_shards_and_joined(gan):
    call = (*CALL, "-o", "faces.h5", "--shard", "2", "--register", "--rigid", "--json")
    done = gan(*call)
    assert done.exit_code == 0, done.output + "".join(
        f"\n{p}: {p.read_text()}" for p in Path("faces.work").rglob("*.log")
    )
    facts = json.loads(done.stdout)
    assert_documented("gan data register", facts)
    assert (facts["scans"], facts["shards"], facts["jobs"]) == (5, 2, 8)
    assert facts["left_out"] == [str(Path("scans/d.ply").resolve())]
    with load_dataset(Path("faces.h5")) as dataset:
        assert dataset.n == 4
        assert (dataset.faces == load_mesh("scans/a.ply").F).all()
    assert json.loads(gan(*call).stdout)["jobs"] == 0


def test_a_cluster_is_asked_for_every_job(gan):
    before = sorted(Path().rglob("*"))
    done = gan(*CALL, "-o", "f.h5", "--executor", "slurm", "--dry-run", "--", "--jobs", "7")
    assert done.exit_code == 0, done.output
    assert done.stdout == "f.h5: 5 scans, 7 jobs would be done; nothing was written\n"
    assert sorted(Path().rglob("*")) == before


def test_what_is_missing_is_said_first(fails):
    Path("scans/b.ply").unlink()
    assert "scans.csv, line 3: b.ply: no such file" in fails(*CALL, "-o", "f.h5")
    assert not Path("f.work").exists()


def test_shards_keep_subjects_whole():
    subjects = ["s10", "s2", "s2", "s1", "s10", "s1", "s1"]
    entries = [Entry(k, f"{k}", name, "", None, "", {}) for k, name in enumerate(subjects)]
    assert divide(entries, 5) == [[3, 5, 6, 1, 2, 0, 4]]
    assert divide(entries, 1) == [[3, 5, 6, 1, 2, 0, 4]]
    more = [Entry(k, f"{k}", f"s{k}", "", None, "", {}) for k in range(5)]
    assert divide(more, 2) == [[0, 1], [2, 3, 4]]
