"""Run the cells of docs/gallery.py and save the picture that each makes.

`python tools/draw_gallery.py [NAME...]` saves all pictures, or those of some functions.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from small_png import save_small

SCRIPT = Path(__file__).parents[1] / "docs" / "gallery.py"
FOLDER = SCRIPT.parent / "pictures" / "gallery"


class Cell(NamedTuple):
    """A cell of the script: the function it shows ("section" for a heading), text and code."""

    name: str
    text: str
    code: str


def read_cells() -> list[Cell]:
    """Return the cells in order; the first, without a name, is what all others start from."""
    first, *rest = SCRIPT.read_text(encoding="utf-8").split("\n# %% ")
    cells = [Cell("", "", first.split('"""\n\n', 1)[1])]
    for part in rest:
        title, code = re.fullmatch(r"(.*?(?:\n# .*?)*)\n(?!# )(.*)", part, re.DOTALL).groups()  # type: ignore[union-attr]
        title = title.replace("\n# ", " ")
        heading = re.fullmatch(r"\[section\] (.*)", title)
        name, _, text = ("section", "", heading[1]) if heading else title.partition(": ")
        cells.append(Cell(name, text, code.strip()))
    return cells


def draw_page() -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the picture of every function, in the order of the script."""
    names: dict[str, object] = {}
    for cell in read_cells():
        exec(compile(cell.code, f"{SCRIPT.name}: {cell.name or 'start'}", "exec"), names)
        if cell.name not in ("", "section"):
            yield cell.name, np.asarray(names.pop("picture"))


def main(wanted: list[str]) -> None:
    """Save the pictures; remove those of functions that are gone from the script."""
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
