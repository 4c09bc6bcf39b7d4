"""What is installed is whole: every file of the packages, the version, the two programs."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD = "from setuptools import build_meta; print(build_meta.build_wheel('out'))"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of a copy that is no checkout, as from an archive of the sources."""
    source = tmp_path_factory.mktemp("source")
    for package in ("meshkit", "gan"):
        unwanted = shutil.ignore_patterns("__pycache__", "*.pyc")
        shutil.copytree(ROOT / package, source / package, ignore=unwanted)
    for name in ("pyproject.toml", "README.md", "LICENSE", "THIRD_PARTY.md"):
        shutil.copy(ROOT / name, source)
    call = [sys.executable, "-W", "ignore", "-c", BUILD]
    done = subprocess.run(call, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    with zipfile.ZipFile(source / "out" / done.stdout.split()[-1]) as archive:
        yield archive


def test_every_file_of_the_packages_is_in_it(wheel):
    """Presets, tables, style sheets, py.typed: whatever lies there."""
    here = {
        path.relative_to(ROOT).as_posix()
        for package in ("meshkit", "gan")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert inside == here
    assert {"meshkit/py.typed", "gan/py.typed", "gan/presets/paper.toml"} <= inside


def test_it_says_what_it_is(wheel):
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    metadata = wheel.read(name).decode()
    assert re.search(r"^Version: \d+\.\d+", metadata, re.MULTILINE)
    points = wheel.read(name.replace("METADATA", "entry_points.txt")).decode()
    assert {"meshkit = meshkit.cli:main", "gan = gan.cli:main"} <= set(points.splitlines())
