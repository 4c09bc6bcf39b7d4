"""A tree that `git archive` made knows its version without git."""

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout")
def test_an_archive_of_a_commit_has_a_version(tmp_path):
    pytest.importorskip("setuptools_scm")
    tar = tmp_path / "tree.tar"
    subprocess.run(["git", "-C", str(ROOT), "archive", "-o", str(tar), "HEAD"], check=True)
    with tarfile.open(tar) as archive:
        archive.extractall(tmp_path / "tree", filter="data")
    command = [sys.executable, "-m", "setuptools_scm", "--root", str(tmp_path / "tree")]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not told.stdout.startswith("0.0")
    assert "+g" in told.stdout
