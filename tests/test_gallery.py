"""docs/gallery.py: it has every public function, its calls run, its pictures exist."""

import importlib
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import meshkit

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/reference/gallery.md").read_text(encoding="utf-8")
UNSHOWN = re.findall(
    r"^\* `(\w+)`: \w", PAGE.partition("## Without a picture")[2], flags=re.MULTILINE
)


@pytest.fixture(scope="module")
def gallery():
    """Return the module that reads and draws the page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "tools")
        return importlib.import_module("draw_gallery")


@pytest.fixture(scope="module")
def pictures(gallery) -> dict[str, np.ndarray]:
    """Run the page."""
    return dict(gallery.draw_page())


def test_every_public_function_is_shown_or_said_to_have_nothing_to_show(pictures):
    functions = [name for name in meshkit.__all__ if inspect.isfunction(getattr(meshkit, name))]
    assert sorted([*pictures, *UNSHOWN]) == sorted(functions)


def test_every_call_is_of_the_function_it_stands_under(gallery):
    for cell in gallery.read_cells():
        assert cell.name in ("", "section") or f"meshkit.{cell.name}(" in cell.code, cell.name


def test_the_calls_run_and_show_something(pictures):
    assert [name for name, picture in pictures.items() if np.ptp(picture) < 64] == []


def test_the_files_are_the_pictures_of_the_page(pictures):
    """Of their size, and no other files; what they show may lag behind a change of the head."""
    folder = ROOT / "docs" / "pictures" / "gallery"
    sizes = {}
    for path in folder.iterdir():
        with Image.open(path) as image:
            sizes[path.stem] = image.size
    assert sizes == {name: picture.shape[1::-1] for name, picture in pictures.items()}
    assert sum(path.stat().st_size for path in folder.iterdir()) < 2e6
