"""Run the calls of docs/reference/gallery.md and save the picture that each makes.

`python tools/draw_gallery.py [NAME...]` saves all pictures, or those of some functions.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from small_png import save_small

PAGE = Path(__file__).parents[1] / "docs/reference/gallery.md"
FOLDER = PAGE.parents[1] / "pictures" / "gallery"


def draw_page() -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the picture of every entry, in the order of the page."""
    text = PAGE.read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for part in re.split(r"^(?=##)", text, flags=re.MULTILINE):
        heading = re.match(r"### `(\w+)`", part)
        for block in re.findall(r"```python\n(.*?)```", part, flags=re.DOTALL):
            exec(
                compile(block, f"{PAGE.name}: {heading[1] if heading else 'start'}", "exec"), names
            )
        if heading:
            yield heading[1], np.asarray(names.pop("picture"))


def main(wanted: list[str]) -> None:
    """Save the pictures; remove those of functions that are gone from the page."""
    FOLDER.mkdir(exist_ok=True)
    drawn = set()
    for name, picture in draw_page():
        drawn.add(f"{name}.png")
        if wanted and name not in wanted:
            continue
        save_small(FOLDER / f"{name}.png", picture)
        print(f"{name}: {(FOLDER / f'{name}.png').stat().st_size} bytes")
    for path in FOLDER.glob("*.png"):
        if path.name not in drawn:
            path.unlink()


if __name__ == "__main__":
    main(sys.argv[1:])
