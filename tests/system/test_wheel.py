"""What is installed is whole: files, version, programs; and it works where no checkout is."""

import json
import os
import re
import shutil
import site
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from meshkit.io import load_mesh, save_mesh
from meshkit.mesh import Mesh
from tests.system.commands import dome
from tests.viewer_clients import ask

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


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory) -> Path:
    """An environment that has the wheel and, beside the library, what it depends on: from ours.

    Directories named in a .pth file are searched, but their own .pth files, by which a checkout
    is installed for development, are not read.
    """
    place = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    folder = "Scripts" if os.name == "nt" else "bin"
    pip = [sys.executable, "-m", "pip", "--python", place / folder / "python", "install", "-q"]
    subprocess.run([*pip, "--no-deps", "--no-index", wheel.filename], check=True)
    (theirs,) = place.rglob("site-packages")
    (theirs / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    return place / folder


def called(programs: Path, folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [programs / str(words[0]), *map(str, words[1:])],
        cwd=folder,
        env=alone(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done


def alone() -> dict[str, str]:
    """Return our environment without what would lead to the checkout."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def test_installed_code_is_that_of_the_wheel(programs, tmp_path):
    program = "import gan, meshkit; print(gan.__file__); print(meshkit.__file__)"
    for line in called(programs, tmp_path, "python", "-c", program).stdout.splitlines():
        assert Path(line).is_relative_to(programs.parent)


def test_installed_uvmap_works(programs, tmp_path):
    save_mesh(tmp_path / "dome.obj", Mesh(*dome()))
    called(programs, tmp_path, "meshkit", "uvmap", "dome.obj", "-o", "mapped.obj")
    UV = load_mesh(tmp_path / "mapped.obj").UV
    assert UV is not None
    assert 0 <= UV.min() < 0.1 < 0.9 < UV.max() <= 1


@contextmanager
def viewing(programs: Path, folder: Path, *words: object, token: str) -> Iterator[dict[str, Any]]:
    """Start a viewer, yield what it says of itself, end it."""
    command = [programs / str(words[0]), *map(str, words[1:]), "--port", "0", "--json"]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=alone() | {"MESHKIT_TOKEN": token},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            line = process.stdout.readline()
            assert line, f"it ended: {text}"
            text += line
        try:
            yield json.loads(text)
        finally:
            process.terminate()
    assert process.returncode == 0


@pytest.mark.parametrize("program", ["gan", "meshkit"])
def test_installed_viewers_serve_their_page(programs, tmp_path, trained, program):
    save_mesh(tmp_path / "dome.obj", Mesh(*dome()))
    subject = {"gan": trained, "meshkit": "dome.obj"}[program]
    token = "token-for-this-test"
    with viewing(programs, tmp_path, program, "view", subject, token=token) as told:
        status, _, body = ask(told["port"], f"/?token={token}")
        assert status == 200
        assert b'<div id="root">' in body
        assert told["url"].endswith(f"/?token={token}")
        assert ask(told["port"])[0] == 403
        assert ask(told["port"], "/?token=another-token")[0] == 403
