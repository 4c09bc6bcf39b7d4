"""docs/reference/gallery.md: it has every public function, its calls run, its pictures exist."""

import importlib
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import meshkit

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/reference/gallery.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^### `(\w+)`$", TEXT, flags=re.MULTILINE)
UNSHOWN = re.findall(
    r"^\* `(\w+)`: \w", TEXT.partition("## Without a picture")[2], flags=re.MULTILINE
)


def test_every_public_function_is_shown_or_said_to_have_nothing_to_show():
    functions = [name for name in meshkit.__all__ if inspect.isfunction(getattr(meshkit, name))]
    assert sorted(SHOWN + UNSHOWN) == functions


def test_every_call_is_of_the_function_it_stands_under():
    for part in TEXT.split("### ")[1:]:
        name = part.split("`")[1]
        assert f"meshkit.{name}(" in part.partition("```python")[2].partition("```")[0], name


@pytest.fixture(scope="module")
def pictures() -> dict[str, np.ndarray]:
    """Run the page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "tools")
        return dict(importlib.import_module("draw_gallery").draw_page())


def test_the_calls_run_and_show_something(pictures):
    assert list(pictures) == SHOWN
    blank = [name for name, picture in pictures.items() if np.ptp(picture) < 64]
    assert blank == []


def test_the_files_are_the_pictures_of_the_page(pictures):
    """Of their size, and no other files; what they show may lag behind a change of the head."""
    folder = ROOT / "docs" / "pictures" / "gallery"
    sizes = {}
    for path in folder.iterdir():
        with Image.open(path) as image:
            sizes[path.stem] = image.size
    assert sizes == {name: picture.shape[1::-1] for name, picture in pictures.items()}
    assert sum(path.stat().st_size for path in folder.iterdir()) < 2e6
