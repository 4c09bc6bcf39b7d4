"""What is imported when: the toolkit stays light, and help comes at once."""

import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

import meshkit
from meshkit.cli import COMMANDS

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "click", "rich", "igl", "trimesh", "matplotlib", "PIL", "OpenEXR", "h5py", "gan"}
ROOMS = ("doctor", "flattening", "images", "operators", "registration", "rendering", "report")
MATHEMATICS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for folder in ("", *ROOMS)
    for path in (ROOT / "meshkit" / folder).glob("*.py")
    if path.stem not in ("__init__", "__main__")
)


@cache
def loaded_by(statement: str) -> frozenset[str]:
    code = f"{statement}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return frozenset(done.stdout.splitlines()[-1].split())


def test_importing_meshkit_loads_nothing_heavy():
    assert not loaded_by("import meshkit") & (HEAVY | {"scipy", "numpy"})


def test_the_modules_of_meshkit_load_nothing_heavy():
    everything = "; ".join(f"import {name}" for name in MATHEMATICS)
    assert not loaded_by(everything) & HEAVY


def test_the_probe_can_see():
    assert {"torch", "click"} <= loaded_by("import torch, click, meshkit")


@pytest.mark.parametrize("call", ["gan", "meshkit", *(f"meshkit {name}" for name in COMMANDS)])
def test_help_loads_no_numbers(call):
    """`--help` answers in a tenth of a second: neither torch nor numpy stand behind it."""
    words = [*call.split(), "--help"]
    start = f"import sys; sys.argv = {words}; from {words[0]}.cli import main"
    loaded = loaded_by(f"{start}; main(standalone_mode=False)")
    assert "click" in loaded
    assert not loaded & {"torch", "numpy", "scipy", "h5py", "matplotlib", "pydantic", "rich", "PIL"}


@pytest.mark.parametrize("name", meshkit.__all__)
def test_every_public_name_is_where_it_says(name):
    assert getattr(meshkit, name).__name__ == name


def test_no_other_name_is_public():
    assert dir(meshkit) == sorted(meshkit.__all__)
    with pytest.raises(AttributeError, match="No meshkit attribute nonsense"):
        _ = meshkit.nonsense


@pytest.mark.parametrize("name", ["distortion", "geometry_image", "diagnose"])
def test_a_function_wins_over_the_submodule_of_its_name(name):
    for code in (
        f"import meshkit.{name}; import meshkit; f = meshkit.{name}",
        f"from meshkit import {name} as f; import meshkit.{name}",
        f"import meshkit; from meshkit.{name} import {name} as f; assert f is meshkit.{name}",
    ):
        loaded_by(f"{code}; assert callable(f), f")


def test_no_file_is_too_long():
    long = {
        str(path.relative_to(ROOT)): n
        for package in ("meshkit", "gan")
        for path in (ROOT / package).rglob("*.py")
        if (n := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}


def test_every_module_says_what_it_is_for():
    for package in ("meshkit", "gan"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if text.strip():
                assert text.startswith('"""'), path


@pytest.mark.parametrize("package", ["meshkit", "gan"])
def test_no_files_import_each_other_in_a_circle(package):
    """Imports inside functions count too: a circle that waits is one."""
    graph = grimp.build_graph(package)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    try:
        list(TopologicalSorter(imports).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
